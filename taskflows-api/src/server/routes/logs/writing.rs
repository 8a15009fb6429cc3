//! The forms in which entries are sent.

use jiff::Timestamp;
use serde::Serialize;
use taskflows_core::effects::LogEntry;

use super::position::{Counter, Position};
use crate::server::Problem;
use crate::wire::{LogLine, StreamedLine};

/// Writes entries one after the other.
pub(super) trait Writing: Send {
    /// Writes what is to be sent before the first entry is there; nothing where that waits for it.
    fn open(&mut self, _: &mut Vec<u8>) {}

    /// Writes the next entry.
    fn entry(&mut self, entry: LogEntry, to: &mut Vec<u8>);

    /// Writes what means nothing, so that the receiver sees that the connection is there.
    fn beat(&mut self, to: &mut Vec<u8>);

    /// Writes that this was all.
    fn end(&mut self, to: &mut Vec<u8>);

    /// Writes what went wrong, after entries were sent; returns it where the form has no words for it.
    fn fail(&mut self, problem: Problem, to: &mut Vec<u8>) -> Result<(), Problem>;
}

/// Texts and numbers alone are written, which cannot fail.
fn json(value: &impl Serialize, to: &mut Vec<u8>) {
    let before = to.len();
    if serde_json::to_writer(&mut *to, value).is_err() {
        to.truncate(before);
        to.extend_from_slice(b"null");
    }
}

/// One JSON array.
#[derive(Default)]
pub(super) struct Array {
    is_begun: bool,
}

impl Writing for Array {
    fn entry(&mut self, entry: LogEntry, to: &mut Vec<u8>) {
        to.push(if self.is_begun { b',' } else { b'[' });
        self.is_begun = true;
        json(&LogLine::from(entry), to);
    }

    fn beat(&mut self, to: &mut Vec<u8>) {
        to.push(b'\n');
    }

    fn end(&mut self, to: &mut Vec<u8>) {
        to.extend_from_slice(if self.is_begun { b"]" } else { b"[]" });
    }

    fn fail(&mut self, problem: Problem, _: &mut Vec<u8>) -> Result<(), Problem> {
        Err(problem)
    }
}

/// A line of JSON each.
pub(super) struct Lines;

impl Writing for Lines {
    fn entry(&mut self, entry: LogEntry, to: &mut Vec<u8>) {
        json(&LogLine::from(entry), to);
        to.push(b'\n');
    }

    fn beat(&mut self, to: &mut Vec<u8>) {
        to.push(b'\n');
    }

    fn end(&mut self, _: &mut Vec<u8>) {}

    fn fail(&mut self, problem: Problem, to: &mut Vec<u8>) -> Result<(), Problem> {
        json(&StreamedLine::Problem { problem }, to);
        to.push(b'\n');
        Ok(())
    }
}

/// Server-sent events, each of which can be gone on from.
pub(super) struct Events {
    counter: Counter,
    /// Until it is found again, entries of its time were sent before.
    resumed: Option<Position>,
    /// When the stream was opened, until something was sent that can be gone on from.
    opened: Option<Timestamp>,
    is_from_now: bool,
}

impl Events {
    /// Goes on after `resumed`. What `is_from_now` can be gone on from its beginning.
    pub(super) fn new(opened: Timestamp, resumed: Option<Position>, is_from_now: bool) -> Self {
        let opened = resumed.is_none().then_some(opened);
        let resumed = resumed.filter(|position| *position != Position::before(position.time()));
        Self { counter: Counter::default(), resumed, opened, is_from_now }
    }

    /// Tells whether the receiver had this one before.
    fn was_sent(&mut self, entry: &LogEntry, position: &Position) -> bool {
        let Some(resumed) = &self.resumed else { return false };
        if entry.time != resumed.time() {
            self.resumed = None;
            return false;
        }
        if position == resumed {
            self.resumed = None;
        }
        true
    }

    /// Writes an id alone: nobody is told of an event, and a stream that is cut off is gone on with from its opening.
    fn position(&mut self, to: &mut Vec<u8>) {
        if let Some(opened) = self.opened.take() {
            to.extend_from_slice(format!("id: {}\n\n", Position::before(opened)).as_bytes());
        }
    }
}

impl Writing for Events {
    fn open(&mut self, to: &mut Vec<u8>) {
        to.extend_from_slice(b": the log follows\n\n");
        if self.is_from_now {
            self.position(to);
        }
    }

    fn entry(&mut self, entry: LogEntry, to: &mut Vec<u8>) {
        let position = self.counter.after(&entry);
        if self.was_sent(&entry, &position) {
            return;
        }
        self.opened = None;
        to.extend_from_slice(format!("id: {position}\nevent: log\ndata: ").as_bytes());
        // JSON has no line feed in it.
        json(&LogLine::from(entry), to);
        to.extend_from_slice(b"\n\n");
    }

    fn beat(&mut self, to: &mut Vec<u8>) {
        // By now all that was there before would have come.
        self.position(to);
        to.extend_from_slice(b":\n\n");
    }

    fn end(&mut self, to: &mut Vec<u8>) {
        to.extend_from_slice(b"event: end\ndata: {}\n\n");
    }

    fn fail(&mut self, problem: Problem, to: &mut Vec<u8>) -> Result<(), Problem> {
        to.extend_from_slice(b"event: error\ndata: ");
        json(&problem, to);
        to.extend_from_slice(b"\n\n");
        Ok(())
    }
}
