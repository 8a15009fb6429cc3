use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use taskflows_core::{self as core, Outcome, Run};
use utoipa::ToSchema;

use crate::wire::Unreadable;

/// The last run of a service, or the one under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LastRun {
    /// How it ended, in a word.
    pub result: ResultWord,
    /// When its process was started; null where that is no longer known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started: Option<Timestamp>,
    /// When it was over; null while it runs, or where that is not known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
    /// How long it took, or has taken while it runs.
    pub took_seconds: Option<f64>,
    /// How it ended badly, in words for people.
    pub reason: Option<String>,
    /// The same for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RunEnd>,
}

/// How a run ended, or that it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResultWord {
    /// It still runs.
    Running,
    /// It ended well.
    Ok,
    /// It ended badly.
    Failed,
    /// A condition was not met, so it did not start.
    Skipped,
    /// Nobody knows.
    Unknown,
    /// It was cut off.
    Interrupted,
}

/// What systemd says of the end of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunEnd {
    /// systemd's result: `exit-code`, `signal`, `timeout`, `oom-kill`, …
    pub result: String,
    /// What the process did, where it did anything.
    pub exit: Option<ExitKind>,
    /// Whether a command that prepares the run ended so, and the run itself never began.
    pub is_preparation: bool,
}

/// What a process did at its end: `{"code": 3}` or `{"signal": 9}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum ExitKind {
    /// It exited with this code.
    #[serde(rename = "code")]
    Code(i32),
    /// This signal ended it.
    #[serde(rename = "signal")]
    Signal(i32),
}

impl LastRun {
    /// Writes a run as it stands at `now`.
    #[must_use]
    pub fn new(run: Run, now: Timestamp) -> Self {
        let took_seconds = run.took(now).map(|took| took.as_secs_f64());
        let end = match &run.outcome {
            Outcome::Failed(end) => Some(end.clone()),
            _ => None,
        };
        Self {
            result: ResultWord::from(&run.outcome),
            started: run.started,
            ended: run.ended,
            took_seconds,
            reason: end.as_ref().map(ToString::to_string),
            end: end.map(RunEnd::from),
        }
    }
}

impl TryFrom<LastRun> for Run {
    type Error = Unreadable;

    fn try_from(run: LastRun) -> Result<Self, Unreadable> {
        let outcome = match (run.result, run.end) {
            (ResultWord::Running, _) => Outcome::Running,
            (ResultWord::Ok, _) => Outcome::Succeeded,
            (ResultWord::Failed, Some(end)) => Outcome::Failed(end.into()),
            (ResultWord::Failed, None) => return Err(Unreadable::new("a run", "it failed without an `end`")),
            (ResultWord::Skipped, _) => Outcome::Skipped,
            (ResultWord::Unknown, _) => Outcome::Unknown,
            (ResultWord::Interrupted, _) => Outcome::Interrupted,
        };
        Ok(Self { started: run.started, ended: run.ended, outcome })
    }
}

impl From<&Outcome> for ResultWord {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Running => Self::Running,
            Outcome::Succeeded => Self::Ok,
            Outcome::Failed(_) => Self::Failed,
            Outcome::Skipped => Self::Skipped,
            Outcome::Interrupted => Self::Interrupted,
            _ => Self::Unknown,
        }
    }
}

impl From<core::RunEnd> for RunEnd {
    fn from(end: core::RunEnd) -> Self {
        Self { result: end.result, exit: end.exit.map(ExitKind::from), is_preparation: end.is_preparation }
    }
}

impl From<RunEnd> for core::RunEnd {
    fn from(end: RunEnd) -> Self {
        Self { result: end.result, exit: end.exit.map(Into::into), is_preparation: end.is_preparation }
    }
}

impl From<core::ExitKind> for ExitKind {
    fn from(exit: core::ExitKind) -> Self {
        match exit {
            core::ExitKind::Exited(code) => Self::Code(code),
            core::ExitKind::Killed(signal) => Self::Signal(signal),
        }
    }
}

impl From<ExitKind> for core::ExitKind {
    fn from(exit: ExitKind) -> Self {
        match exit {
            ExitKind::Code(code) => Self::Exited(code),
            ExitKind::Signal(signal) => Self::Killed(signal),
        }
    }
}
