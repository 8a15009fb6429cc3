use std::ops::Range;

/// How deep lists and tables may stand in each other.
pub(super) const DEEPEST: usize = 32;

/// A value of a definition and where it stands, the same for every format.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    /// The bytes of the source it was written as.
    pub(super) span: Range<usize>,
}

/// What a [`Node`] holds. Numbers keep the spelling of the source.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(String),
    DateTime(String),
    /// `plain` is set for a YAML word without quotes, of which `yes` may mean true, and for the value of a variable.
    String {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Table(Vec<(Key, Node)>),
}

/// A key of a table and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

impl Node {
    /// Writes the tree as JSON. A number keeps its spelling where JSON knows it.
    pub(super) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(truth) => Json::Bool(*truth),
            Value::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.clone())),
            Value::DateTime(text) | Value::String { text, .. } => Json::String(text.clone()),
            Value::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Value::Table(entries) => {
                let entry = |(key, node): &(Key, Self)| (key.text.clone(), node.to_json());
                Json::Object(entries.iter().map(entry).collect())
            }
        }
    }
}

impl Value {
    pub(super) fn string(text: impl Into<String>) -> Self {
        Self::String { text: text.into(), plain: false }
    }

    /// Names the kind of value for a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::DateTime(_) => "a date and time",
            Self::String { .. } => "a string",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Why a text could not be read at all: what, where, and where else.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) message: String,
    pub(super) span: Range<usize>,
}

impl SyntaxError {
    pub(super) fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self { message: message.into(), span }
    }

    pub(super) fn too_deep(span: Range<usize>) -> Self {
        Self::new(format!("lists and tables stand in each other more than {DEEPEST} deep"), span)
    }
}

/// Finds a key that stands twice in a table.
pub(super) fn check_unique(entries: &[(Key, Node)]) -> Result<(), SyntaxError> {
    let mut seen = std::collections::HashSet::new();
    match entries.iter().find(|(key, _)| !seen.insert(key.text.as_str())) {
        None => Ok(()),
        Some((key, _)) => Err(SyntaxError::new(
            format!("the key `{}` stands twice", key.text.escape_debug()),
            key.span.clone(),
        )),
    }
}
