use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use taskflows_core::effects::{EnvironmentError, JobResult, ServiceError};
use utoipa::ToSchema;

use super::RunEnd;
use super::listing::name;
use crate::wire::Misfit;

/// Why a service manager did not do what it was asked. What its operating system said, and in which directory, is in the
/// log of the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are those of core's error of the same name")]
pub enum ServiceFailure {
    /// No service of that name is installed.
    NotFound { name: String },
    /// A unit of that name exists and was not written by taskflows.
    NotOurs { path: String, reason: String },
    /// Unit files were changed by hand since they were written.
    Edited { files: Vec<String> },
    /// A service that was to go comes from elsewhere than was thought.
    OtherSource { name: String, expected: String, found: Option<String> },
    /// The manager cannot be reached.
    Unreachable { what: String },
    /// The connection ended while an answer was awaited, so what happened is not known.
    ConnectionLost { what: String, operation: String },
    /// The manager refused for lack of permission.
    PermissionDenied { operation: String },
    /// No answer came within the limit.
    TimedOut { operation: String, limit_seconds: f64 },
    /// The manager refused.
    Refused { operation: String, reason: String },
    /// systemd's job did not succeed; `result` is its word: `failed`, `dependency`, `assert`.
    Job { operation: String, result: String },
    /// The run failed.
    RunFailed { name: String, end: RunEnd },
    /// A definition cannot be written as a unit.
    Render { name: String, reason: String },
    /// The environments that services name could not be read.
    Environments { error: EnvironmentFailure },
    /// A file could not be read or written.
    File { operation: String, path: String, is_permission: bool },
    /// Another server did not do what it was asked.
    Remote { server: String, reason: String },
    /// Another command is changing the units.
    Busy { path: String, waited_seconds: f64 },
}

/// Why environments could not be read or changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are those of core's error of the same name")]
pub enum EnvironmentFailure {
    /// There is none of that name.
    NotFound { name: String, near: Option<String> },
    /// There is one of that name already.
    Exists { name: String },
    /// What is kept cannot be understood.
    Damaged { path: String, reason: String },
    /// A file could not be read or written.
    File { operation: String, path: String, is_permission: bool },
}

impl From<&ServiceError> for ServiceFailure {
    fn from(error: &ServiceError) -> Self {
        use ServiceError as E;
        match error {
            E::NotFound { name } => Self::NotFound { name: name.clone() },
            // Whoever is to move it away has to know which it is.
            E::NotOurs { path, reason } => {
                Self::NotOurs { path: path.to_string_lossy().into_owned(), reason: reason.clone() }
            }
            E::Edited { files } => Self::Edited { files: files.clone() },
            E::OtherSource { name, expected, found } => {
                Self::OtherSource { name: name.to_string(), expected: expected.clone(), found: found.clone() }
            }
            E::Unreachable { what, .. } => Self::Unreachable { what: what.clone() },
            E::ConnectionLost { what, operation, .. } => {
                Self::ConnectionLost { what: what.clone(), operation: operation.clone() }
            }
            E::PermissionDenied { operation, .. } => Self::PermissionDenied { operation: operation.clone() },
            E::TimedOut { operation, limit } => {
                Self::TimedOut { operation: operation.clone(), limit_seconds: limit.as_secs_f64() }
            }
            E::Refused { operation, reason } => {
                Self::Refused { operation: operation.clone(), reason: reason.clone() }
            }
            E::Job { operation, result } => {
                Self::Job { operation: operation.clone(), result: job_word(result).to_owned() }
            }
            E::RunFailed { name, end } => Self::RunFailed { name: name.to_string(), end: end.clone().into() },
            E::Render { name, reason } => Self::Render { name: name.to_string(), reason: reason.clone() },
            E::Environments(error) => Self::Environments { error: error.into() },
            E::File { operation, path, source } => Self::File {
                operation: operation.to_string(),
                path: shown(path),
                is_permission: is_permission(source),
            },
            E::Busy { path, waited } => {
                Self::Busy { path: shown(path), waited_seconds: waited.as_secs_f64() }
            }
            E::Remote { server, reason } => Self::Remote { server: server.clone(), reason: reason.clone() },
            // A kind of a later version.
            other => Self::Remote { server: "the host".to_owned(), reason: other.to_string() },
        }
    }
}

/// Says it as the host that had it would, without what only its log has.
impl fmt::Display for ServiceFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.clone().into_error("this host") {
            Ok(error) => error.fmt(f),
            Err(_) => f.write_str("it failed"),
        }
    }
}

