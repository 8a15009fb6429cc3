use std::error::Error;
use std::fmt;
use std::sync::Arc;

use taskflows_core::DefinitionError;
use taskflows_core::effects::{EnvironmentError, LogError, RunStoreError, ServiceError};
use taskflows_security::KeptError;
use taskflows_store::StoreError;

use crate::Exit;

/// What a command reports when it fails: a message with its causes, a hint, and the exit code.
#[derive(Clone, Debug)]
pub struct CliError {
    /// The exit code.
    pub exit: Exit,
    /// What is told, without the `error:` before it. May have several lines.
    pub message: String,
    /// What can be done about it.
    pub hint: Option<String>,
    /// The message is a rendered report of its own and needs no `error:` before it.
    pub is_report: bool,
    /// Who read the output went away, which is no failure: `tf list | head -1`.
    pub is_reader_gone: bool,
    /// What it was before it became words, for those who hand it on.
    pub(crate) cause: Option<Arc<Cause>>,
}

/// An error that a program may act upon.
#[derive(Debug)]
pub(crate) enum Cause {
    /// Of a service manager.
    Services(ServiceError),
    /// Of a definition.
    Definition(DefinitionError),
}

impl CliError {
    /// Makes an error with a message alone.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
            is_report: false,
            is_reader_gone: false,
            cause: None,
        }
    }

    /// Adds what can be done about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the same where it is known.
    pub(crate) fn hint_of(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into).or(self.hint);
        self
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for CliError {}

/// Writes an error and its causes on one line: `could not reach …: /run/…: no such file`.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Returns the exit code for what a service manager reports.
pub(crate) fn exit_of(error: &ServiceError) -> Exit {
    match error {
        _ if error.is_not_found() => Exit::NoSuchService,
        _ if error.is_unreachable() => Exit::Unreachable,
        _ if error.is_permission_denied() => Exit::Permission,
        _ if error.is_timed_out() => Exit::TimedOut,
        ServiceError::Render { .. } => Exit::Usage,
        _ => Exit::Failed,
    }
}

impl From<ServiceError> for CliError {
    fn from(error: ServiceError) -> Self {
        let hint = match &error {
            ServiceError::NotOurs { path, .. } => Some(format!(
                "taskflows changes only units it wrote; move `{}` away, or choose another name",
                path.display()
            )),
            ServiceError::Edited { .. } => {
                Some("`tf diff` shows how they differ; `tf create --force` writes over them".to_owned())
            }
            ServiceError::TimedOut { .. } => {
                Some("the manager may hang; `systemctl --user status` shows whether it answers".to_owned())
            }
            ServiceError::ConnectionLost { .. } => {
                Some("run the same command again: what was begun is finished or taken back".to_owned())
            }
            ServiceError::Busy { .. } => Some("wait for the other command, or end it".to_owned()),
            _ => None,
        };
        let (exit, message) = (exit_of(&error), chain(&error));
        let cause = Some(Arc::new(Cause::Services(error)));
        Self { exit, message, hint, cause, ..Self::new(Exit::Failed, "") }
    }
}

impl From<EnvironmentError> for CliError {
    fn from(error: EnvironmentError) -> Self {
        let (exit, hint) = match &error {
            EnvironmentError::NotFound { .. } => {
                (Exit::NoSuchService, Some("`tf env list` shows which there are"))
            }
            EnvironmentError::Exists { .. } => (Exit::Failed, Some("`tf env edit` changes it")),
            EnvironmentError::InUse { .. } => {
                (Exit::Failed, Some("give those services another environment first, or remove them"))
            }
            EnvironmentError::File { source, .. }
                if source.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                (Exit::Permission, None)
            }
            _ => (Exit::Failed, None),
        };
        Self { hint: hint.map(str::to_owned), ..Self::new(exit, chain(&error)) }
    }
}

impl From<KeptError> for CliError {
    fn from(error: KeptError) -> Self {
        let exit = match &error {
            KeptError::NotFound { .. } => Exit::NoSuchService,
            KeptError::Exists { .. } => Exit::Usage,
            _ => Exit::Failed,
        };
        Self::new(exit, chain(&error))
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::new(Exit::Failed, chain(&error))
    }
}

impl From<RunStoreError> for CliError {
    fn from(error: RunStoreError) -> Self {
        let (exit, hint) = match &error {
            RunStoreError::NotFound { .. } => {
                (Exit::NoSuchService, Some("`tf history` shows the runs there are"))
            }
            RunStoreError::NoId { .. } => (Exit::Usage, Some("`tf history` shows the runs there are")),
            RunStoreError::Failed { operation, source }
                if operation.contains("Loki")
                    && matches!(source.downcast_ref(), Some(LogError::Unavailable { .. })) =>
            {
                let hint = "TASKFLOWS_LOKI_URL says where it is; `--source journal` asks this host's journal";
                (Exit::Unreachable, Some(hint))
            }
            _ => (Exit::Failed, None),
        };
        Self { hint: hint.map(str::to_owned), ..Self::new(exit, chain(&error)) }
    }
}

impl From<LogError> for CliError {
    fn from(error: LogError) -> Self {
        let message = chain(&error);
        let hint = message.contains("ermission").then(|| {
            "add yourself to the group `systemd-journal`, or keep journals per user (Storage=persistent)"
                .to_owned()
        });
        Self { hint, ..Self::new(Exit::Failed, message) }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        let is_reader_gone = error.kind() == std::io::ErrorKind::BrokenPipe;
        Self { is_reader_gone, ..Self::new(Exit::Failed, format!("could not write the output: {error}")) }
    }
}
