use std::collections::BTreeMap;

use jiff::Timestamp;
use taskflows_core::task::{RunId, RunNotes, RunRecord, Trigger};
use taskflows_core::{ExitKind, Outcome, RunEnd, ServiceName};

use super::entry::Entry;
use super::message;
use crate::Scope;
use crate::unit::{Role, UnitName};

/// What tells of runs, here.
pub(super) const MESSAGES: [&str; 8] = [
    message::STARTING,
    message::STARTED,
    message::RESTARTING,
    message::STOPPED,
    message::PROCESS_EXIT,
    message::SUCCESS,
    message::FAILURE,
    message::SKIPPED,
];

/// The fields that are read.
pub(super) const FIELDS: [&str; 13] = [
    "MESSAGE_ID",
    "MESSAGE",
    "USER_UNIT",
    "UNIT",
    "USER_INVOCATION_ID",
    "INVOCATION_ID",
    "UNIT_RESULT",
    "EXIT_CODE",
    "EXIT_STATUS",
    "COMMAND",
    "_SOURCE_REALTIME_TIMESTAMP",
    "_BOOT_ID",
    "_PID",
];

/// Runs as the manager's own messages tell of them, read from the newest message to the oldest.
#[derive(Debug, Default)]
pub(super) struct ManagedRuns {
    runs: BTreeMap<RunId, Managed>,
    /// Of each service, the run that the message read before was about.
    later: BTreeMap<ServiceName, RunId>,
    /// Of each service, a start that the message read before calls skipped, and the invocation it names.
    skipped: BTreeMap<ServiceName, (RunId, Option<RunId>)>,
    /// The manager that wrote the newest message: its boot and its process.
    manager: Option<String>,
    /// The boot of now, where it is known: no run of another one goes on.
    boot: Option<String>,
}

#[derive(Debug)]
struct Managed {
    service: ServiceName,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    /// systemd's result, `success` or `skipped`.
    result: Option<String>,
    exit: Option<ExitKind>,
    is_preparation: bool,
    is_restart: bool,
    /// The run of the service that came after it.
    next: Option<RunId>,
    /// Whether a later start of the service is known, or its manager is gone: then it is over, however it ended.
    is_past: bool,
}

impl ManagedRuns {
    /// Knows of no run yet. `boot` is the id of the boot of now, 32 hexadecimal digits.
    pub(super) fn new(boot: Option<String>) -> Self {
        Self { boot, ..Self::default() }
    }

    /// Takes note of a message that is not newer than those before.
    pub(super) fn note(&mut self, scope: Scope, entry: &Entry) {
        let (unit, invocation) = match scope {
            Scope::User => ("USER_UNIT", "USER_INVOCATION_ID"),
            Scope::System => ("UNIT", "INVOCATION_ID"),
        };
        let unit = entry.text(unit).and_then(|unit| UnitName::parse(&unit));
        let Some(unit) = unit.filter(|unit| unit.role == Role::Main && !unit.timer) else { return };
        let (Some(time), Some(kind)) = (entry.sent(), entry.text("MESSAGE_ID")) else { return };
        let is_elsewhere = self.is_elsewhere(entry);
        let text = entry.text("MESSAGE").unwrap_or_default();
        let id = entry.text(invocation).and_then(|id| id.parse().ok());
        if message::is_skip(&text) {
            self.skip(unit.service, time, id);
            return;
        }
        let Some(id) = id else { return };
        let skipped = self.skipped.remove(&unit.service);
        if kind == message::SKIPPED
            && let Some((told_again, Some(of))) = skipped
            && of == id
        {
            self.runs.remove(&told_again);
        }
        let next = self.later.get(&unit.service).copied().filter(|later| *later != id);
        let is_past = is_elsewhere || next.is_some() || skipped.is_some();
        let new = || Managed { next, is_past, ..Managed::new(unit.service.clone()) };
        let run = self.runs.entry(id).or_insert_with(new);
        run.note(&kind, &text, time, entry);
        let next = run.next;
        if kind == message::RESTARTING
            && let Some(next) = next.and_then(|next| self.runs.get_mut(&next))
        {
            next.is_restart = true;
        }
        self.later.insert(unit.service, id);
    }

