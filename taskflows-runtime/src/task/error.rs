use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use taskflows_core::task::RunId;

/// Why a task failed for good: what ended its last attempt.
///
/// Its text names the task and the attempts. An error of the body that is a [`std::error::Error`], or holds one as
/// `anyhow::Error` and `Box<dyn Error>` do, is the [source](Error::source); of another, the text is added.
pub struct TaskError<E> {
    pub(crate) task: Cow<'static, str>,
    pub(crate) run: RunId,
    pub(crate) attempts: u32,
    pub(crate) failure: TaskFailure<E>,
    pub(crate) view: ErrorView<E>,
}

/// What ended the last attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskFailure<E> {
    /// The body returned this.
    Error(E),
    /// The body panicked, with this message.
    Panicked(String),
    /// Its time was up: the text says which limit it was.
    TimedOut(String),
    /// No thread could be had to run it on: the text says why.
    NotStarted(String),
}

impl<E> TaskError<E> {
    /// Returns the name of the task.
    pub fn task(&self) -> &str {
        &self.task
    }

    /// Returns the run that failed.
    pub fn run_id(&self) -> RunId {
        self.run
    }

    /// Returns how many attempts were made.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns what ended the last attempt.
    pub fn failure(&self) -> &TaskFailure<E> {
        &self.failure
    }

    /// Returns the error that the body returned in the last attempt, if that is what ended it.
    pub fn into_error(self) -> Option<E> {
        match self.failure {
            TaskFailure::Error(error) => Some(error),
            _ => None,
        }
    }

    /// Tells whether the last attempt took too long.
    pub fn is_timeout(&self) -> bool {
        matches!(self.failure, TaskFailure::TimedOut(_))
    }

    /// Tells whether the last attempt panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.failure, TaskFailure::Panicked(_))
    }
}

impl<E> fmt::Display for TaskError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.attempts == 1 { "" } else { "s" };
        write!(f, "task `{}` failed after {} attempt{plural}", self.task, self.attempts)?;
        match &self.failure {
            TaskFailure::Error(error) if (self.view.source)(error).is_some() => Ok(()),
            TaskFailure::Error(error) => write!(f, ": {}", (self.view.text)(error)),
            TaskFailure::Panicked(message) => write!(f, ": it panicked: {message}"),
            TaskFailure::TimedOut(text) | TaskFailure::NotStarted(text) => write!(f, ": {text}"),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for TaskError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskError")
            .field("task", &self.task)
            .field("run", &self.run)
            .field("attempts", &self.attempts)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

impl<E: fmt::Debug> Error for TaskError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.failure {
            TaskFailure::Error(error) => (self.view.source)(error),
            _ => None,
        }
    }
}

/// How the error of a body is read: its text, with its causes, and the [`Error`] it is, if it is one.
pub struct ErrorView<E> {
    text: fn(&E) -> String,
    source: fn(&E) -> Option<&(dyn Error + 'static)>,
}

impl<E> Clone for ErrorView<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for ErrorView<E> {}

impl<E> fmt::Debug for ErrorView<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErrorView")
    }
}

impl<E> ErrorView<E> {
    /// Reads errors of the standard kind: the text goes on through their causes, `a: b: c`.
    pub fn of_error() -> Self
    where
        E: Error + 'static,
    {
        Self { text: |error| chain(error), source: |error| Some(error) }
    }

    /// Reads what holds an error that may cross threads: `anyhow::Error`, `Box<dyn Error + Send + Sync>`.
    pub fn of_shared() -> Self
    where
        E: AsRef<dyn Error + Send + Sync + 'static>,
    {
        Self { text: |error| chain(error.as_ref()), source: |error| Some(error.as_ref()) }
    }

    /// Reads what holds an error: `Box<dyn Error>`.
    pub fn of_boxed() -> Self
    where
        E: AsRef<dyn Error + 'static>,
    {
        Self { text: |error| chain(error.as_ref()), source: |error| Some(error.as_ref()) }
    }

    /// Reads what has a text.
    pub fn of_text() -> Self
    where
        E: fmt::Display,
    {
        Self { text: |error| format!("{error:#}"), source: |_| None }
    }

    /// Reads what only programmers are shown.
    pub fn of_debug() -> Self
    where
        E: fmt::Debug,
    {
        Self { text: |error| format!("{error:?}"), source: |_| None }
    }

    pub(crate) fn text(&self, error: &E) -> String {
        (self.text)(error)
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
