//! Bodies that block: on the calling thread, or on one that is given up when time is up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use taskflows_core::task::Step;
use tracing::Span;

use super::context::{CURRENT, CurrentTask};
use super::error::{ErrorView, TaskError, TaskFailure};
use super::notices::{flush_observers, wait_for};
use super::run::{Attempted, PATIENCE, Run};
use super::spec::Task;

/// How long the end of a program waits for observers.
const FLUSH: Duration = Duration::from_secs(5);

/// Drives `future` to its end on this thread, for programs without a runtime: `fn main() { block_on(hello()); }`.
///
/// Then it waits up to 5 s until observers have taken note of what happened.
///
/// # Panics
/// When it is called from async code, where `.await` is what is needed, or no runtime can be started.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("could not start a runtime: {error}"));
    let output = runtime.block_on(future);
    flush_observers(FLUSH);
    output
}

/// Wraps a job so that it knows its run, its log lines stand in its span, and its panic is caught.
pub(super) fn within<T>(
    job: impl FnOnce() -> T,
    current: CurrentTask,
    span: Span,
) -> impl FnOnce() -> std::thread::Result<T> {
    move || catch_unwind(AssertUnwindSafe(|| CURRENT.sync_scope(current, || span.in_scope(job))))
}

impl Task {
    /// Runs `body` on this thread, and waits on it between attempts, as any function that blocks: async code calls
    /// [`Task::run_blocking`] instead.
    ///
    /// The body cannot be stopped from here: of the limits, only the deadline matters, in that no attempt begins past
    /// it.
    ///
    /// # Errors
    /// When the last attempt failed.
    pub fn run_in_place<T, E>(
        &self,
        view: ErrorView<E>,
        mut body: impl FnMut() -> Result<T, E>,
    ) -> Result<T, TaskError<E>> {
        self.block(view, |current, span, _limit| Attempted::of(within(&mut body, current, span)()))
    }

    /// Runs each job that `body` returns on a thread of its own, and waits for it on this one, no longer than the limits
    /// allow.
    ///
    /// A thread cannot be stopped: at a timeout the job is no longer waited for and runs on, and another attempt may
    /// begin beside it. What it returns then is dropped. It ends with the program at the latest.
    ///
    /// # Errors
    /// When the last attempt failed.
    pub fn run_on_thread<T, E, Job>(
        &self,
        view: ErrorView<E>,
        mut body: impl FnMut() -> Job,
    ) -> Result<T, TaskError<E>>
    where
        Job: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.block(view, |current, span, limit| {
            let job = within(body(), current, span);
            let (sender, receiver) = mpsc::sync_channel(1);
            let thread = std::thread::Builder::new().name("taskflows-task".into());
            // Nobody may be left to hear of the end.
            let started = thread.spawn(move || drop(sender.send(job())));
            if let Err(error) = started {
                let text = format!("could not start a thread: {error}");
                return Attempted::Failed(TaskFailure::NotStarted(text));
            }
            let ended = match limit {
                Some(limit) => receiver.recv_timeout(limit),
                None => receiver.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            };
            match ended {
                Ok(caught) => Attempted::of(caught),
                Err(mpsc::RecvTimeoutError::Timeout) => Attempted::Late,
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    Attempted::Failed(TaskFailure::NotStarted("its thread ended without a result".into()))
                }
            }
        })
    }

    fn block<T, E>(
        &self,
        view: ErrorView<E>,
        mut attempt: impl FnMut(CurrentTask, Span, Option<Duration>) -> Attempted<T, E>,
    ) -> Result<T, TaskError<E>> {
        let mut run = Run::new(self, view);
        let mut step = run.begin();
        let result = loop {
            step = match step {
                Step::Run { attempt: number, limit } => {
                    let attempted = attempt(run.current(number), run.span(number), limit);
                    match run.attempted(attempted) {
                        Ok(value) => break Ok(value),
                        Err(next) => next,
                    }
                }
                Step::Wait(wait) => {
                    std::thread::sleep(wait);
                    run.waited()
                }
                Step::Finish(end) => break Err(run.error(&end)),
            };
        };
        if let Some(told) = run.told_observers() {
            wait_for(told, PATIENCE);
        }
        result
    }
}