    /// Tells whether another manager wrote it than the one of now.
    fn is_elsewhere(&mut self, entry: &Entry) -> bool {
        let boot = entry.text("_BOOT_ID");
        let manager = boot.as_ref().zip(entry.text("_PID")).map(|(boot, pid)| format!("{boot}/{pid}"));
        if self.manager.is_none() {
            self.manager.clone_from(&manager);
        }
        manager != self.manager || self.boot.is_some() && boot != self.boot
    }

    /// Keeps a start that a condition prevented, which began no invocation: the one that is named may be an older run.
    fn skip(&mut self, service: ServiceName, time: Timestamp, named: Option<RunId>) {
        let id = skipped_id(&service, time);
        let mut run = Managed::new(service.clone());
        (run.started, run.ended) = (Some(time), Some(time));
        run.result = Some("skipped".to_owned());
        self.runs.insert(id, run);
        self.skipped.insert(service, (id, named));
    }

    /// Returns how many runs are known.
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// Adds them to those of which there are notes. Where there are messages older than those read, what has no start yet
    /// is passed over.
    pub(super) fn add_to(&self, notes: &mut RunNotes, is_all: bool) {
        for (id, run) in &self.runs {
            if run.started.is_some() || is_all {
                run.record(*id).into_iter().for_each(|record| notes.add(record));
            }
        }
    }
}

/// A start that was skipped has no invocation of its own; this is the same whenever it is read.
fn skipped_id(service: &ServiceName, time: Timestamp) -> RunId {
    // FNV-1a, which no version of anything changes.
    let of_name = service.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let micros = u128::from(time.as_microsecond().unsigned_abs());
    RunId::from_bits((u128::from(of_name) << 64) | micros)
}

impl Managed {
    fn new(service: ServiceName) -> Self {
        Self {
            service,
            started: None,
            ended: None,
            result: None,
            exit: None,
            is_preparation: false,
            is_restart: false,
            next: None,
            is_past: false,
        }
    }

    fn note(&mut self, kind: &str, text: &str, time: Timestamp, entry: &Entry) {
        match kind {
            // The start of a oneshot is its whole run.
            message::STARTED if text.starts_with("Finished ") => self.end(time, "success".to_owned()),
            message::STARTING | message::STARTED => self.started = Some(time),
            message::PROCESS_EXIT => self.exits(entry),
            message::SUCCESS | message::STOPPED => self.end(time, "success".to_owned()),
            message::SKIPPED => self.end(time, "skipped".to_owned()),
            message::FAILURE => {
                self.end(time, entry.text("UNIT_RESULT").unwrap_or_else(|| "failed".to_owned()));
            }
            _ => {}
        }
    }

    /// The newest word of its end stands.
    fn end(&mut self, time: Timestamp, result: String) {
        // What was stopped on request may have failed on the way, which is told before.
        if self.ended.is_none() || result != "success" {
            self.ended = Some(time);
            self.result = Some(result);
        }
    }

    fn exits(&mut self, entry: &Entry) {
        let command = entry.text("COMMAND");
        if !matches!(command.as_deref(), None | Some("ExecStart" | "ExecStartPre")) || self.exit.is_some() {
            return;
        }
        let status = entry.text("EXIT_STATUS").and_then(|status| status.parse().ok());
        self.exit = status.map(|status| match entry.text("EXIT_CODE").as_deref() {
            Some("exited") => ExitKind::Exited(status),
            _ => ExitKind::Killed(status),
        });
        self.is_preparation = entry.is_of_preparation();
    }

    fn record(&self, id: RunId) -> Option<RunRecord> {
        let outcome = match self.result.as_deref() {
            None if self.is_past => Outcome::Unknown,
            None => Outcome::Running,
            Some("success") => Outcome::Succeeded,
            Some("skipped" | "exec-condition") => Outcome::Skipped,
            Some(result) => Outcome::Failed(RunEnd {
                result: result.to_owned(),
                exit: self.exit,
                is_preparation: self.is_preparation,
            }),
        };
        Some(RunRecord {
            id,
            task: self.service.to_string(),
            service: Some(self.service.clone()),
            scheduled: None,
            started: match (self.started, self.ended) {
                // The manager writes of a start after it has begun.
                (Some(started), Some(ended)) => started.min(ended),
                (started, ended) => started.or(ended)?,
            },
            ended: self.ended,
            attempts: u32::from(outcome != Outcome::Skipped),
            outcome,
            max_attempts: 1,
            error: None,
            trigger: if self.is_restart { Trigger::Restart } else { Trigger::Unknown },
            command: None,
            options: Vec::new(),
            directory: None,
            process: None,
        })
    }
}
