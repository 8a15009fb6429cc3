//! Tasks by the driver, without the macro. Time is paused where anything waits on the runtime.

#![expect(clippy::unwrap_used, reason = "what fails fails the test")]

use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use taskflows_core::Outcome;
use taskflows_core::effects::RunObserver;
use taskflows_core::task::{Backoff, RunEvent, RunEventKind, TaskPolicy};
use taskflows_runtime::{
    ErrorView, Task, TaskFailure, block_on, current_task, current_task_id, flush_observers, run_task,
};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

fn policy(retries: u32) -> TaskPolicy {
    TaskPolicy { retries, backoff: Backoff::constant(10 * SECOND), ..TaskPolicy::default() }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_and_then_succeeds_succeeded() {
    let (began, calls) = (Instant::now(), Cell::new(0));
    let body = || async {
        calls.set(calls.get() + 1);
        if calls.get() < 3 { Err("no answer") } else { Ok(calls.get()) }
    };
    assert_eq!(run_task("ask", policy(5), body).await.unwrap(), 3);
    assert_eq!(began.elapsed(), 20 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_last_error_is_returned_with_the_attempts() {
    let calls = Cell::new(0);
    let body = || async {
        calls.set(calls.get() + 1);
        Err::<(), _>(format!("no answer {}", calls.get()))
    };
    let error = run_task("ask", policy(2), body).await.unwrap_err();
    assert_eq!((error.attempts(), error.task()), (3, "ask"));
    assert_eq!(error.to_string(), "task `ask` failed after 3 attempts: no answer 3");
    assert_eq!(error.into_error().unwrap(), "no answer 3");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_drops_the_attempt_and_the_next_one_has_its_own() {
    struct Dropped<'a>(&'a Cell<u32>);
    impl Drop for Dropped<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let (began, dropped) = (Instant::now(), Cell::new(0));
    let policy = TaskPolicy { timeout: Some(5 * SECOND), ..policy(1) };
    let error = run_task("hang", policy, || async {
        let _held = Dropped(&dropped);
        std::future::pending::<Result<(), Infallible>>().await
    })
    .await
    .unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(error.to_string(), "task `hang` failed after 2 attempts: not done within 5s");
    assert_eq!((dropped.get(), began.elapsed()), (2, 20 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_cuts_the_last_attempt() {
    let began = Instant::now();
    let policy = TaskPolicy { timeout: Some(5 * SECOND), deadline: Some(17 * SECOND), ..policy(9) };
    let error = run_task("hang", policy, std::future::pending::<Result<(), Infallible>>).await.unwrap_err();
    assert_eq!(error.to_string(), "task `hang` failed after 2 attempts: not done before its deadline of 17s");
    assert_eq!(began.elapsed(), 17 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_with_its_message_and_is_tried_again() {
    let calls = Cell::new(0);
    let body = || async {
        calls.set(calls.get() + 1);
        assert!(calls.get() > 1, "first call {}", calls.get());
        Ok::<_, Infallible>(calls.get())
    };
    assert_eq!(run_task("panics once", policy(1), body).await.unwrap(), 2);
    calls.set(0);
    let error = run_task("panics", policy(0), body).await.unwrap_err();
    assert!(error.is_panic());
    assert_eq!(error.to_string(), "task `panics` failed after 1 attempt: it panicked: first call 1");
}

#[tokio::test]
async fn the_body_knows_its_run_through_awaits_and_nobody_does_outside() {
    assert_eq!(current_task_id(), None);
    let ids = || async {
        let before = current_task().unwrap();
        tokio::task::yield_now().await;
        let inner = run_task("inner", policy(0), || async { Ok::<_, Infallible>(current_task_id()) }).await;
        assert_ne!(inner.unwrap().unwrap(), before.run);
        assert_eq!(current_task(), Some(before));
        Ok::<_, Infallible>(before.run)
    };
    let (first, second) =
        (run_task("a", policy(0), ids).await.unwrap(), run_task("b", policy(0), ids).await.unwrap());
    assert_ne!(first, second);
    assert_eq!(current_task_id(), None);
}

#[tokio::test(start_paused = true)]
async fn attempts_of_a_run_share_its_id() {
    let seen = Mutex::new(Vec::new());
    let _ = run_task("ask", policy(2), || async {
        seen.lock().unwrap().push(current_task().unwrap());
        Err::<(), _>("no answer")
    })
    .await;
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen.iter().map(|current| current.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(seen.iter().all(|current| current.run == seen[0].run));
}

#[test]
fn errors_keep_their_causes() {
    let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "refused");
    let task = Task::new("ask", policy(0));
    let error = block_on(task.run(ErrorView::of_error(), || async { Err::<(), _>(refused()) })).unwrap_err();
    assert_eq!(error.to_string(), "task `ask` failed after 1 attempt");
    assert_eq!(error.source().unwrap().to_string(), "refused");
    let boxed = || async { Err::<(), Box<dyn Error + Send + Sync>>(Box::new(refused())) };
    let error = block_on(task.run(ErrorView::of_shared(), boxed)).unwrap_err();
    assert!(error.source().unwrap().is::<io::Error>(), "{error:?}");
}

/// Keeps what it is told, and can be told to misbehave.
#[derive(Default)]
struct Memory {
    seen: Mutex<Vec<RunEventKind>>,
    panics: bool,
    waits: Option<Duration>,
}

#[async_trait]
impl RunObserver for Memory {
    async fn observe(&self, event: &RunEvent) {
        if let Some(wait) = self.waits {
            tokio::time::sleep(wait).await;
        }
        assert!(!self.panics, "told to panic");
        self.seen.lock().unwrap().push(event.kind.clone());
    }
}

fn kinds(memory: &Memory) -> Vec<&'static str> {
    let kind = |kind: &RunEventKind| match kind {
        RunEventKind::Started => "started",
        RunEventKind::AttemptFailed { .. } => "attempt failed",
        RunEventKind::Retrying { .. } => "retrying",
        RunEventKind::Finished { outcome: Outcome::Succeeded, .. } => "succeeded",
        RunEventKind::Finished { outcome: Outcome::Failed(_), .. } => "failed",
        RunEventKind::Finished { outcome: Outcome::Interrupted, .. } => "interrupted",
        other => panic!("{other:?}"),
    };
    memory.seen.lock().unwrap().iter().map(kind).collect()
}

fn told() {
    assert!(flush_observers(Duration::from_secs(60)));
}

#[tokio::test]
async fn observers_are_told_each_event_in_order() {
    let memory = Arc::new(Memory::default());
    let policy = TaskPolicy { backoff: Backoff::constant(Duration::ZERO), ..policy(1) };
    let task = Task::new("ask", policy).observed_by(memory.clone());
    let calls = Cell::new(0);
    let answer = task.run(ErrorView::of_text(), || async {
        calls.set(calls.get() + 1);
        if calls.get() < 2 { Err("no answer") } else { Ok(()) }
    });
    answer.await.unwrap();
    told();
    assert_eq!(kinds(&memory), ["started", "attempt failed", "retrying", "succeeded"]);
}

#[tokio::test]
async fn neither_a_slow_nor_a_panicking_observer_changes_the_result() {
    let slow = Arc::new(Memory { waits: Some(Duration::from_millis(200)), ..Memory::default() });
    let (panics, good) =
        (Arc::new(Memory { panics: true, ..Memory::default() }), Arc::new(Memory::default()));
    let task = Task::new("ask", TaskPolicy { deadline: Some(SECOND), ..policy(0) })
        .observed_by(panics)
        .observed_by(good.clone())
        .observed_by(slow.clone());
    let began = std::time::Instant::now();
    for _ in 0..5 {
        task.run(ErrorView::of_error(), || async { Ok::<_, Infallible>(()) }).await.unwrap();
    }
    let took = began.elapsed();
    // Ten events of 200 ms each would be two seconds.
    assert!(took < SECOND, "{took:?}");
    told();
    assert_eq!(kinds(&good).len(), 10);
    assert_eq!(kinds(&slow).len(), 10);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_run_cancels_it_during_an_attempt_and_during_a_wait() {
    let memory = Arc::new(Memory::default());
    let task = Task::new("hang", policy(1)).observed_by(memory.clone());
    let hangs = task.run(ErrorView::of_error(), std::future::pending::<Result<(), Infallible>>);
    assert!(tokio::time::timeout(SECOND, hangs).await.is_err());
    told();
    assert_eq!(kinds(&memory), ["started", "interrupted"]);
    memory.seen.lock().unwrap().clear();
    let waits = task.run(ErrorView::of_text(), || async { Err::<(), _>("no answer") });
    assert!(tokio::time::timeout(SECOND, waits).await.is_err());
    told();
    assert_eq!(kinds(&memory), ["started", "attempt failed", "retrying", "interrupted"]);
}

#[tokio::test]
async fn a_blocking_job_runs_off_the_runtime_and_knows_its_run() {
    let task = Task::new("block", policy(0));
    let here = std::thread::current().id();
    let job = || || Ok::<_, Infallible>((std::thread::current().id(), current_task_id()));
    let (thread, id) = task.run_blocking(ErrorView::of_error(), job).await.unwrap();
    assert_ne!(thread, here);
    assert!(id.is_some());
    let panics = || || -> Result<(), Infallible> { panic!("out of paper") };
    let error = task.run_blocking(ErrorView::of_error(), panics).await.unwrap_err();
    assert_eq!(error.failure(), &TaskFailure::Panicked("out of paper".into()));
}

#[test]
fn without_a_runtime_a_body_runs_in_place_or_on_a_thread_that_is_given_up() {
    let here = std::thread::current().id();
    let task = Task::new("block", policy(0));
    let thread =
        task.run_in_place(ErrorView::of_error(), || Ok::<_, Infallible>(std::thread::current().id()));
    assert_eq!(thread.unwrap(), here);
    let timeout = Some(Duration::from_millis(20));
    let task = Task::new("block", TaskPolicy { timeout, ..policy(0) });
    let thread =
        task.run_on_thread(ErrorView::of_error(), || || Ok::<_, Infallible>(std::thread::current().id()));
    assert_ne!(thread.unwrap(), here);
    // Stays until the test lets it go: what the limit gives up is the wait, not the job.
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (ended, end) = std::sync::mpsc::channel();
    let mut job = Some((held, ended));
    let error = task.run_on_thread(ErrorView::of_error(), || {
        let (held, ended) = job.take().unwrap();
        move || {
            held.recv().ok();
            ended.send(()).ok();
            Ok::<_, Infallible>(())
        }
    });
    assert!(error.unwrap_err().is_timeout());
    assert!(end.try_recv().is_err());
    drop(release);
    end.recv_timeout(60 * SECOND).unwrap();
}
