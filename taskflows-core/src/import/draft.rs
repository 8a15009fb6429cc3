//! Services as they are written into a definition file.

use std::fmt::Write as _;

use crate::Section;

/// A service of a definition that is yet to be written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Draft {
    pub(super) name: String,
    fields: Vec<(&'static str, Value)>,
    directives: Vec<(Section, String, Vec<String>)>,
}

/// A value of a definition file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Truth(bool),
    Number(u64),
    List(Vec<Value>),
    Table(Vec<(String, Value)>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<String>> for Value {
    fn from(texts: Vec<String>) -> Self {
        Self::List(texts.into_iter().map(Self::Text).collect())
    }
}

impl Value {
    /// Returns the one value of `values`, or their list.
    pub(super) fn one_or_many(mut values: Vec<Self>) -> Self {
        match values.len() {
            1 => values.remove(0),
            _ => Self::List(values),
        }
    }
}

impl Draft {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    pub(super) fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        self.fields.push((key, value.into()));
    }

    /// Passes a directive through, one line for each value.
    pub(super) fn pass(&mut self, section: Section, key: &str, values: Vec<String>) {
        self.directives.push((section, key.to_owned(), values));
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.fields.iter().any(|(own, _)| *own == key)
    }

    /// Writes the service as TOML.
    pub(super) fn to_toml(&self) -> String {
        let mut text = String::from("[[services]]\n");
        line(&mut text, "name", &self.name.as_str().into());
        for (key, value) in &self.fields {
            line(&mut text, key, value);
        }
        for section in [Section::Unit, Section::Service, Section::Timer] {
            let mut passed = self.directives.iter().filter(|(own, _, _)| *own == section).peekable();
            if passed.peek().is_some() {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "\n[services.systemd.{section}]");
            }
            for (_, key, values) in passed {
                let values = values.iter().map(|value| value.as_str().into()).collect();
                line(&mut text, key, &Value::one_or_many(values));
            }
        }
        text
    }
}

fn line(text: &mut String, key: &str, value: &Value) {
    push_key(text, key);
    text.push_str(" = ");
    push_value(text, value);
    text.push('\n');
}

fn push_key(text: &mut String, key: &str) {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.is_empty() && key.bytes().all(bare) {
        text.push_str(key);
    } else {
        // A key that is not plain is quoted; what a quote or a backslash in it would need, no key of a
        // definition may hold.
        let _ = write!(text, "{key:?}");
    }
}

fn push_value(text: &mut String, value: &Value) {
    match value {
        // What a command says of `${env:` is its own, not a variable of the definition.
        Value::Text(content) => {
            text.push_str(&toml::Value::String(content.replace("${env:", "$${env:")).to_string());
        }
        Value::Truth(truth) => {
            let _ = write!(text, "{truth}");
        }
        Value::Number(number) => {
            let _ = write!(text, "{number}");
        }
        Value::List(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                push_value(text, item);
            }
            text.push(']');
        }
        Value::Table(entries) => {
            text.push_str("{ ");
            for (index, (key, item)) in entries.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                push_key(text, key);
                text.push_str(" = ");
                push_value(text, item);
            }
            text.push_str(" }");
        }
    }
}

/// Writes lines as comments, so that no character of theirs ends one or is refused in it.
pub(super) fn comment(text: &mut String, content: &str) {
    for line in content.lines() {
        text.push_str("# ");
        for c in line.chars() {
            if c.is_control() && c != '\t' {
                text.extend(c.escape_default());
            } else {
                text.push(c);
            }
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_looks_like_a_variable_of_the_definition_stays_as_it_is() {
        let mut draft = Draft::new("x");
        draft.set("start_command", vec!["echo".to_owned(), "${env:HOME}".to_owned()]);
        let zones =
            crate::schedule::Zones::new(jiff::tz::TimeZoneDatabase::bundled(), jiff::tz::TimeZone::UTC);
        let source = crate::Source::new("x.toml", draft.to_toml(), crate::Format::Toml);
        let read = crate::read(&source, &zones).unwrap();
        assert_eq!(read.services[0].start_command.as_ref().unwrap().argv()[1], "${env:HOME}");
    }

    #[test]
    fn a_draft_is_written_with_its_directives_last() {
        let mut draft = Draft::new("web");
        draft.set("start_command", vec!["sh".to_owned(), "-c".to_owned(), "echo \"a\" 'b'\n\\%".to_owned()]);
        draft.set("enabled", Value::Truth(true));
        draft.set("restart_policy", Value::Table(vec![("max_attempts".to_owned(), Value::Number(5))]));
        draft.pass(Section::Service, "Nice", vec!["5".to_owned()]);
        draft.pass(Section::Unit, "Documentation", vec!["man:a".to_owned(), "man:b".to_owned()]);
        insta::assert_snapshot!(draft.to_toml());
    }

    proptest! {
        #[test]
        fn every_text_reads_back(content in any::<String>(), key in "[a-z._-]{1,8}") {
            let mut draft = Draft::new("x");
            draft.set("start_command", vec!["true".to_owned(), content.clone()]);
            draft.set("env", Value::Table(vec![(key.clone(), content.clone().into())]));
            let mut text = String::new();
            comment(&mut text, &content);
            text.push_str(&draft.to_toml());
            let table: toml::Table = text.parse().unwrap();
            let service = &table["services"][0];
            prop_assert_eq!(service["start_command"][1].as_str(), Some(content.as_str()));
            prop_assert_eq!(service["env"][&key].as_str(), Some(content.as_str()));
        }
    }
}
