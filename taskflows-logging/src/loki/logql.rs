//! Queries of Loki as text.
//!
//! Whatever a name or a text holds, it stays one string of the query.
//! Source: <https://grafana.com/docs/loki/latest/query/log_queries/>.
//!
//! ```
//! use taskflows_logging::loki::logql::Query;
//!
//! let query = Query::of_services(&["web", "nightly.backup"]).contains("disk \"full\"");
//! assert_eq!(query.to_string(), r#"{service_name=~"web|nightly\\.backup"} |= "disk \"full\"""#);
//! ```

use std::fmt::{self, Write as _};

/// A log query: a selector and the stages after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query(String);

impl Query {
    /// Selects what services wrote, by `service_name`; that of all services where none is named.
    pub fn of_services<S: AsRef<str>>(names: &[S]) -> Self {
        match names {
            [] => Self("{service_name=~\".+\"}".to_owned()),
            [name] => Self::of_labels(&[("service_name", name.as_ref())]),
            names => Self(format!("{{service_name=~{}}}", quote(&one_of(names)))),
        }
    }

    /// Selects the streams that have all these labels. What no label's name can hold becomes `_`.
    ///
    /// Loki refuses a selector without a label that is not empty.
    pub fn of_labels(labels: &[(&str, &str)]) -> Self {
        let matchers: Vec<_> =
            labels.iter().map(|(name, value)| format!("{}={}", label_name(name), quote(value))).collect();
        Self(format!("{{{}}}", matchers.join(", ")))
    }

    /// Keeps the lines that hold `text`.
    #[must_use]
    pub fn contains(self, text: &str) -> Self {
        self.and("|=", text)
    }

    /// Keeps the lines that hold one of `texts`; all of them where there is none.
    #[must_use]
    pub fn contains_one<S: AsRef<str>>(self, texts: &[S]) -> Self {
        match texts {
            [] => self,
            [text] => self.contains(text.as_ref()),
            texts => self.matches(&one_of(texts)),
        }
    }

    /// Keeps the lines in which a regular expression of RE2 is found.
    #[must_use]
    pub fn matches(self, expression: &str) -> Self {
        self.and("|~", expression)
    }

    /// Makes labels of the fields of each line.
    #[must_use]
    pub fn json(mut self) -> Self {
        self.0.push_str(" | json");
        self
    }

    /// Keeps the entries with this label, be it of the stream, of the entry (structured metadata) or read by a stage
    /// before.
    #[must_use]
    pub fn label_is(mut self, name: &str, value: &str) -> Self {
        // Writing into a string cannot fail.
        let _ = write!(self.0, " | {}={}", label_name(name), quote(value));
        self
    }

    /// Returns the query as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn and(mut self, operator: &str, text: &str) -> Self {
        let _ = write!(self.0, " {operator} {}", quote(text));
        self
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns `text` as a string of LogQL, quotes included.
///
/// Source: the Go specification, "String literals"; a NUL or a byte order mark as it stands ends the text for Go's
/// scanner, so they are written by their numbers.
///
/// ```
/// use taskflows_logging::loki::logql::quote;
///
/// assert_eq!(quote("say \"hi\"\n"), r#""say \"hi\"\n""#);
/// ```
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() || c == '\u{feff}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Returns a regular expression of RE2 that is found where `text` stands.
///
/// ```
/// use taskflows_logging::loki::logql::escape_regex;
///
/// assert_eq!(escape_regex("a.b (c)"), r"a\.b \(c\)");
/// ```
pub fn escape_regex(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn one_of<S: AsRef<str>>(texts: &[S]) -> String {
    texts.iter().map(|text| escape_regex(text.as_ref())).collect::<Vec<_>>().join("|")
}

/// Source: the data model of Prometheus, `[a-zA-Z_][a-zA-Z0-9_]*`.
fn label_name(text: &str) -> String {
    let name: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fake::unquote;
    use super::*;

    #[test]
    fn one_service_is_named_and_several_are_an_expression() {
        assert_eq!(Query::of_services(&["web"]).as_str(), r#"{service_name="web"}"#);
        let several = Query::of_services(&["web-1", "a.b"]);
        assert_eq!(several.as_str(), r#"{service_name=~"web-1|a\\.b"}"#);
        assert_eq!(Query::of_services::<&str>(&[]).as_str(), r#"{service_name=~".+"}"#);
    }

    #[test]
    fn stages_follow_in_order() {
        let query = Query::of_services(&["web"]).contains("a").json().label_is("run-id", "x\"y");
        assert_eq!(query.as_str(), r#"{service_name="web"} |= "a" | json | run_id="x\"y""#);
        let one = Query::of_labels(&[("app", "a"), ("1st", "b")]).contains_one(&["x", "y."]);
        assert_eq!(one.as_str(), r#"{app="a", _1st="b"} |~ "x|y\\.""#);
    }

    #[test]
    fn what_go_refuses_as_it_stands_is_a_number() {
        assert_eq!(quote("\0\u{feff}\u{7f}\u{85}é"), r#""\u0000\ufeff\u007f\u0085é""#);
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(text in any::<String>(), rest in "[ -~]*") {
            let query = format!("{}{rest}", quote(&text));
            // Nothing of the text is left behind the string's end, so nothing of it is a stage.
            prop_assert_eq!(unquote(&query), Some((text, rest.as_str())));
            prop_assert!(!quote(&query).contains(['\n', '\0']));
        }

        #[test]
        fn an_escaped_text_is_found_as_it_stands(text in any::<String>(), around in "[a-z]*") {
            let expression: taskflows_core::log::LogPattern = escape_regex(&text).parse().unwrap();
            let line = format!("{around}{text}{around}");
            prop_assert!(expression.is_in(&line));
        }
    }
}
