use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use taskflows_core::task::{Step, TaskPolicy};
use tracing::Instrument;

use super::context::CURRENT;
use super::error::{ErrorView, TaskError, TaskFailure};
use super::run::{Attempted, PATIENCE, Run};
use super::spec::Task;

/// Runs what `body` returns as a task: again where it fails and retries are left, within the limits of `policy`.
///
/// `body` is called once for each attempt. Dropping the future that this returns cancels the run; a timeout drops the
/// future of the attempt. Limits and waits need a tokio runtime with time enabled around it. A panic of the body is a failure,
/// where the program unwinds (`panic = "abort"` in a profile ends the program as ever).
///
/// # Errors
/// When the last attempt failed, whether the policy calls it required or not: the caller has the choice.
///
/// ```
/// use std::cell::Cell;
/// use std::time::Duration;
/// use taskflows_core::task::{Backoff, TaskPolicy};
/// use taskflows_runtime::{block_on, run_task};
///
/// let backoff = Backoff::constant(Duration::from_millis(1));
/// let policy = TaskPolicy { retries: 1, backoff, ..TaskPolicy::default() };
/// let calls = Cell::new(0);
/// let answer = block_on(run_task("ask", policy, || async {
///     calls.set(calls.get() + 1);
///     if calls.get() < 2 { Err("no answer") } else { Ok(42) }
/// }));
/// assert_eq!(answer.unwrap(), 42);
/// ```
pub async fn run_task<T, E, Fut>(
    name: &'static str,
    policy: TaskPolicy,
    body: impl FnMut() -> Fut,
) -> Result<T, TaskError<E>>
where
    Fut: Future<Output = Result<T, E>>,
    E: fmt::Display,
{
    Task::new(name, policy).run(ErrorView::of_text(), body).await
}

impl Task {
    /// Runs what `body` returns, as [`run_task`] does.
    ///
    /// # Errors
    /// When the last attempt failed.
    pub async fn run<T, E, Fut>(
        &self,
        view: ErrorView<E>,
        mut body: impl FnMut() -> Fut,
    ) -> Result<T, TaskError<E>>
    where
        Fut: Future<Output = Result<T, E>>,
    {
        let mut run = Run::new(self, view);
        let mut step = run.begin();
        let result = loop {
            step = match step {
                Step::Run { attempt, limit } => {
                    let scoped = CURRENT.scope(run.current(attempt), async { body().await });
                    let caught = AssertUnwindSafe(scoped).catch_unwind().instrument(run.span(attempt));
                    let attempted = match limit {
                        None => Attempted::of(caught.await),
                        Some(limit) => match tokio::time::timeout(limit, caught).await {
                            Ok(caught) => Attempted::of(caught),
                            Err(_) => Attempted::Late,
                        },
                    };
                    match run.attempted(attempted) {
                        Ok(value) => break Ok(value),
                        Err(next) => next,
                    }
                }
                Step::Wait(wait) => {
                    pause(wait).await;
                    run.waited()
                }
                Step::Finish(end) => break Err(run.error(&end)),
            };
        };
        if let Some(told) = run.told_observers() {
            settle(told).await;
        }
        result
    }

    /// Runs the jobs that `body` returns on tokio's threads for blocking work, so that the runtime goes on meanwhile.
    ///
    /// A thread cannot be stopped: at a timeout, and where the future is dropped, the job is no longer waited for and
    /// runs on, and another attempt may begin beside it.
    ///
    /// # Errors
    /// When the last attempt failed.
    pub async fn run_blocking<T, E, Job>(
        &self,
        view: ErrorView<E>,
        mut body: impl FnMut() -> Job,
    ) -> Result<T, TaskError<E>>
    where
        Job: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let mut run = Run::new(self, view);
        let mut step = run.begin();
        let result = loop {
            step = match step {
                Step::Run { attempt, limit } => {
                    let job = super::blocking::within(body(), run.current(attempt), run.span(attempt));
                    let joined = tokio::task::spawn_blocking(job);
                    let joined = match limit {
                        None => Ok(joined.await),
                        Some(limit) => tokio::time::timeout(limit, joined).await,
                    };
                    let attempted = match joined {
                        Ok(Ok(caught)) => Attempted::of(caught),
                        // Panics are caught within the job: what is left is a runtime that shuts down.
                        Ok(Err(error)) => Attempted::Failed(TaskFailure::NotStarted(error.to_string())),
                        Err(_) => Attempted::Late,
                    };
                    match run.attempted(attempted) {
                        Ok(value) => break Ok(value),
                        Err(next) => next,
                    }
                }
                Step::Wait(wait) => {
                    pause(wait).await;
                    run.waited()
                }
                Step::Finish(end) => break Err(run.error(&end)),
            };
        };
        if let Some(told) = run.told_observers() {
            settle(told).await;
        }
        result
    }
}

/// Waits; where there is nothing to wait for, others are let go first all the same.
async fn pause(wait: Duration) {
    if wait.is_zero() {
        // A sleep of nothing lasts to the next tick of tokio's clock, a millisecond.
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(wait).await;
    }
}

/// Waits a moment for observers to have taken note, where there is a runtime to wait with.
async fn settle(told: tokio::sync::oneshot::Receiver<()>) {
    if tokio::runtime::Handle::try_current().is_ok() {
        // Late observers are told all the same, after the run.
        let _ = tokio::time::timeout(PATIENCE, told).await;
    }
}
