use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use taskflows_core::{self as core, Outcome, Run};
use utoipa::ToSchema;

use crate::wire::Misfit;

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunOutcome {
    /// In a word.
    pub result: ResultWord,
    /// What systemd said of the end of one that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RunEnd>,
}

/// How a run ended, or that it has not, in a word.
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
        let (started, ended) = (run.started, run.ended);
        let reason = match &run.outcome {
            Outcome::Failed(end) => Some(end.to_string()),
            _ => None,
        };
        let RunOutcome { result, end } = run.outcome.into();
        Self { result, started, ended, took_seconds, reason, end }
    }
}

impl TryFrom<LastRun> for Run {
    type Error = Misfit;

    fn try_from(run: LastRun) -> Result<Self, Misfit> {
        let outcome = RunOutcome { result: run.result, end: run.end }.try_into()?;
        Ok(Self { started: run.started, ended: run.ended, outcome })
    }
}

impl From<Outcome> for RunOutcome {
    fn from(outcome: Outcome) -> Self {
        let result = ResultWord::from(&outcome);
        let end = match outcome {
            Outcome::Failed(end) => Some(end.into()),
            _ => None,
        };
        Self { result, end }
    }
}

impl TryFrom<RunOutcome> for Outcome {
    type Error = Misfit;

    fn try_from(sent: RunOutcome) -> Result<Self, Misfit> {
        Ok(match sent.result {
            ResultWord::Running => Self::Running,
            ResultWord::Ok => Self::Succeeded,
            ResultWord::Failed => {
                Self::Failed(sent.end.ok_or_else(|| Misfit::new("end", "a failure has one"))?.into())
            }
            ResultWord::Skipped => Self::Skipped,
            ResultWord::Unknown => Self::Unknown,
            ResultWord::Interrupted => Self::Interrupted,
        })
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
