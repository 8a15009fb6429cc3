use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::{RunEnd, ServiceName};

/// Why a service manager did not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// No service of that name is installed.
    #[error("no service `{name}` is installed")]
    NotFound {
        /// The name.
        name: String,
    },
    /// A unit of that name exists and was not written by taskflows.
    #[error("`{}` is not a unit of taskflows: {reason}", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// How that was seen.
        reason: String,
    },
    /// Unit files of ours were changed by hand since they were written.
    #[error("changed by hand since taskflows wrote them: {}", files.join(", "))]
    Edited {
        /// The files.
        files: Vec<String>,
    },
    /// A service that was to go comes from elsewhere than was thought.
    #[error("`{name}` comes from {} by now, not from {expected}", found.as_deref().unwrap_or("the standard input"))]
    OtherSource {
        /// The service.
        name: ServiceName,
        /// The definition file it was thought to come from.
        expected: String,
        /// The one it comes from; `None` is the standard input.
        found: Option<String>,
    },
    /// The manager cannot be reached.
    #[error("could not reach {what}")]
    Unreachable {
        /// The manager, in words.
        what: String,
        /// The cause.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The connection ended while an answer was awaited, so what happened is not known.
    #[error("lost the connection to {what} while waiting to {operation}")]
    ConnectionLost {
        /// The manager, in words.
        what: String,
        /// What was under way.
        operation: String,
        /// The cause.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The manager refused for lack of permission.
    #[error("not permitted to {operation}")]
    PermissionDenied {
        /// What was refused.
        operation: String,
        /// The cause.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// No answer came within the limit.
    #[error("no answer within {limit:?} on trying to {operation}")]
    TimedOut {
        /// What was asked.
        operation: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The manager refused.
    #[error("systemd refused to {operation}: {reason}")]
    Refused {
        /// What was asked.
        operation: String,
        /// What it said.
        reason: String,
    },
    /// systemd's job for the action did not succeed.
    #[error("could not {operation}: {result}")]
    Job {
        /// What was asked.
        operation: String,
        /// What became of the job.
        result: JobResult,
    },
    /// The run failed.
    #[error("`{name}` failed: {end}")]
    RunFailed {
        /// The service.
        name: ServiceName,
        /// How it ended.
        end: RunEnd,
    },
    /// A definition cannot be written as a unit.
    #[error("cannot write `{name}` as a unit: {reason}")]
    Render {
        /// The service.
        name: ServiceName,
        /// What is wrong.
        reason: String,
    },
    /// The environments that services name could not be read.
    #[error("could not read the environments of this host")]
    Environments(#[from] super::EnvironmentError),
    /// A file could not be read or written.
    #[error("could not {operation} `{}`", path.display())]
    File {
        /// What was tried.
        operation: Cow<'static, str>,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Another server did not do what it was asked, for a reason that is none of the others.
    #[error("{server}: {reason}")]
    Remote {
        /// Its name.
        server: String,
        /// What it said, or what is wrong with that.
        reason: String,
    },
    /// Another command is changing the units.
    #[error("another taskflows command has held `{}` for {waited:?}", path.display())]
    Busy {
        /// The lock.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
}

impl ServiceError {
    /// Tells whether there is no such service.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Tells whether the manager could not be reached, or was lost.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::ConnectionLost { .. })
    }

    /// Tells whether a permission was missing.
    pub fn is_permission_denied(&self) -> bool {
        match self {
            Self::PermissionDenied { .. } => true,
            Self::File { source, .. } => source.kind() == std::io::ErrorKind::PermissionDenied,
            _ => false,
        }
    }

    /// Tells whether a limit of time was reached.
    pub fn is_timed_out(&self) -> bool {
        matches!(
            self,
            Self::TimedOut { .. } | Self::Busy { .. } | Self::Job { result: JobResult::Timeout, .. }
        )
    }

    /// Tells whether the run itself failed, so that its log says why.
    pub fn is_run_failed(&self) -> bool {
        matches!(self, Self::RunFailed { .. })
    }
}

/// What became of a job. Source: org.freedesktop.systemd1(5), `JobRemoved`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobResult {
    /// It succeeded.
    Done,
    /// Another request took its place.
    Canceled,
    /// It took too long.
    Timeout,
    /// It failed.
    Failed,
    /// A job it depends on failed.
    Dependency,
    /// It did not apply to the unit.
    Skipped,
    /// An assert of the unit was not met.
    Assert,
    /// Any other, in systemd's word.
    Other(String),
}

impl From<&str> for JobResult {
    fn from(text: &str) -> Self {
        match text {
            "done" => Self::Done,
            "canceled" => Self::Canceled,
            "timeout" => Self::Timeout,
            "failed" => Self::Failed,
            "dependency" => Self::Dependency,
            "skipped" => Self::Skipped,
            "assert" => Self::Assert,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for JobResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "the job succeeded",
            Self::Canceled => "another request took the job's place",
            Self::Timeout => "the job took too long",
            Self::Failed => "the job failed",
            Self::Dependency => "a unit it depends on failed",
            Self::Skipped => "the job does not apply to the unit",
            Self::Assert => "an assert of its definition is not met",
            Self::Other(other) => other,
        })
    }
}
