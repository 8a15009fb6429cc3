use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use taskflows_core::ServiceName;
use taskflows_core::effects::{LogError, RunHistory, RunStoreError};
use taskflows_core::task::{Attempt, ProcessMark, RunId, RunNotes, RunQuery, RunRecord};
use tokio::process::Command;
use tokio::time::timeout;

use super::call::Call;
use super::entry::Entry;
use super::managed::{self, ManagedRuns};
use super::source::JournalSource;
use crate::{Scope, UnitName};

/// The notes that say something of a run.
const EVENTS: [&str; 3] = ["started", "attempt-failed", "finished"];

/// The wait for the journal. A hundred thousand runs are read in less.
const LIMIT: Duration = Duration::from_secs(120);

/// After so many entries is first looked whether enough runs are known; then after twice as many, and so on, so that
/// looking takes no longer than reading.
const FIRST_LOOK: usize = 256;

/// What the journal tells of the runs of services.
///
/// There are two witnesses, and each run is told once, by its id:
///
/// 1. the notes of [`RunNote`](taskflows_core::task::RunNote), which `tf exec` and the hook of each service write. What
///    they say stands;
/// 2. the manager's own messages, told apart by the invocation, which is the id of the run. They tell of runs that have no
///    note: of those cut off with the machine, of units older than the hook, and of starts that a condition prevented
///    (`skipped`). Of a run that a note begins and none ends they tell the end.
///
/// A run that both leave open is running; where its process is gone, it was interrupted; and where another run of the
/// service followed, or its manager is gone, its end is unknown. Before systemd 254 no message tells of a good end.
///
/// For a user, what was written by that user's processes is read; for the machine, what was written by units of the
/// machine.
#[derive(Clone, Debug)]
pub struct JournalRuns {
    scope: Scope,
    source: JournalSource,
    is_gone: fn(&ProcessMark) -> bool,
}

impl JournalRuns {
    /// Reads from `source` what was written of the services of `scope`. `is_gone` says whether a process is gone.
    pub fn new(scope: Scope, source: JournalSource, is_gone: fn(&ProcessMark) -> bool) -> Self {
        Self { scope, source, is_gone }
    }

    /// Reads, the newest first, until all is read or no older entry could tell of a run that is wanted.
    async fn read(&self, query: &RunQuery) -> Result<RunNotes, LogError> {
        let mut call = Call::begin(self.command(query), &self.source.program.display().to_string())?;
        let mut reading = Reading::new(self, query, boot());
        while let Some(entry) = call.next().await? {
            if let Some(found) = reading.take(&entry) {
                return Ok(found);
            }
        }
        call.finish().await?;
        Ok(reading.end())
    }

    /// Tells whether it was written in this scope: root's own units and those of the machine share a user. There a note is
    /// of the service whose unit wrote it: others may run as anybody, and tell what they like.
    fn is_own(&self, entry: &Entry) -> bool {
        let unit = entry.text("_SYSTEMD_UNIT").and_then(|unit| UnitName::parse(&unit));
        let told = entry.text("TASKFLOWS_SERVICE");
        let of_machine = match (&unit, self.scope) {
            (Some(unit), Scope::System) => told.is_none_or(|told| told == unit.service.as_str()),
            (unit, _) => unit.is_some(),
        };
        match (entry.text("TASKFLOWS_EVENT"), self.scope) {
            (None, _) => true,
            (Some(_), Scope::User) => !of_machine,
            (Some(_), Scope::System) => of_machine,
        }
    }

    fn command(&self, query: &RunQuery) -> Command {
        let fields: Vec<&str> =
            RunNotes::FIELDS.into_iter().chain(managed::FIELDS).chain(["_SYSTEMD_UNIT"]).collect();
        let mut command = self.source.command(&fields);
        command.arg("--reverse");
        if let Some(since) = query.since {
            // What began later is told of later.
            command.arg(format!("--since=@{}", since.as_second()));
        }
        command.args(self.matches(query));
        command
    }

