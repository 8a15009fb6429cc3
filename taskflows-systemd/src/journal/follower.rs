use std::collections::VecDeque;
use std::time::{Duration, Instant};

use taskflows_core::effects::{LogEntry, LogError, LogQuery};
use tokio::time::sleep;

use super::call::{Call, End};
use super::line::log_entry;
use super::reader::JournalReader;

/// How often in a row a `journalctl` that ended is started again.
const MOST_TRIES: u32 = 5;

/// How long the first of these tries waits; each further one waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// One that ran so long did not end in a row with the one before.
const LONG: Duration = Duration::from_secs(10);

/// Follows the journal: what is there first, then what comes.
///
/// The place that it has come to is kept as a cursor, by which journald knows an entry whatever the clock says. When
/// `journalctl` ends, another one begins at that entry, or at the next one where that is gone.
pub(super) struct Follower {
    reader: JournalReader,
    query: LogQuery,
    /// Entries that were there when it began.
    waiting: VecDeque<LogEntry>,
    cursor: Option<String>,
    is_begun: bool,
    call: Option<(Box<Call>, Instant)>,
    tries: u32,
    has_worked: bool,
}

impl Follower {
    pub(super) fn new(reader: JournalReader, query: LogQuery) -> Self {
        Self {
            reader,
            query,
            waiting: VecDeque::new(),
            cursor: None,
            is_begun: false,
            call: None,
            tries: 0,
            has_worked: false,
        }
    }

    /// Waits for the next entry; `None` where none can come any more.
    pub(super) async fn next(&mut self) -> Result<Option<LogEntry>, LogError> {
        if !self.is_begun {
            self.begin().await?;
            self.is_begun = true;
        }
        loop {
            if let Some(entry) = self.waiting.pop_front() {
                return Ok(Some(entry));
            }
            let (mut call, began) = match self.call.take() {
                Some(running) => running,
                None => (Box::new(self.call()?), Instant::now()),
            };
            if let Some(entry) = call.next().await? {
                self.call = Some((call, began));
                self.has_worked = true;
                let cursor = entry.text("__CURSOR");
                if cursor.is_some() && cursor == self.cursor {
                    continue;
                }
                self.cursor = cursor.or(self.cursor.take());
                self.tries = 0;
                self.waiting.extend(log_entry(entry, &self.query));
                continue;
            }
            match call.end().await? {
                End::Good if self.query.until.is_some() => return Ok(None),
                End::Failed(error) if !self.has_worked => return Err(error),
                end => self.pause(end, began).await?,
            }
        }
    }

    /// Takes the newest entries where only some of those that are there are wanted, and the place to go on from.
    async fn begin(&mut self) -> Result<(), LogError> {
        let Some(lines) = self.query.lines.filter(|_| self.query.since.is_none()) else { return Ok(()) };
        // Looked up first, so that nothing is passed over which is written meanwhile.
        let end = self.reader.end().await?;
        let newest = self.reader.newest(&self.query, lines).await?;
        self.waiting = newest.entries.into();
        self.cursor = newest.cursor.or(end);
        Ok(())
    }

    fn call(&self) -> Result<Call, LogError> {
        let mut command = self.reader.command(&self.query, self.cursor.as_deref());
        // journalctl shows ten lines when it follows and is not told how many.
        command.args(["--follow", "--no-tail"]);
        self.reader.begin(command)
    }

    /// Waits before another try, unless there were enough.
    async fn pause(&mut self, end: End, began: Instant) -> Result<(), LogError> {
        if began.elapsed() >= LONG {
            self.tries = 0;
        }
        if self.tries == MOST_TRIES {
            let ended = || LogError::Failed { reason: "journalctl ends though it is to follow".to_owned() };
            return Err(end.into_result().err().unwrap_or_else(ended));
        }
        sleep(FIRST_WAIT * (1 << self.tries)).await;
        self.tries += 1;
        Ok(())
    }
}
