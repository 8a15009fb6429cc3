use std::error::Error;
use std::fmt::{self, Write as _};

use serde::Serialize;
use tracing::field::{Field, Visit};

use super::parts::{Parts, Slot};
use super::{failure, json, text};

/// Takes the fields of an event or a span.
pub(crate) struct Fields<'a> {
    pub(crate) parts: &'a mut Parts,
    /// Room for what a value says of itself.
    pub(crate) text: &'a mut String,
    pub(crate) limit: usize,
    pub(crate) of: Of<'a>,
}

/// Whose fields they are.
pub(crate) enum Of<'a> {
    /// Of an event, whose message, the field of this name, is kept apart.
    Event(&'a mut String, &'static str),
    /// Of a record of the `log` crate, which comes with its origin as fields.
    Record(&'a mut String, &'a mut Origin),
    /// Of a span.
    Span,
    /// Of the span of a task.
    Task,
}

/// Where a record of the `log` crate is from.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    pub(crate) target: String,
    pub(crate) module: String,
    pub(crate) file: String,
    pub(crate) line: Option<u32>,
}

impl Origin {
    pub(crate) fn clear(&mut self) {
        for text in [&mut self.target, &mut self.module, &mut self.file] {
            text.clear();
        }
        self.line = None;
    }
}

impl Fields<'_> {
    /// Returns the name of a field, and where it goes; and room for text.
    fn slot<'s>(&'s mut self, field: &'s Field) -> (&'s str, Slot<'s>, &'s mut String) {
        let name = field.name();
        let name = name.strip_prefix("r#").unwrap_or(name);
        let is_task = matches!(self.of, Of::Task);
        let slot = match &mut self.of {
            Of::Event(event, message) if *message == name => Slot::Text(event),
            Of::Record(event, _) if name == "message" => Slot::Text(event),
            Of::Record(_, origin) => match name {
                "log.target" => Slot::Text(&mut origin.target),
                "log.module_path" => Slot::Text(&mut origin.module),
                "log.file" => Slot::Text(&mut origin.file),
                "log.line" => Slot::Number(&mut origin.line),
                _ => self.parts.slot(name, false),
            },
            _ => self.parts.slot(name, is_task),
        };
        (name, slot, self.text)
    }

    fn number(&mut self, field: &Field, value: impl Serialize + fmt::Display) {
        let limit = self.limit;
        match self.slot(field) {
            (name, Slot::Member(members), _) => members.add(name, |json| text::number(json, value)),
            (name, slot, text) => {
                text.clear();
                // A `String` takes everything.
                let _ = write!(text, "{value}");
                slot.set(name, text, limit);
            }
        }
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.number(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.number(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.number(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let limit = self.limit;
        let (name, slot, _) = self.slot(field);
        slot.set(name, value, limit);
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.record_str(field, &String::from_utf8_lossy(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let limit = self.limit;
        match self.slot(field) {
            (name, Slot::Member(members), _) => failure::add(members, name, value, limit),
            _ => self.record_debug(field, &format_args!("{value}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let limit = self.limit;
        let (name, slot, text) = self.slot(field);
        text.clear();
        let mut say = || text::format(text, limit, format_args!("{value:?}"));
        match slot {
            Slot::Member(members) => match json::listen(say) {
                Some(value) => members.add(name, |json| text::value(json, &value, limit)),
                None => members.add(name, |json| text::cut_string(json, text, limit)),
            },
            slot => {
                say();
                slot.set(name, text, limit);
            }
        }
    }
}
