//! Entries of a log, as people read them and as data.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value};
use taskflows_core::effects::{LogEntry, LogOrigin};
use taskflows_core::log::{StructuredLine, level_word};

use crate::output::{Tone, paint};
use crate::ui::harmless;

/// Priorities of syslog(3).
const ERROR: u8 = 3;
const WARNING: u8 = 4;

/// What stands before the second line of a message and those after it.
const INDENT: &str = "    ";

/// An entry as data.
#[derive(Serialize)]
pub(super) struct LogRow<'a> {
    time: Timestamp,
    name: String,
    origin: &'static str,
    priority: u8,
    level: &'static str,
    run: Option<String>,
    attempt: Option<u32>,
    message: &'a str,
    /// Those of a structured line.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Map<String, Value>>,
}

pub(super) fn row(entry: &LogEntry) -> LogRow<'_> {
    LogRow {
        time: entry.time,
        name: entry.service.to_string(),
        origin: if entry.origin == LogOrigin::Manager { "systemd" } else { "process" },
        priority: entry.priority,
        level: level_word(entry.priority),
        run: entry.run.map(|run| run.to_string()),
        attempt: entry.attempt,
        message: &entry.message,
        fields: StructuredLine::read(&entry.message).map(|line| line.fields),
    }
}

/// Writes an entry for people: `Nov 24 14:00:00 hello`; further lines of its message are indented.
pub(crate) fn plain_line(entry: &LogEntry, zone: &TimeZone, with_name: bool) -> String {
    human_line(entry, zone, with_name, false)
}

/// Writes the same, where it may be coloured.
pub(super) fn human_line(entry: &LogEntry, zone: &TimeZone, with_name: bool, colour: bool) -> String {
    let mut line = entry.time.to_zoned(zone.clone()).strftime("%b %d %H:%M:%S").to_string();
    let mut add = |word: &str| {
        line.push(' ');
        line.push_str(word);
    };
    if with_name {
        add(entry.service.as_str());
    }
    let tone = match entry.priority {
        0..=ERROR => Tone::Bad,
        WARNING => Tone::Busy,
        _ => Tone::Plain,
    };
    match entry.origin {
        LogOrigin::Manager => add(&paint(colour, tone, "systemd:")),
        LogOrigin::Process if tone != Tone::Plain => {
            add(&paint(colour, tone, &level_word(entry.priority).to_uppercase()));
        }
        LogOrigin::Process => {}
    }
    let text = StructuredLine::read(&entry.message).map(|line| line.to_text());
    let text = text.filter(|text| !text.is_empty());
    let text = text.as_deref().unwrap_or(&entry.message).trim_end_matches('\n');
    let mut lines = text.split('\n').map(harmless);
    add(&lines.next().unwrap_or_default());
    for further in lines {
        line.push('\n');
        line.push_str(INDENT);
        line.push_str(&further);
    }
    line
}
