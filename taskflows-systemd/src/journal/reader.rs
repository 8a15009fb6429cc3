use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use taskflows_core::effects::{LogEntry, LogError, LogQuery, LogReader};
use tokio::process::Command;
use tokio::time::timeout;

use super::call::Call;
use super::entry::Entry;
use super::follower::Follower;
use super::line::{FIELDS, log_entry};
use super::source::{JournalSource, matches};
use crate::Scope;

/// How long journalctl may search before it finds anything more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads what services wrote to the journal, through `journalctl -o json`.
///
/// Entries come in the journal's own order: that in which journald received them, whatever a clock said meanwhile.
/// Services, times and, where there is no `since`, the run are looked up in the journal's index; everything else is
/// looked for in each entry here, the newest first where a number of lines is asked for, until so many are found. What a
/// structured line says of its level counts before the priority with which journald received it, so that journalctl's
/// own filter would not find it; and its patterns are others.
///
/// A run is known by the fields that `tf exec` gives to each line (`TASKFLOWS_RUN_ID`), by the invocation id that journald
/// adds, or by the `run_id` of a structured line. journald cannot look up the invocation where a process was gone before,
/// and under a manager whose runtime directory is not `/run/user/UID`; with `since`, such lines count as of the run that is
/// asked for.
///
/// To follow keeps one `journalctl` running, which survives a rotation of the journal, and is started again after the
/// last entry where somebody ends it. An entry that takes more than 64 MiB as `journalctl` prints it is passed over.
#[derive(Clone, Debug)]
pub struct JournalReader {
    scope: Scope,
    source: JournalSource,
}

/// The newest entries that were asked for.
pub(super) struct Newest {
    /// Oldest first.
    pub(super) entries: Vec<LogEntry>,
    /// The newest that was looked at, wanted or not.
    pub(super) cursor: Option<String>,
}

impl JournalReader {
    /// Reads the entries of the services of `scope` from `source`.
    pub fn new(scope: Scope, source: JournalSource) -> Self {
        Self { scope, source }
    }

    /// Returns a call for what `query` selects, from the entry at `cursor` on where there is one.
    pub(super) fn command(&self, query: &LogQuery, cursor: Option<&str>) -> Command {
        let mut command = self.source.command(&FIELDS);
        match (cursor, query.since) {
            (Some(cursor), _) => {
                command.arg(format!("--cursor={cursor}"));
            }
            (None, Some(since)) => {
                command.arg(format!("--since=@{}", seconds(since)));
            }
            (None, None) => {}
        }
        if let Some(until) = query.until {
            command.arg(format!("--until=@{}", seconds(until)));
        }
        command.args(matches(self.scope, query));
        command
    }

    pub(super) fn begin(&self, command: Command) -> Result<Call, LogError> {
        Call::begin(command, &self.source.program.display().to_string())
    }

    /// Returns where the journal ends now; `None` where it is empty.
    pub(super) async fn end(&self) -> Result<Option<String>, LogError> {
        let mut command = self.source.command(&["PRIORITY"]);
        command.args(["--reverse", "--lines=1"]);
        let mut call = self.begin(command)?;
        match next(&mut call).await? {
            Some(entry) => Ok(entry.text("__CURSOR")),
            None => call.finish().await.map(|()| None),
        }
    }

    /// Reads the newest entries that `query` selects, at most so many.
    pub(super) async fn newest(&self, query: &LogQuery, most: usize) -> Result<Newest, LogError> {
        let mut newest = Newest { entries: Vec::new(), cursor: None };
        if most == 0 {
            return Ok(newest);
        }
        let mut command = self.command(query, None);
        command.arg("--reverse");
        let mut call = self.begin(command)?;
        while newest.entries.len() < most {
            match next(&mut call).await? {
                Some(entry) => {
                    newest.cursor = newest.cursor.or_else(|| entry.text("__CURSOR"));
                    newest.entries.extend(log_entry(entry, query));
                }
                None => {
                    call.finish().await?;
                    break;
                }
            }
        }
        // What is left unread ends with the call.
        newest.entries.reverse();
        Ok(newest)
    }

    /// Reads the next entry that `query` selects of a call that is begun with the first of them.
    async fn next_of(
        &self,
        query: &LogQuery,
        call: Option<Call>,
    ) -> Result<Option<(LogEntry, Call)>, LogError> {
        let mut call = match call {
            Some(call) => call,
            None => self.begin(self.command(query, None))?,
        };
        while let Some(entry) = next(&mut call).await? {
            if let Some(entry) = log_entry(entry, query) {
                return Ok(Some((entry, call)));
            }
        }
        call.finish().await.map(|()| None)
    }
}

async fn next(call: &mut Call) -> Result<Option<Entry>, LogError> {
    let silent = || LogError::Failed { reason: format!("journalctl gave no answer within {PATIENCE:?}") };
    timeout(PATIENCE, call.next()).await.unwrap_or_else(|_| Err(silent()))
}

fn seconds(time: jiff::Timestamp) -> String {
    format!("{}.{:06}", time.as_second(), time.subsec_microsecond().max(0))
}

#[async_trait]
impl LogReader for JournalReader {
    async fn read(&self, query: &LogQuery) -> Result<Vec<LogEntry>, LogError> {
        self.stream(query).try_collect().await
    }

    fn stream<'a>(&'a self, query: &LogQuery) -> BoxStream<'a, Result<LogEntry, LogError>> {
        let query = query.clone();
        match query.lines {
            _ if query.services.is_empty() => stream::empty().boxed(),
            // The newest come first from the journal, and last from here.
            Some(lines) => stream::once(async move { self.newest(&query, lines).await })
                .map_ok(|newest| stream::iter(newest.entries.into_iter().map(Ok)))
                .try_flatten()
                .boxed(),
            None => stream::try_unfold((None, query), move |(call, query)| async move {
                let next = self.next_of(&query, call).await?;
                Ok(next.map(|(entry, call)| (entry, (Some(call), query))))
            })
            .boxed(),
        }
    }

    fn follow(&self, query: &LogQuery) -> BoxStream<'static, Result<LogEntry, LogError>> {
        if query.services.is_empty() {
            return stream::empty().boxed();
        }
        let follower = Follower::new(self.clone(), query.clone());
        stream::try_unfold(follower, |mut follower| async move {
            Ok(follower.next().await?.map(|entry| (entry, follower)))
        })
        .boxed()
    }
}
