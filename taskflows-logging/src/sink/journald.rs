//! The journal, natively: a line's fields are fields.

mod entry;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use taskflows_journal::{Journal, JournalEntry};

use super::Labels;
use super::backoff::Backoff;
use super::queue::{Batch, Queue};
use super::worker::Delivery;

/// So long the journal is waited for at a time.
const PATIENCE: Duration = Duration::from_millis(200);

/// Sends entries to the journal, in the order in which they were written.
#[derive(Debug)]
pub(super) struct Journald {
    /// Another than the host's own, in tests.
    path: Option<PathBuf>,
    labels: Labels,
    journal: Option<Journal>,
    backoff: Backoff,
}

impl Journald {
    pub(super) fn new(labels: &Labels) -> Self {
        // The journal is on this host: it is soon there again, or it is never there.
        let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
        Self { path: None, labels: labels.clone(), journal: None, backoff }
    }

    fn send(&mut self, entry: &JournalEntry) -> io::Result<()> {
        let journal = match (self.journal.take(), &self.path) {
            (Some(journal), _) => journal,
            (None, Some(path)) => Journal::at(path, PATIENCE)?,
            (None, None) => Journal::open(PATIENCE)?,
        };
        let result = journal.send(entry);
        self.journal = Some(journal);
        result
    }

    /// Sends an entry until it is taken; tells whether it was.
    fn deliver_one(&mut self, entry: &JournalEntry, queue: &Queue) -> bool {
        loop {
            let error = match self.send(entry) {
                Ok(()) => {
                    self.backoff.reset();
                    return true;
                }
                Err(error) => error,
            };
            queue.fault(format!("the journal: {error}"));
            if !passes(&error) || !queue.pause(self.backoff.next(), true) {
                return false;
            }
        }
    }
}

/// Tells whether the journal may take at another time what it has not taken now.
fn passes(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionRefused, ConnectionReset, Interrupted, NotConnected, NotFound, TimedOut, WouldBlock,
    };
    let kinds =
        [ConnectionRefused, ConnectionReset, Interrupted, NotConnected, NotFound, TimedOut, WouldBlock];
    kinds.contains(&error.kind())
        || rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::NOBUFS)
}

impl Delivery for Journald {
    fn deliver(&mut self, batch: &Batch, queue: &Queue) -> u64 {
        let mut lost = 0;
        for line in batch.iter() {
            let entry = entry::entry(&line, &self.labels);
            lost += u64::from(!self.deliver_one(&entry, queue));
        }
        // Of a process that is gone journald does not know the unit any more, so the end of a program waits for it. The
        // socket takes small entries only afterwards.
        if let Some(journal) = self.journal.take() {
            journal.settle(PATIENCE);
        }
        lost
    }
}
