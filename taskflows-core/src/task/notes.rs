//! What is written of a run where logs go, and the runs put together again from it.

mod read;
mod write;

#[cfg(test)]
mod tests;

pub use read::RunNotes;
#[cfg(test)]
use write::LONGEST_TEXT;
pub use write::RunNote;

use crate::{ExitKind, Outcome, RunEnd, Signal};

/// The names of the fields.
///
/// Times are microseconds since 1970, in digits. A line of JSON has the same names in lower case at its top level.
pub(crate) mod field {
    /// What happened: `started`, `attempt-failed`, `retrying`, `finished`.
    pub(crate) const EVENT: &str = "TASKFLOWS_EVENT";
    /// The run, 32 hexadecimal digits.
    pub(crate) const RUN: &str = "TASKFLOWS_RUN_ID";
    /// The name of the task.
    pub(crate) const TASK: &str = "TASKFLOWS_TASK";
    /// The service, where it ran for one.
    pub(crate) const SERVICE: &str = "TASKFLOWS_SERVICE";
    /// When it was to start.
    pub(crate) const SCHEDULED: &str = "TASKFLOWS_SCHEDULED";
    /// When the run began.
    pub(crate) const STARTED: &str = "TASKFLOWS_STARTED";
    /// When the run was over.
    pub(crate) const ENDED: &str = "TASKFLOWS_ENDED";
    /// How long the run took, or the attempt that failed, in microseconds.
    pub(crate) const DURATION: &str = "TASKFLOWS_DURATION_US";
    /// How the run ended, or the attempt that failed: `ok`, `failed`, `interrupted`, `skipped`.
    pub(crate) const OUTCOME: &str = "TASKFLOWS_OUTCOME";
    /// Of a bad end, systemd's word for it: `exit-code`, `signal`, `timeout`, …
    pub(crate) const RESULT: &str = "TASKFLOWS_RESULT";
    /// The exit code, or the name of the signal; of one without a name `SIG` and its number.
    pub(crate) const EXIT: &str = "TASKFLOWS_EXIT";
    /// `1` where what was to prepare the run ended so, and the run never began.
    pub(crate) const PREPARATION: &str = "TASKFLOWS_PREPARATION";
    /// What went wrong, where the rest does not say it.
    pub(crate) const ERROR: &str = "TASKFLOWS_ERROR";
    /// What started it: `timer`, `manual`, `retry`, `restart`.
    pub(crate) const TRIGGER: &str = "TASKFLOWS_TRIGGER";
    /// The user who started it.
    pub(crate) const BY: &str = "TASKFLOWS_BY";
    /// The run that was wanted once more.
    pub(crate) const RETRY_OF: &str = "TASKFLOWS_RETRY_OF";
    /// The attempt this is about, from 1.
    pub(crate) const ATTEMPT: &str = "TASKFLOWS_ATTEMPT";
    /// When that attempt began.
    pub(crate) const ATTEMPT_STARTED: &str = "TASKFLOWS_ATTEMPT_STARTED";
    /// When that attempt was over.
    pub(crate) const ATTEMPT_ENDED: &str = "TASKFLOWS_ATTEMPT_ENDED";
    /// How many attempts were begun so far.
    pub(crate) const ATTEMPTS: &str = "TASKFLOWS_ATTEMPTS";
    /// How many there may be.
    pub(crate) const MAX_ATTEMPTS: &str = "TASKFLOWS_MAX_ATTEMPTS";
    /// The process that drives a run that has begun: the boot, the number, and its start in clock ticks.
    pub(crate) const PROCESS: &str = "TASKFLOWS_PROCESS";

    /// All of them.
    pub(crate) const ALL: [&str; 22] = [
        EVENT,
        RUN,
        TASK,
        SERVICE,
        SCHEDULED,
        STARTED,
        ENDED,
        DURATION,
        OUTCOME,
        RESULT,
        EXIT,
        PREPARATION,
        ERROR,
        TRIGGER,
        BY,
        RETRY_OF,
        ATTEMPT,
        ATTEMPT_STARTED,
        ATTEMPT_ENDED,
        ATTEMPTS,
        MAX_ATTEMPTS,
        PROCESS,
    ];
}

/// Reads what a process did at its end, as [`ExitKind`] is written.
fn read_exit(text: &str) -> Option<ExitKind> {
    let Some(name) = text.strip_prefix("SIG") else { return text.parse().ok().map(ExitKind::Exited) };
    let number = name.parse().ok();
    let named = || text.parse::<Signal>().ok().map(|signal| i32::from(signal.number()));
    number.or_else(named).map(ExitKind::Killed)
}

/// Reads how something ended from its fields.
fn read_outcome(field: &dyn Fn(&str) -> Option<String>) -> Option<Outcome> {
    Some(match field(field::OUTCOME)?.as_str() {
        "ok" => Outcome::Succeeded,
        "failed" => Outcome::Failed(RunEnd {
            result: field(field::RESULT).unwrap_or_default(),
            exit: field(field::EXIT).as_deref().and_then(read_exit),
            is_preparation: field(field::PREPARATION).is_some_and(|text| text == "1"),
        }),
        "interrupted" => Outcome::Interrupted,
        "skipped" => Outcome::Skipped,
        "running" => Outcome::Running,
        _ => Outcome::Unknown,
    })
}
