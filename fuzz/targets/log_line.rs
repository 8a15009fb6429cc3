//! No line of a log breaks what reads it, what it says is shown without control characters but the tab, and what it tells of a run
//! is told as the same run again.

#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use taskflows_core::log::StructuredLine;
use taskflows_core::task::{RunNotes, RunQuery};

fuzz_target!(|text: &str| {
    let Some(line) = StructuredLine::read(text) else { return };
    assert!(line.priority().is_none_or(|priority| priority <= 7));
    let shown = line.to_text();
    assert!(!shown.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\n')), "{shown:?}");
    let field = |name: &str| line.fields.get(&name.to_lowercase())?.as_str().map(str::to_owned);
    let mut notes = RunNotes::default();
    notes.note(Timestamp::UNIX_EPOCH, &field);
    let found = notes.select(&RunQuery::default());
    assert!(found.len() <= 1);
});
