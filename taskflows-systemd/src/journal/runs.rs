//! The last run of each service, from what the manager wrote to the journal.
//!
//! The journal alone knows of runs without a question to the manager for each service. So that a list
//! does not read all of it each time, the last runs are kept in a file with the cursor up to which they
//! are known; the file can be deleted, it is filled again. Of removed services it knows alone when they went.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use taskflows_core::{ExitKind, Outcome, Run, RunEnd, ServiceName};
use tokio::time::timeout;

use super::call::Call;
use super::entry::Entry;
use super::message;
use super::source::JournalSource;
use super::stamp::Stamp;
use crate::Scope;
use crate::unit::{Role, UnitName};

const FIELDS: [&str; 11] = [
    "MESSAGE_ID",
    "MESSAGE",
    "USER_UNIT",
    "UNIT",
    "UNIT_RESULT",
    "EXIT_CODE",
    "EXIT_STATUS",
    "COMMAND",
    "_SOURCE_REALTIME_TIMESTAMP",
    "_BOOT_ID",
    "_PID",
];

/// So many of the newest entries are read at most; older ones cannot be the last of a busy service, and
/// those of a quiet one were read by an earlier list.
const MOST: usize = 20_000;

/// The manager writes of a start after it has begun, so that a run of a millisecond may be over before: an
/// end so little earlier than its start is the end of the same run.
const JITTER: SignedDuration = SignedDuration::from_secs(1);

/// So long is known when a service was removed.
const KEPT: SignedDuration = SignedDuration::from_hours(2 * 365 * 24);

/// The wait for the journal; a list goes on without it.
const LIMIT: Duration = Duration::from_secs(3);

/// Finds the last run of each service.
#[derive(Clone, Debug)]
pub(crate) struct LastRuns {
    scope: Scope,
    source: JournalSource,
    cache: PathBuf,
    /// The stamp of the journal up to which the cache is known to reach.
    stamp: PathBuf,
}

/// What [`LastRuns::read`] found.
#[derive(Debug)]
pub(crate) struct Latest {
    pub(crate) runs: Known,
    stamp: Option<Stamp>,
    /// Whether it differs from what is kept.
    pub(crate) is_new: bool,
}

/// The last runs that are known, and up to where in the journal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known {
    cursor: Option<String>,
    /// The manager that wrote the newest of it: its boot and its process.
    #[serde(default)]
    manager: Option<String>,
    runs: BTreeMap<String, Seen>,
    /// When services were removed: what ran before under such a name was another service.
    #[serde(default)]
    removed: BTreeMap<String, Timestamp>,
}

/// What is known of the last run of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Seen {
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    /// `ok`, `skipped`, or systemd's result.
    result: Option<String>,
    exit: Option<(String, i32)>,
    /// Whether that was a command that prepares a run.
    #[serde(default)]
    is_preparation: bool,
    /// Whether its start was told to be made, so that its preparation is over.
    #[serde(default)]
    is_started: bool,
    /// The manager under which it began, as in [`Known`].
    #[serde(default)]
    manager: Option<String>,
}

impl LastRuns {
    pub(crate) fn new(scope: Scope, source: JournalSource, state_directory: &std::path::Path) -> Self {
        let file = |suffix| state_directory.join(format!("last-runs-{scope}.{suffix}"));
        Self { scope, source, cache: file("json"), stamp: file("stamp") }
    }

    /// Returns what is known of the last runs; nothing new where the journal cannot be read.
    pub(crate) async fn read(&self) -> Latest {
        // Looked at before the journal is read, so that what is written meanwhile is read the next time.
        let stamp = Stamp::of(&self.source);
        let mut runs = self.kept();
        let kept = fs::read_to_string(&self.stamp).ok().and_then(|text| Stamp::from_text(&text));
        if stamp.is_some() && stamp == kept {
            return Latest { runs, stamp, is_new: false };
        }
        // What is known by the limit is kept, and the next list goes on from there.
        let stamp = match timeout(LIMIT, self.catch_up(&mut runs)).await {
            Ok(true) => stamp,
            _ => None,
        };
        Latest { is_new: true, runs, stamp }
    }

    /// Keeps what is known. That only saves time: without it the next list reads the journal again.
    pub(crate) fn keep(&self, latest: &Latest) {
        let _ = self.store(latest);
    }

    /// Makes the next list read the journal whatever its stamp: something is about to happen, and journald
    /// takes a moment to say that it wrote of it.
    pub(crate) fn expect_news(&self) {
        let _ = fs::remove_file(&self.stamp);
    }