    fn matches(&self, query: &RunQuery) -> Vec<String> {
        let each = |field: &str, values: &[String]| -> Vec<String> {
            values.iter().map(|value| format!("{field}={value}")).collect()
        };
        let texts = |values: &[&str]| -> Vec<String> { values.iter().map(ToString::to_string).collect() };
        let (unit, invocation) = match self.scope {
            Scope::User => ("USER_UNIT", "USER_INVOCATION_ID"),
            Scope::System => ("UNIT", "INVOCATION_ID"),
        };
        let own = match self.scope {
            Scope::User => vec![format!("_UID={}", rustix::process::getuid().as_raw())],
            Scope::System => Vec::new(),
        };
        let noted = [each("TASKFLOWS_EVENT", &texts(&EVENTS)), own.clone()].concat();
        let machine = if self.scope == Scope::System { texts(&["_PID=1"]) } else { own };
        let told = [each("MESSAGE_ID", &texts(&managed::MESSAGES)), machine].concat();
        let id = query.id_prefix.as_deref().and_then(|id| id.parse::<RunId>().ok()).map(|id| id.to_string());
        let groups = if let Some(id) = id {
            vec![
                [noted, vec![format!("TASKFLOWS_RUN_ID={id}")]].concat(),
                [told, vec![format!("{invocation}={id}")]].concat(),
            ]
        } else if query.tasks.is_empty() {
            vec![noted, told]
        } else {
            let services = query.tasks.iter().filter_map(|task| task.parse::<ServiceName>().ok());
            let units: Vec<String> = services.map(|name| UnitName::service(&name).to_string()).collect();
            let mut groups = vec![
                [noted.clone(), each("TASKFLOWS_TASK", &query.tasks)].concat(),
                [noted, each("TASKFLOWS_SERVICE", &query.tasks)].concat(),
            ];
            groups.extend((!units.is_empty()).then(|| [told, each(unit, &units)].concat()));
            groups
        };
        groups.join(&"+".to_owned())
    }

    async fn within(&self, query: &RunQuery) -> Result<RunNotes, RunStoreError> {
        match timeout(LIMIT, self.read(query)).await {
            Ok(Ok(notes)) => Ok(notes),
            Ok(Err(error)) => Err(failed(error)),
            Err(late) => Err(failed(late)),
        }
    }
}

/// Returns the id of the running boot as the journal writes it.
fn boot() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().replace('-', ""))
}

/// What is known while entries are read, the newest first.
struct Reading<'a> {
    runs: &'a JournalRuns,
    query: &'a RunQuery,
    notes: RunNotes,
    managed: ManagedRuns,
    count: usize,
    next_look: usize,
}

impl<'a> Reading<'a> {
    fn new(runs: &'a JournalRuns, query: &'a RunQuery, boot: Option<String>) -> Self {
        let (notes, managed) = (RunNotes::default(), ManagedRuns::new(boot));
        Self { runs, query, notes, managed, count: 0, next_look: FIRST_LOOK }
    }

    /// Takes the next entry, and returns what is known where no older one could tell of a run that is wanted.
    fn take(&mut self, entry: &Entry) -> Option<RunNotes> {
        if !self.runs.is_own(entry) {
            return None;
        }
        match entry.text("TASKFLOWS_EVENT") {
            Some(_) => entry.note(&mut self.notes),
            None => self.managed.note(self.runs.scope, entry),
        }
        self.count += 1;
        let limit = self.query.limit.filter(|limit| self.notes.len() + self.managed.len() >= *limit)?;
        if self.count < self.next_look {
            return None;
        }
        self.next_look = self.count * 2;
        let time = entry.sent()?;
        let found = self.found(self.notes.clone(), false);
        // Whatever is not read yet began before this entry was written.
        let last = limit.checked_sub(1).and_then(|last| found.select(self.query).into_iter().nth(last));
        last.is_some_and(|last| last.started > time).then_some(found)
    }

    /// Returns what is known where all is read. What began before the time that is asked for, was not.
    fn end(mut self) -> RunNotes {
        let notes = std::mem::take(&mut self.notes);
        self.found(notes, self.query.since.is_none())
    }

    fn found(&self, mut notes: RunNotes, is_all: bool) -> RunNotes {
        self.managed.add_to(&mut notes, is_all);
        notes.settle(self.runs.is_gone);
        notes
    }
}

fn failed(source: impl std::error::Error + Send + Sync + 'static) -> RunStoreError {
    RunStoreError::Failed { operation: "read runs from the journal".to_owned(), source: Box::new(source) }
}

#[async_trait]
impl RunHistory for JournalRuns {
    async fn recent(&self, query: &RunQuery) -> Result<Vec<RunRecord>, RunStoreError> {
        if let Some(prefix) = &query.id_prefix
            && (prefix.len() > 32 || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            return Err(RunStoreError::NoId { prefix: prefix.clone() });
        }
        Ok(self.within(query).await?.select(query))
    }

    async fn attempts(&self, run: RunId) -> Result<Vec<Attempt>, RunStoreError> {
        let query = RunQuery { id_prefix: Some(run.to_string()), ..RunQuery::default() };
        Ok(self.within(&query).await?.attempts(run))
    }

    async fn told(&self, since: Option<Timestamp>) -> Result<Vec<(RunRecord, Vec<Attempt>)>, RunStoreError> {
        let query = RunQuery { since, ..RunQuery::default() };
        let notes = self.within(&query).await?;
        let runs = notes.select(&query).into_iter();
        Ok(runs.map(|run| (run.clone(), notes.attempts(run.id))).collect())
    }
}

#[cfg(test)]
mod tests;
