use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use jiff::Timestamp;
use thiserror::Error;

use crate::ServiceName;
use crate::log::LogPattern;
use crate::task::RunId;

/// Reads what services wrote: the journal, Loki, a remote server, memory.
#[async_trait]
pub trait LogReader: Send + Sync {
    /// Returns the entries that `query` selects, oldest first: in the order in which the log received them, which is that
    /// of their times unless a clock was set back.
    ///
    /// # Errors
    /// When the log cannot be opened or read.
    async fn read(&self, query: &LogQuery) -> Result<Vec<LogEntry>, LogError>;

    /// Returns the same entries one after the other, so that not all of them need be in memory at once; the first error
    /// is the last item. A reader that does not say otherwise reads them all first.
    fn stream<'a>(&'a self, query: &LogQuery) -> BoxStream<'a, Result<LogEntry, LogError>> {
        let query = query.clone();
        let read = async move { self.read(&query).await };
        stream::once(read).map_ok(|entries| stream::iter(entries.into_iter().map(Ok))).try_flatten().boxed()
    }

    /// Returns the entries that [`LogReader::read`] would return, and then each new one as it is written.
    /// With `since`, all entries from then on are returned, however many `lines` allows.
    ///
    /// What the receiver does not take waits in the log, not in memory. An error is the last item; where
    /// there is none, the log itself came to an end.
    fn follow(&self, query: &LogQuery) -> BoxStream<'static, Result<LogEntry, LogError>>;
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Of these services, merged in the order of time; of none there are no entries.
    pub services: Vec<ServiceName>,
    /// At most this many, the newest of those that everything else selects.
    pub lines: Option<usize>,
    /// Not before this.
    pub since: Option<Timestamp>,
    /// Not after this.
    pub until: Option<Timestamp>,
    /// Of this run alone: what its process wrote, and what was written of it. Where `since` is given too, what a service
    /// wrote from then on of which nobody knows the run counts as of it.
    pub run: Option<RunId>,
    /// Of this attempt alone, from 1.
    pub attempt: Option<u32>,
    /// Of this syslog priority or a graver one: 0 emergency to 7 debug.
    pub priority: Option<u8>,
    /// With a message that this is found in.
    pub pattern: Option<LogPattern>,
}

impl LogQuery {
    /// Tells whether `entry` is wanted; how many there are at most is not looked at.
    pub fn selects(&self, entry: &LogEntry) -> bool {
        self.services.contains(&entry.service)
            && self.since.is_none_or(|since| since <= entry.time)
            && self.until.is_none_or(|until| entry.time <= until)
            && self.run.is_none_or(|run| entry.run == Some(run))
            && self.attempt.is_none_or(|attempt| entry.attempt == Some(attempt))
            && self.priority.is_none_or(|priority| entry.priority <= priority)
            && self.pattern.as_ref().is_none_or(|pattern| pattern.is_in(&entry.message))
    }
}

/// One entry of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// When it was received.
    pub time: Timestamp,
    /// The service it belongs to.
    pub service: ServiceName,
    /// Who wrote it.
    pub origin: LogOrigin,
    /// The run it belongs to, where that is known.
    pub run: Option<RunId>,
    /// The attempt of the run, from 1, where it has several.
    pub attempt: Option<u32>,
    /// Its syslog priority, 0 emergency to 7 debug: that which a structured line names for itself, else that with which
    /// it was received.
    pub priority: u8,
    /// The text; what is not UTF-8 is replaced by U+FFFD.
    pub message: String,
}

/// Who wrote an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOrigin {
    /// A process of the service.
    Process,
    /// systemd, about the service.
    Manager,
}

/// Why a log could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LogError {
    /// The reader's program or server could not be asked.
    #[error("could not {operation}")]
    Unavailable {
        /// What was tried.
        operation: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It answered with an error.
    #[error("could not read the log: {reason}")]
    Failed {
        /// What it said.
        reason: String,
    },
}
