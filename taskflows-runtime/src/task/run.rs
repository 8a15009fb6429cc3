//! One run on its way: the machine, the clock, and whoever is told.

use std::any::Any;
use std::time::Duration;

use jiff::Timestamp;
use taskflows_core::TimeSpan;
use taskflows_core::task::{Failure, Finish, Last, Machine, RunEvent, RunEventKind, RunId, Step};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Span;

use super::context::CurrentTask;
use super::error::{ErrorView, TaskError, TaskFailure};
use super::id::new_run_id;
use super::notices;
use super::spec::Task;
use super::told::{self, Told};

/// How long the end of a run may wait for observers.
pub(super) const PATIENCE: Duration = Duration::from_millis(5);

/// What came of an attempt.
pub(super) enum Attempted<T, E> {
    Value(T),
    Failed(TaskFailure<E>),
    /// The limit that the machine gave was up.
    Late,
}

impl<T, E> Attempted<T, E> {
    pub(super) fn of(caught: std::thread::Result<Result<T, E>>) -> Self {
        match caught {
            Ok(Ok(value)) => Self::Value(value),
            Ok(Err(error)) => Self::Failed(TaskFailure::Error(error)),
            Err(payload) => Self::Failed(TaskFailure::Panicked(message(&*payload))),
        }
    }
}

/// The text of a panic, which is a string unless somebody went out of their way.
fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

/// A run that tells its end also where it is dropped before it.
pub(super) struct Run<'t, E> {
    task: &'t Task,
    id: RunId,
    began: Instant,
    machine: Machine,
    view: ErrorView<E>,
    failure: Option<TaskFailure<E>>,
    is_over: bool,
    /// How long after the run its newest attempt began.
    since: Duration,
}

impl<'t, E> Run<'t, E> {
    pub(super) fn new(task: &'t Task, view: ErrorView<E>) -> Self {
        let machine = Machine::new(task.policy.clone());
        Self {
            task,
            id: new_run_id(),
            began: Instant::now(),
            machine,
            view,
            failure: None,
            is_over: false,
            since: Duration::ZERO,
        }
    }

    pub(super) fn begin(&mut self) -> Step {
        self.next(Last::Nothing)
    }

    pub(super) fn waited(&mut self) -> Step {
        self.next(Last::Waited)
    }

    pub(super) fn current(&self, attempt: u32) -> CurrentTask {
        CurrentTask { run: self.id, attempt }
    }

    /// The span that every log line of an attempt is within.
    pub(super) fn span(&self, attempt: u32) -> Span {
        tracing::info_span!("task", name = &*self.task.name, run_id = %self.id, attempt)
    }

    /// Takes note of what came of an attempt: its value, which ends the run, or the next step.
    pub(super) fn attempted<T>(&mut self, attempted: Attempted<T, E>) -> Result<T, Step> {
        let (last, failure) = match attempted {
            Attempted::Value(value) => {
                self.next(Last::Succeeded);
                return Ok(value);
            }
            Attempted::Late => (Last::TimedOut { exit: None }, None),
            Attempted::Failed(failure) => (Last::Failed(self.told(&failure)), Some(failure)),
        };
        self.failure = failure;
        Err(self.next(last))
    }

    fn told(&self, failure: &TaskFailure<E>) -> Failure {
        match failure {
            TaskFailure::Error(error) => Failure::error(self.view.text(error)),
            TaskFailure::Panicked(message) => Failure::panic(format!("it panicked: {message}")),
            TaskFailure::TimedOut(text) | TaskFailure::NotStarted(text) => Failure::error(text.clone()),
        }
    }

    fn next(&mut self, last: Last) -> Step {
        let (task, id, elapsed) = (self.task, self.id, self.began.elapsed());
        let mut error_text = None;
        let is_heard = told::is_heard();
        let end = if is_heard { told::end_of(&last) } else { None };
        let (since, max_attempts) = (self.since, self.machine.policy().max_attempts());
        let step = self.machine.next(
            last,
            elapsed,
            || fastrand::u64(..),
            |kind| {
                if let RunEventKind::AttemptFailed { error, .. } = &kind {
                    error_text = Some(error.clone());
                }
                if is_heard {
                    let (end, error) = (end.clone(), error_text.as_deref());
                    Told { run: id, task: &task.name, max_attempts, elapsed, since, end, error }.tell(&kind);
                }
                if !task.observers.is_empty() {
                    let event = RunEvent { run: id, task: task.name.to_string(), at: Timestamp::now(), kind };
                    notices::tell(&task.observers, event);
                }
            },
        );
        self.is_over = matches!(step, Step::Finish(_));
        if matches!(step, Step::Run { .. }) {
            self.since = elapsed;
        }
        if let Some(error) = error_text {
            self.log(&error, &step);
            // A failure that only the machine has words for is one of its limits.
            self.failure.get_or_insert(TaskFailure::TimedOut(error));
        }
        step
    }

    /// Logs a failed attempt: a warning where another follows, an error where it was the last.
    fn log(&self, error: &str, step: &Step) {
        let (attempt, of) = (self.machine.attempts(), self.machine.policy().max_attempts());
        let _within = self.span(attempt).entered();
        match step {
            Step::Wait(wait) => {
                let wait = TimeSpan::from(*wait);
                tracing::warn!("attempt {attempt} of {of} failed, the next one begins in {wait}: {error}");
            }
            _ => tracing::error!("attempt {attempt} of {of} failed, the task with it: {error}"),
        }
    }

    /// What is done once observers know of the end; `None` where there are none.
    pub(super) fn told_observers(&self) -> Option<oneshot::Receiver<()>> {
        (!self.task.observers.is_empty()).then(notices::told)
    }

    pub(super) fn error(&mut self, end: &Finish) -> TaskError<E> {
        // Only a run that was cancelled has no failure, and who cancels it does not ask.
        let failure = self.failure.take().unwrap_or_else(|| TaskFailure::TimedOut("cancelled".into()));
        let task = self.task.name.clone();
        TaskError { task, run: self.id, attempts: end.attempts, failure, view: self.view }
    }
}

impl<E> Drop for Run<'_, E> {
    fn drop(&mut self) {
        if !self.is_over {
            self.next(Last::Cancelled);
        }
    }
}
