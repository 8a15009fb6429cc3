use std::error::Error;
use std::ops::Range;
use std::str::FromStr;

use super::expansion::Expansions;
use crate::definition::node::{Key, Node, Value};
use crate::definition::problem::Problem;
use crate::definition::shape::{Object, Shape};
use crate::definition::source::Source;
use crate::nearest;

/// So many errors are told at once, and so many warnings; more help nobody.
pub(super) const MOST_PROBLEMS: usize = 20;

/// Collects problems while a tree is read; a part that is wrong is `None`.
pub(super) struct Reader<'a> {
    pub(super) source: &'a Source,
    pub(super) told: Told,
}

/// What was found out about a file.
#[derive(Default)]
pub(super) struct Told {
    pub(super) errors: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    /// Places whose text could not be made whole, of which all is said.
    pub(super) spoiled: Vec<Range<usize>>,
    /// Places whose text holds values of variables.
    pub(super) expansions: Expansions,
}

/// A table of which every key is to be known.
pub(super) struct Fields<'a> {
    entries: &'a [(Key, Node)],
    unknown: Vec<&'a Key>,
    what: &'static str,
    span: Range<usize>,
}

impl<'a> Fields<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        let found = self.entries.iter().find(|(own, _)| own.text == key);
        found.map(|(_, node)| node).filter(|node| node.value != Value::Null)
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }
}

