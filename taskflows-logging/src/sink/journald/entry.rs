use serde_json::{Map, Value};
use taskflows_journal::JournalEntry;
use tracing::Level;

use super::super::Labels;
use super::super::queue::Queued;

/// A journal takes names of so many characters.
const LONGEST_NAME: usize = 64;

/// What the journal knows anyway, or under another name.
const LEFT_OUT: [&str; 6] = ["timestamp", "event", "level_name", "run_id", "attempt", "context"];

/// What a label may not say in the place of the line.
const RESERVED: [&str; 5] = ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "CODE_FILE", "CODE_LINE"];

/// Returns a line as an entry: `MESSAGE` is the event, `PRIORITY` its level, each key of the line a field of the same
/// name in capitals, and each field of its context one that begins with `CONTEXT_`. `CODE_FILE` and `CODE_LINE` say where
/// it was written, which stands in no line of JSON.
///
/// Source: systemd.journal-fields(7).
pub(super) fn entry(line: &Queued<'_>, labels: &Labels) -> JournalEntry {
    let Ok(object) = serde_json::from_slice::<Map<String, Value>>(line.json) else {
        return bare(line, labels);
    };
    let severity = object.get("severity").and_then(Value::as_str).unwrap_or_default();
    let mut entry = JournalEntry::default();
    entry.add("MESSAGE", text(object.get("event").unwrap_or(&Value::Null)).as_bytes());
    entry.add("PRIORITY", priority(line.level, severity).as_bytes());
    entry.add("SYSLOG_IDENTIFIER", labels.app.as_bytes());
    add_place(&mut entry, line);
    if let Some(run) = line.run_id {
        entry.add("TASKFLOWS_RUN_ID", run.as_bytes());
    }
    if let Some(attempt) = line.attempt {
        entry.add("TASKFLOWS_ATTEMPT", attempt.to_string().as_bytes());
    }
    // Of a note they are in the line as well.
    let is_told =
        |key: &str| line.run_id.is_some() && ["taskflows_run_id", "taskflows_attempt"].contains(&key);
    for (key, value) in object.iter().filter(|(key, _)| !LEFT_OUT.contains(&key.as_str()) && !is_told(key)) {
        add(&mut entry, "", key, value);
    }
    if let Some(Value::Object(context)) = object.get("context") {
        for (key, value) in context {
            add(&mut entry, "CONTEXT_", key, value);
        }
    }
    entry
}

/// Says where the line was written.
fn add_place(entry: &mut JournalEntry, line: &Queued<'_>) {
    if !line.file.is_empty() {
        entry.add("CODE_FILE", line.file.as_bytes());
    }
    if line.file_line > 0 {
        entry.add("CODE_LINE", line.file_line.to_string().as_bytes());
    }
}

fn add(entry: &mut JournalEntry, prefix: &str, key: &str, value: &Value) {
    // There are names of which nothing is left.
    if let Some(name) = name(prefix, key).filter(|name| !RESERVED.contains(&name.as_str())) {
        entry.add(&name, text(value).as_bytes());
    }
}

/// An entry of a line that is no JSON.
fn bare(line: &Queued<'_>, labels: &Labels) -> JournalEntry {
    JournalEntry::default()
        .with("MESSAGE", line.json)
        .with("PRIORITY", priority(line.level, ""))
        .with("SYSLOG_IDENTIFIER", &labels.app)
        .with("LOGGER", line.logger)
}

fn priority(level: Level, severity: &str) -> &'static str {
    match level {
        _ if severity == "CRITICAL" => "2",
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        Level::DEBUG | Level::TRACE => "7",
    }
}

/// Makes a name that the journal takes: capitals, digits and underscores, of which none comes first.
fn name(prefix: &str, key: &str) -> Option<String> {
    let legal = |it: char| if it.is_ascii_alphanumeric() { it.to_ascii_uppercase() } else { '_' };
    let key =
        if prefix.is_empty() { key.trim_start_matches(|it: char| !it.is_ascii_alphabetic()) } else { key };
    let name: String = prefix.chars().chain(key.chars().map(legal)).take(LONGEST_NAME).collect();
    (!key.is_empty()).then_some(name)
}

/// Returns a text as it is and all else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_made_legal() {
        for (prefix, key, expected) in [
            ("", "app", Some("APP")),
            ("", "taskflows_event", Some("TASKFLOWS_EVENT")),
            ("", "_private", Some("PRIVATE")),
            ("", "1x", Some("X")),
            ("", "__", None),
            ("", "", None),
            ("CONTEXT_", "user-id", Some("CONTEXT_USER_ID")),
            ("CONTEXT_", "1", Some("CONTEXT_1")),
            ("CONTEXT_", "größe", Some("CONTEXT_GR__E")),
            ("CONTEXT_", "", None),
        ] {
            assert_eq!(name(prefix, key).as_deref(), expected, "{prefix}{key}");
        }
    }

    proptest! {
        #[test]
        fn any_name_is_legal(key in ".{0,200}", prefix in "(CONTEXT_)?") {
            if let Some(name) = name(&prefix, &key) {
                prop_assert!(name.len() <= LONGEST_NAME);
                prop_assert!(name.starts_with(|it: char| it.is_ascii_uppercase()));
                prop_assert!(name.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || it == b'_'));
            }
        }
    }
}
