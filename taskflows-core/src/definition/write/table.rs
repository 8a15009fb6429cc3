use std::fmt::Display;

use serde_json::{Map, Value};

/// A table that is being written. What is not said stays out of it.
#[derive(Default)]
pub(super) struct Table(Map<String, Value>);

impl Table {
    pub(super) fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    pub(super) fn maybe(&mut self, key: &str, value: Option<impl Into<Value>>) {
        value.into_iter().for_each(|value| self.put(key, value));
    }

    pub(super) fn text(&mut self, key: &str, value: Option<impl Display>) {
        self.maybe(key, value.map(|value| value.to_string()));
    }

    /// Says a flag that is set.
    pub(super) fn flag(&mut self, key: &str, is_set: bool) {
        self.maybe(key, is_set.then_some(true));
    }

    /// Says a list that has items.
    pub(super) fn list(&mut self, key: &str, items: impl IntoIterator<Item = Value>) {
        let items: Vec<Value> = items.into_iter().collect();
        self.maybe(key, (!items.is_empty()).then_some(items));
    }

    pub(super) fn texts(&mut self, key: &str, items: impl IntoIterator<Item = impl Display>) {
        self.list(key, items.into_iter().map(|item| Value::String(item.to_string())));
    }

    /// Says a table that has entries.
    pub(super) fn pairs<'a>(&mut self, key: &str, entries: impl IntoIterator<Item = (&'a str, Value)>) {
        let entries: Map<String, Value> =
            entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        self.maybe(key, (!entries.is_empty()).then_some(entries));
    }
}

impl From<Table> for Value {
    fn from(table: Table) -> Self {
        Self::Object(table.0)
    }
}