    /// Forgets the runs of services that were removed by `time`, so that another service which takes such a name
    /// does not inherit them. Where that cannot be kept, it does.
    pub(crate) fn forget<'a>(&self, names: impl Iterator<Item = &'a ServiceName>, time: Timestamp) {
        let mut known = self.kept();
        names.for_each(|name| known.forget(name, time));
        let _ = self.store_runs(&known);
    }

    /// Returns when a service of this name was last removed.
    pub(crate) fn removed(&self, name: &ServiceName) -> Option<Timestamp> {
        self.kept().removed(name)
    }

    fn kept(&self) -> Known {
        let text = fs::read_to_string(&self.cache).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn store_runs(&self, known: &Known) -> std::io::Result<()> {
        let Some(directory) = self.cache.parent() else { return Ok(()) };
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        replace(&self.cache, &serde_json::to_string(known)?)
    }

    fn store(&self, latest: &Latest) -> std::io::Result<()> {
        self.store_runs(&latest.runs)?;
        match latest.stamp {
            Some(stamp) => replace(&self.stamp, &stamp.to_text()),
            None => Ok(()),
        }
    }

    /// Reads what the journal has gained; tells whether it could be read.
    async fn catch_up(&self, known: &mut Known) -> bool {
        // A cursor of a journal that is gone is refused: then all there is is read.
        self.read_on(known).await || known.cursor.take().is_some() && self.read_on(known).await
    }

    async fn read_on(&self, known: &mut Known) -> bool {
        let mut command = self.source.command(&FIELDS);
        match &known.cursor {
            // All of it: with a cursor, --lines would count from there on.
            Some(cursor) => command.arg(format!("--after-cursor={cursor}")),
            None => command.arg(format!("--lines={MOST}")),
        };
        command.args(message::OF_RUNS.map(|id| format!("MESSAGE_ID={id}")));
        if self.scope == Scope::User {
            command.arg(format!("_UID={}", rustix::process::getuid().as_raw()));
        }
        let Ok(mut call) = Call::begin(command, "journalctl") else { return false };
        loop {
            match call.next().await {
                Ok(Some(entry)) => known.note(self.scope, &entry),
                Ok(None) => return call.finish().await.is_ok(),
                Err(_) => return false,
            }
        }
    }
}

