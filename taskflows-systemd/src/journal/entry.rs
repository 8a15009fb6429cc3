use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use taskflows_core::task::RunNotes;

/// One entry as `journalctl -o json` prints it.
///
/// A field is a string, an array of bytes where it is not UTF-8, an array of those where it stands
/// several times, or null where it was too long to print. Source: journalctl(1), `--output=json`.
#[derive(Debug)]
pub(super) struct Entry(HashMap<String, Field>);

impl Entry {
    /// Reads a line; `None` where it is no entry.
    pub(super) fn read(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok().map(Self)
    }

    /// Returns a field as text, its first value where there are several.
    pub(super) fn text(&self, field: &str) -> Option<String> {
        self.0.get(field)?.0.clone()
    }

    /// Takes a field as text out of the entry, which may be long.
    pub(super) fn take(&mut self, field: &str) -> Option<String> {
        self.0.remove(field)?.0
    }

    /// Returns when the entry was received.
    pub(super) fn time(&self) -> Option<Timestamp> {
        self.micros("__REALTIME_TIMESTAMP")
    }

    /// Returns when the entry was sent, which a busy journal receives later; where that is not known, when
    /// it was received.
    pub(super) fn sent(&self) -> Option<Timestamp> {
        self.micros("_SOURCE_REALTIME_TIMESTAMP").or_else(|| self.time())
    }

    /// Adds what it tells of a run.
    pub(super) fn note(&self, notes: &mut RunNotes) {
        if let Some(time) = self.sent() {
            notes.note(time, &|name| self.text(name));
        }
    }

    /// Tells whether it is about a command that prepares a run.
    pub(super) fn is_of_preparation(&self) -> bool {
        self.text("COMMAND").as_deref() == Some("ExecStartPre")
    }

    fn micros(&self, field: &str) -> Option<Timestamp> {
        Timestamp::from_microsecond(self.text(field)?.parse().ok()?).ok()
    }
}

/// The first value of a field as text, where there is one.
///
/// It is read as it comes: a message of a megabyte that is not UTF-8 is an array of a million numbers.
#[derive(Debug)]
struct Field(Option<String>);

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor).map(|part| match part {
            Part::Value(text) => Self(text),
            Part::Byte(_) => Self(None),
        })
    }
}

/// What stands in the place of a value: one, or a byte of one.
enum Part {
    Value(Option<String>),
    Byte(u8),
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field of a journal entry")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Part, E> {
        Ok(Part::Value(Some(text.to_owned())))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Part, E> {
        Ok(Part::Value(Some(text)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Part, E> {
        Ok(u8::try_from(number).map_or(Part::Value(None), Part::Byte))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Part, E> {
        Ok(Part::Value(None))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Part, E> {
        Ok(Part::Value(None))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Part, E> {
        Ok(Part::Value(None))
    }

    fn visit_unit<E: Error>(self) -> Result<Part, E> {
        Ok(Part::Value(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Part, A::Error> {
        let (mut bytes, mut first) = (Vec::new(), None);
        while let Some(item) = items.next_element::<Part>()? {
            match item {
                Part::Byte(byte) => bytes.push(byte),
                Part::Value(text) => first = first.or(text),
            }
        }
        let own = || (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned());
        Ok(Part::Value(first.or_else(own)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, message: Option<&str>) {
        let entry = Entry::read(&format!("{{\"MESSAGE\":{json}}}")).unwrap();
        assert_eq!(entry.text("MESSAGE").as_deref(), message);
    }

    #[test]
    fn a_field_has_four_shapes() {
        check("\"hello\"", Some("hello"));
        check("[104,105,255]", Some("hi\u{fffd}"));
        check("null", None);
        check("[\"one\",\"two\"]", Some("one"));
        check("[[104,105],\"two\"]", Some("hi"));
        check("[]", None);
        check("[\"one\",[104,105]]", Some("one"));
        check("[null,\"two\"]", Some("two"));
        check("[300,104]", Some("h"));
    }

    #[test]
    fn a_long_field_that_is_not_utf_8_is_read() {
        let bytes: Vec<&str> = std::iter::repeat_n("255", 1 << 20).collect();
        let entry = Entry::read(&format!("{{\"MESSAGE\":[{}]}}", bytes.join(","))).unwrap();
        assert_eq!(entry.text("MESSAGE").unwrap().chars().count(), 1 << 20);
    }

    #[test]
    fn what_is_no_entry_is_passed_over() {
        assert!(Entry::read("-- No entries --").is_none());
        assert!(Entry::read("{\"MESSAGE\":").is_none());
        assert_eq!(Entry::read("{\"__REALTIME_TIMESTAMP\":\"x\"}").unwrap().time(), None);
    }
}
