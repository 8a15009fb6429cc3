use jiff::Timestamp;
use serde_json::{Map, Value};
use taskflows_core::task::RunNotes;

/// One entry as `journalctl -o json` prints it.
///
/// A field is a string, an array of bytes where it is not UTF-8, an array of those where it stands
/// several times, or null where it was too long to print. Source: journalctl(1), `--output=json`.
#[derive(Debug)]
pub(super) struct Entry(Map<String, Value>);

impl Entry {
    /// Reads a line; `None` where it is no entry.
    pub(super) fn read(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok().map(Self)
    }

    /// Returns a field as text, its first value where there are several.
    pub(super) fn text(&self, field: &str) -> Option<String> {
        text_of(self.0.get(field)?)
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

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => match items.first()? {
            Value::Number(_) => {
                let bytes: Vec<u8> =
                    items.iter().filter_map(|item| u8::try_from(item.as_u64()?).ok()).collect();
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
            first => text_of(first),
        },
        _ => None,
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
    }

    #[test]
    fn what_is_no_entry_is_passed_over() {
        assert!(Entry::read("-- No entries --").is_none());
        assert!(Entry::read("{\"MESSAGE\":").is_none());
        assert_eq!(Entry::read("{\"__REALTIME_TIMESTAMP\":\"x\"}").unwrap().time(), None);
    }
}