/// Puts a file that only its owner may read in the place of another: whoever reads it finds the old one or the new one.
fn replace(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    // Several threads of a process may write at once.
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_added_extension(format!("{}-{number}.tmp", std::process::id()));
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    let opened = options.open(&temporary).or_else(|_| {
        // One that a process of this number left behind; where it is none of ours, that fails again.
        fs::remove_file(&temporary)?;
        options.open(&temporary)
    });
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

impl Known {
    /// Returns the last run of a service. systemd before 254 writes the end of a good run to no journal, so
    /// a run that is not known to have ended still stands as running.
    pub(crate) fn run(&self, name: &ServiceName) -> Option<Run> {
        let seen = self.runs.get(name.as_str())?;
        // Its manager is gone: by then it had ended, or it was cut off by a crash, a power cut, a logout.
        let unseen = seen.manager.is_some() && seen.manager != self.manager;
        let mut run = seen.clone().run();
        if unseen && run.outcome == Outcome::Running {
            run.outcome = Outcome::Unknown;
        }
        Some(run)
    }

    /// Notes when a run that ended well was over.
    pub(crate) fn end_well(&mut self, name: &ServiceName, time: Timestamp) {
        let Some(seen) = self.runs.get_mut(name.as_str()) else { return };
        if seen.started.is_some_and(|started| started.duration_since(time) > JITTER) {
            return;
        }
        seen.started = seen.started.map(|started| started.min(time));
        seen.end(time, "success".into());
    }

    /// Returns when a service of this name was last removed.
    pub(crate) fn removed(&self, name: &ServiceName) -> Option<Timestamp> {
        self.removed.get(name.as_str()).copied()
    }

    fn forget(&mut self, name: &ServiceName, time: Timestamp) {
        self.runs.remove(name.as_str());
        self.removed.insert(name.to_string(), time);
        // No journal reaches back so far.
        let oldest = time.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
        self.removed.retain(|_, removed| *removed >= oldest);
    }

    fn note(&mut self, scope: Scope, entry: &Entry) {
        if let Some(cursor) = entry.text("__CURSOR") {
            self.cursor = Some(cursor);
        }
        let field = if scope == Scope::User { "USER_UNIT" } else { "UNIT" };
        // What the manager of the other scope wrote, which for root has the same user, names no unit here.
        let Some(unit) = entry.text(field) else { return };
        let manager =
            entry.text("_BOOT_ID").zip(entry.text("_PID")).map(|(boot, pid)| format!("{boot}/{pid}"));
        self.manager = manager.clone().or(self.manager.take());
        let unit = UnitName::parse(&unit);
        let Some(unit) = unit.filter(|unit| unit.role == Role::Main && !unit.timer) else { return };
        let (Some(time), Some(id)) = (entry.sent(), entry.text("MESSAGE_ID")) else { return };
        if self.removed(&unit.service).is_some_and(|removed| time <= removed) {
            return;
        }
        let seen = self.runs.entry(unit.service.to_string()).or_default();
        let skipped = entry.text("MESSAGE").is_some_and(|text| message::is_skip(&text));
        let id = if skipped { message::SKIPPED } else { id.as_str() };
        match id {
            message::STARTING => *seen = Seen { started: Some(time), manager, ..Seen::default() },
            message::STARTED if seen.started.is_none() || seen.ended.is_some() => {
                *seen = Seen { started: Some(time), manager, is_started: true, ..Seen::default() };
            }
            message::STARTED => seen.is_started = true,
            message::PROCESS_EXIT => {
                seen.exit = entry.text("EXIT_CODE").zip(number(entry, "EXIT_STATUS"));
                seen.is_preparation = entry.is_of_preparation();
            }
            message::SUCCESS => seen.end(time, "success".into()),
            // What cannot be prepared fails before its start is told; a run that was is another one.
            message::FAILURE
                if entry.text("UNIT_RESULT").as_deref() == Some("resources")
                    && (seen.is_started || seen.started.is_none() || seen.ended.is_some()) =>
            {
                *seen = Seen { started: Some(time), manager, ..Seen::default() };
                seen.end(time, "resources".into());
            }
            message::FAILURE => seen.end(time, entry.text("UNIT_RESULT").unwrap_or_else(|| "failed".into())),
            message::SKIPPED => {
                *seen = Seen {
                    started: Some(time),
                    ended: Some(time),
                    result: Some("skipped".into()),
                    manager,
                    ..Seen::default()
                };
            }
            _ => {}
        }
    }
}

fn number(entry: &Entry, field: &str) -> Option<i32> {
    entry.text(field)?.parse().ok()
}

impl Seen {
    fn end(&mut self, time: Timestamp, result: String) {
        self.ended = Some(time);
        self.result = Some(result);
    }

    fn run(self) -> Run {
        let exit = self.exit.map(|(code, status)| match code.as_str() {
            "exited" => ExitKind::Exited(status),
            _ => ExitKind::Killed(status),
        });
        let outcome = match self.result.as_deref() {
            None => Outcome::Running,
            Some("success") => Outcome::Succeeded,
            Some("skipped") => Outcome::Skipped,
            Some(result) => {
                let is_preparation = self.is_preparation;
                Outcome::Failed(RunEnd { result: result.to_owned(), exit, is_preparation })
            }
        };
        Run { started: self.started, ended: self.ended, outcome }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(second: i64, id: &str, more: &str) -> Entry {
        let time = second * 1_000_000;
        Entry::read(&format!(
            r#"{{"__CURSOR":"c{second}","__REALTIME_TIMESTAMP":"{time}","MESSAGE_ID":"{id}","USER_UNIT":"taskflows-a.service"{more}}}"#
        ))
        .unwrap()
    }

    fn last(entries: &[Entry]) -> Run {
        let mut known = Known::default();
        entries.iter().for_each(|entry| known.note(Scope::User, entry));
        known.run(&"a".parse().unwrap()).unwrap()
    }

    #[test]
    fn what_is_kept_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        let runs = LastRuns::new(Scope::User, JournalSource::default(), &state);
        let latest = Latest { runs: Known::default(), stamp: Stamp::from_text("1"), is_new: true };
        runs.store(&latest).unwrap();
        fs::set_permissions(&runs.cache, fs::Permissions::from_mode(0o644)).unwrap();
        runs.store(&latest).unwrap();
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&state), mode(&runs.cache), mode(&runs.stamp)), (0o700, 0o600, 0o600));
        assert_eq!(fs::read_dir(&state).unwrap().count(), 2, "no other file is left");
    }

    #[test]
    fn a_run_is_put_together_from_its_messages() {
        let run = last(&[
            entry(10, message::STARTING, ""),
            entry(11, message::STARTED, ""),
            entry(15, message::PROCESS_EXIT, r#","EXIT_CODE":"exited","EXIT_STATUS":"3""#),
            entry(15, message::FAILURE, r#","UNIT_RESULT":"exit-code""#),
        ]);
        assert_eq!(run.started.unwrap().as_second(), 10);
        assert_eq!(run.ended.unwrap().as_second(), 15);
        let end =
            RunEnd { result: "exit-code".into(), exit: Some(ExitKind::Exited(3)), is_preparation: false };
        assert_eq!(run.outcome, Outcome::Failed(end));
    }

    #[test]
    fn a_new_start_forgets_the_last_end() {
        let run = last(&[
            entry(10, message::STARTED, ""),
            entry(11, message::SUCCESS, ""),
            entry(20, message::STARTED, ""),
        ]);
        assert_eq!((run.ended, run.outcome), (None, Outcome::Running));
        let run = last(&[entry(10, message::STARTED, ""), entry(11, message::SKIPPED, "")]);
        assert_eq!(run.outcome, Outcome::Skipped);
        let words = r#","MESSAGE":"taskflows-a.service - x was skipped because of an unmet condition check""#;
        assert_eq!(last(&[entry(10, message::STARTED, words)]).outcome, Outcome::Skipped);
    }

    #[test]
    fn the_manager_tells_the_end_of_a_good_run() {
        let name = "a".parse().unwrap();
        let mut known = Known::default();
        known.note(Scope::User, &entry(10, message::STARTED, ""));
        known.end_well(&name, Timestamp::from_second(5).unwrap());
        assert_eq!(known.run(&name).unwrap().outcome, Outcome::Running, "that was an earlier run");
        let mut short = known.clone();
        let early = Timestamp::from_millisecond(9_990).unwrap();
        short.end_well(&name, early);
        assert_eq!(short.run(&name).unwrap().took(early), Some(Duration::ZERO));
        known.end_well(&name, Timestamp::from_second(15).unwrap());
        assert_eq!(known.run(&name).unwrap().outcome, Outcome::Succeeded);
    }

    #[test]
    fn a_new_service_does_not_inherit_the_runs_of_one_that_was_removed() {
        let (name, mut known) = ("a".parse().unwrap(), Known::default());
        known.note(Scope::User, &entry(10, message::STARTED, ""));
        known.forget(&name, Timestamp::from_second(12).unwrap());
        known.note(Scope::User, &entry(11, message::FAILURE, ""));
        assert_eq!(known.run(&name), None);
        known.note(Scope::User, &entry(13, message::STARTED, ""));
        assert_eq!(known.run(&name).unwrap().started.unwrap().as_second(), 13);
    }

    #[test]
    fn what_could_not_be_prepared_is_no_end_of_the_run_before() {
        let run = last(&[
            entry(10, message::STARTING, ""),
            entry(10, message::STARTED, ""),
            entry(20, message::FAILURE, r#","UNIT_RESULT":"resources""#),
        ]);
        assert_eq!((run.started, run.ended), (run.ended, run.started));
        assert_eq!(run.started.unwrap().as_second(), 20);
        let run = last(&[
            entry(10, message::STARTING, ""),
            entry(
                11,
                message::PROCESS_EXIT,
                r#","EXIT_CODE":"exited","EXIT_STATUS":"1","COMMAND":"ExecStartPre""#,
            ),
            entry(11, message::FAILURE, r#","UNIT_RESULT":"exit-code""#),
        ]);
        let Outcome::Failed(end) = run.outcome else { panic!("it failed") };
        assert_eq!(end.to_string(), "could not be prepared: exit code 1");
    }

    #[test]
    fn what_is_known_reads_back() {
        let mut known = Known::default();
        known.note(Scope::User, &entry(10, message::STARTED, ""));
        let text = serde_json::to_string(&known).unwrap();
        assert_eq!(serde_json::from_str::<Known>(&text).unwrap(), known);
        assert_eq!(known.cursor.as_deref(), Some("c10"));
    }

    #[test]
    fn the_end_of_a_run_is_unknown_once_its_manager_is_gone() {
        let of = |pid: u32| format!(r#","_BOOT_ID":"b","_PID":"{pid}""#);
        let started = entry(10, message::STARTED, &of(1));
        assert_eq!(last(std::slice::from_ref(&started)).outcome, Outcome::Running);
        let elsewhere = r#"{"__REALTIME_TIMESTAMP":"20000000","MESSAGE_ID":"x","USER_UNIT":"timers.target","_BOOT_ID":"b","_PID":"2"}"#;
        assert_eq!(last(&[started, Entry::read(elsewhere).unwrap()]).outcome, Outcome::Unknown);
    }

    #[test]
    fn helpers_and_timers_are_no_runs() {
        let mut known = Known::default();
        let json = r#"{"__REALTIME_TIMESTAMP":"1","MESSAGE_ID":"39f53479d3a045ac8e11786248231fbf","USER_UNIT":"taskflows-a.timer"}"#;
        known.note(Scope::User, &Entry::read(json).unwrap());
        assert!(known.runs.is_empty());
    }
}