/// Writes an error with its causes.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Adds a problem that was not told. A default is read for each service, and is wrong once.
pub(super) fn add(problems: &mut Vec<Problem>, problem: Problem) {
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self { source, told: Told::default() }
    }

    pub(super) fn error(&mut self, problem: Problem) {
        let told = &mut self.told;
        if told.errors.len() < MOST_PROBLEMS && !told.spoiled.contains(problem.span()) {
            add(&mut told.errors, told.expansions.hide(problem));
        }
    }

    pub(super) fn warn(&mut self, problem: Problem) {
        let told = &mut self.told;
        if told.warnings.len() < MOST_PROBLEMS {
            add(&mut told.warnings, told.expansions.hide(problem));
        }
    }

    pub(super) fn wrong(&mut self, node: &Node, message: impl Into<String>) {
        self.error(Problem::error(message, node.span.clone(), ""));
    }

    fn expected<T>(&mut self, node: &Node, what: &str) -> Option<T> {
        let label = format!("expected {what}, found {}", node.value.kind());
        self.error(Problem::error(format!("expected {what}"), node.span.clone(), label));
        None
    }

    /// Opens a table and tells of every key that is not known and of every required one that is missing.
    pub(super) fn table(&mut self, node: &'a Node, object: &Object) -> Option<Fields<'a>> {
        let Value::Table(entries) = &node.value else {
            return self.expected(node, &format!("{} as a table", object.what));
        };
        let unknown = entries.iter().map(|(key, _)| key).filter(|key| object.field(&key.text).is_none());
        let unknown: Vec<&Key> = unknown.collect();
        for key in &unknown {
            self.unknown_key(key, object);
        }
        let fields = Fields { entries, unknown, what: object.what, span: node.span.clone() };
        for field in object.fields.iter().filter(|field| field.required && fields.get(field.key).is_none()) {
            self.missing_one_of(&fields, field.key, field.shape);
        }
        Some(fields)
    }

    /// Tells that a key is missing, unless it is there, misspelt, which was told.
    pub(super) fn missing(&mut self, fields: &Fields<'_>, key: &str) {
        self.missing_one_of(fields, key, Shape::Text);
    }

    fn missing_one_of(&mut self, fields: &Fields<'_>, key: &str, shape: Shape) {
        if fields.unknown.iter().any(|own| nearest(&own.text, [key]).is_some()) {
            return;
        }
        let message = format!("{} needs `{key}`", fields.what);
        let problem = Problem::error(message, fields.span.clone(), "");
        self.error(match shape {
            Shape::Words(words) => problem.help(format!("one of {}", words.join(", "))),
            _ => problem,
        });
    }

    fn unknown_key(&mut self, key: &Key, object: &Object) {
        let shown = key.text.escape_debug();
        if let Some((_, why)) = object.refused.iter().find(|(refused, _)| *refused == key.text) {
            return self.error(Problem::error(format!("`{shown}` {why}"), key.span.clone(), ""));
        }
        let problem =
            Problem::error(format!("unknown key `{shown}` in {}", object.what), key.span.clone(), "");
        self.error(match nearest(&key.text, object.keys()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("known keys: {}", object.keys().collect::<Vec<_>>().join(", "))),
        });
    }

    /// Returns the items of a list, or the one value that stands in place of a list.
    pub(super) fn one_or_many(node: &'a Node) -> &'a [Node] {
        match &node.value {
            Value::List(items) => items,
            _ => std::slice::from_ref(node),
        }
    }

    pub(super) fn string(&mut self, node: &'a Node) -> Option<&'a str> {
        match &node.value {
            Value::String { text, .. } => Some(text),
            Value::Number(_) | Value::Bool(_) => {
                let label = format!("expected a string, found {}", node.value.kind());
                self.error(
                    Problem::error("expected a string", node.span.clone(), label).help("put it in quotes"),
                );
                None
            }
            _ => self.expected(node, "a string"),
        }
    }

    /// Reads a string, or a number in its own spelling.
    pub(super) fn amount(&mut self, node: &'a Node) -> Option<&'a str> {
        match &node.value {
            Value::String { text, .. } | Value::Number(text) => Some(text),
            _ => self.expected(node, "a string or a number"),
        }
    }

    /// Parses a string, or a number in its own spelling, into a value of the model.
    pub(super) fn scalar<T>(&mut self, node: &'a Node) -> Option<T>
    where
        T: FromStr,
        T::Err: Error,
    {
        let text = self.amount(node)?;
        self.parse(node, text)
    }

    pub(super) fn boolean(&mut self, node: &Node) -> Option<bool> {
        match &node.value {
            Value::Bool(truth) => Some(*truth),
            Value::String { text, plain: true } => match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "true" => Some(true),
                "no" | "off" | "false" => Some(false),
                _ => self.expected(node, "true or false"),
            },
            _ => self.expected(node, "true or false"),
        }
    }

    pub(super) fn number<T: FromStr>(&mut self, node: &'a Node, what: &str) -> Option<T> {
        let (Value::Number(text) | Value::String { text, plain: true }) = &node.value else {
            return self.expected(node, what);
        };
        match text.parse() {
            Ok(number) => Some(number),
            Err(_) => {
                self.error(Problem::error(format!("`{text}` is not {what}"), node.span.clone(), ""));
                None
            }
        }
    }

    /// Parses a text into a value of the model.
    pub(super) fn parse<T>(&mut self, node: &Node, text: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: Error,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(node, chain(&error));
                None
            }
        }
    }

    /// Parses the key of an entry that its author named.
    pub(super) fn key<T>(&mut self, key: &Key) -> Option<T>
    where
        T: FromStr,
        T::Err: Error,
    {
        let parsed = key.text.parse();
        parsed.map_err(|error| self.error(Problem::error(chain(&error), key.span.clone(), ""))).ok()
    }

    pub(super) fn parsed<T>(&mut self, node: &'a Node) -> Option<T>
    where
        T: FromStr,
        T::Err: Error,
    {
        let text = self.string(node)?;
        self.parse(node, text)
    }

    /// Reads one of a few words, with the nearest where it is none of them.
    pub(super) fn word<T>(&mut self, node: &'a Node, words: &[&str]) -> Option<T>
    where
        T: FromStr,
        T::Err: Error,
    {
        let text = self.string(node)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let problem = Problem::error(chain(&error), node.span.clone(), "");
                self.error(match nearest(text, words.iter().copied()) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem,
                });
                None
            }
        }
    }
}