impl ServiceFailure {
    /// Returns the word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "no-such-service",
            Self::NotOurs { .. } => "not-ours",
            Self::Edited { .. } => "edited",
            Self::OtherSource { .. } => "other-source",
            Self::Refused { .. } => "refused",
            Self::Job { .. } => "job-failed",
            Self::RunFailed { .. } => "run-failed",
            Self::PermissionDenied { .. } => "not-permitted",
            Self::Render { .. } => "cannot-render",
            Self::Busy { .. } => "busy",
            Self::TimedOut { .. } => "timed-out",
            Self::Unreachable { .. } | Self::ConnectionLost { .. } => "unreachable",
            Self::Remote { .. } => "failed",
            Self::Environments { .. } => "environments",
            Self::File { .. } => "file",
        }
    }

    /// Makes an error of it again, as `server` has it.
    ///
    /// # Errors
    /// When a name in it is none.
    pub fn into_error(self, server: &str) -> Result<ServiceError, Misfit> {
        use ServiceError as E;
        Ok(match self {
            Self::NotFound { name } => E::NotFound { name },
            Self::NotOurs { path, reason } => E::NotOurs { path: path.into(), reason },
            Self::Edited { files } => E::Edited { files },
            Self::OtherSource { name: of, expected, found } => {
                E::OtherSource { name: name(&of)?, expected, found }
            }
            Self::Unreachable { what } => E::Unreachable { what, source: elsewhere(server) },
            Self::ConnectionLost { what, operation } => {
                E::ConnectionLost { what, operation, source: elsewhere(server) }
            }
            Self::PermissionDenied { operation } => {
                E::PermissionDenied { operation, source: elsewhere(server) }
            }
            Self::TimedOut { operation, limit_seconds } => {
                E::TimedOut { operation, limit: duration(limit_seconds) }
            }
            Self::Refused { operation, reason } => E::Refused { operation, reason },
            Self::Job { operation, result } => E::Job { operation, result: JobResult::from(result.as_str()) },
            Self::RunFailed { name: of, end } => E::RunFailed { name: name(&of)?, end: end.into() },
            Self::Render { name: of, reason } => E::Render { name: name(&of)?, reason },
            Self::Environments { error } => E::Environments(error.into_error(server)),
            Self::File { operation, path, is_permission } => {
                let source = file_error(is_permission, server);
                E::File { operation: operation.into(), path: path.into(), source }
            }
            Self::Busy { path, waited_seconds } => {
                E::Busy { path: path.into(), waited: duration(waited_seconds) }
            }
            Self::Remote { server, reason } => E::Remote { server, reason },
        })
    }
}

impl From<&EnvironmentError> for EnvironmentFailure {
    fn from(error: &EnvironmentError) -> Self {
        use EnvironmentError as E;
        match error {
            E::NotFound { name, near } => Self::NotFound { name: name.clone(), near: near.clone() },
            E::Exists { name } => Self::Exists { name: name.clone() },
            E::Damaged { path, reason } => Self::Damaged { path: shown(path), reason: reason.clone() },
            E::File { operation, path, source } => Self::File {
                operation: operation.to_string(),
                path: shown(path),
                is_permission: is_permission(source),
            },
            // A kind of a later version.
            other => Self::Damaged { path: "environments.json".to_owned(), reason: other.to_string() },
        }
    }
}

impl EnvironmentFailure {
    /// Makes an error of it again, as `server` has it.
    #[must_use]
    pub fn into_error(self, server: &str) -> EnvironmentError {
        use EnvironmentError as E;
        match self {
            Self::NotFound { name, near } => E::NotFound { name, near },
            Self::Exists { name } => E::Exists { name },
            Self::Damaged { path, reason } => E::Damaged { path: path.into(), reason },
            Self::File { operation, path, is_permission } => {
                let source = file_error(is_permission, server);
                E::File { operation: operation.into(), path: path.into(), source }
            }
        }
    }
}

/// Returns the name of a file. Where a host keeps its files is its own affair.
fn shown(path: &std::path::Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn is_permission(source: &std::io::Error) -> bool {
    source.kind() == std::io::ErrorKind::PermissionDenied
}

/// Stands for a cause that did not come along.
fn elsewhere(server: &str) -> Box<dyn std::error::Error + Send + Sync> {
    format!("the log of {server} has the cause").into()
}

fn file_error(is_permission: bool, server: &str) -> std::io::Error {
    match is_permission {
        true => std::io::ErrorKind::PermissionDenied.into(),
        false => std::io::Error::other(elsewhere(server)),
    }
}

/// Reads a length of time to the microsecond: a number in JSON has no more of it.
fn duration(seconds: f64) -> Duration {
    // A float becomes the nearest whole number, none below zero and none too large.
    Duration::from_micros((seconds * 1e6).round() as u64)
}

/// Returns systemd's word. Source: org.freedesktop.systemd1(5), `JobRemoved`.
fn job_word(result: &JobResult) -> &str {
    match result {
        JobResult::Done => "done",
        JobResult::Canceled => "canceled",
        JobResult::Timeout => "timeout",
        JobResult::Failed => "failed",
        JobResult::Dependency => "dependency",
        JobResult::Skipped => "skipped",
        JobResult::Assert => "assert",
        JobResult::Other(other) => other,
        _ => "unknown",
    }
}
