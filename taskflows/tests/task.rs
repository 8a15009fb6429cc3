//! `#[task]` on the functions people write.

#![expect(clippy::unwrap_used, reason = "what fails fails the test")]

use std::convert::Infallible;
use std::error::Error;
use std::fmt::{self, Display};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use taskflows::{
    Backoff, RunEvent, RunEventKind, RunObserver, TaskError, block_on, current_task, current_task_id,
    flush_observers, task,
};

#[task]
async fn plain() {}

#[task(name = "some-task", required, retries = 1, timeout = 30, backoff = "0")]
async fn fails_once(calls: Arc<AtomicU32>) -> Result<u32, io::Error> {
    match calls.fetch_add(1, Ordering::SeqCst) {
        0 => Err(io::Error::other("no answer")),
        call => Ok(call),
    }
}

#[task]
async fn fails() -> io::Result<u32> {
    Err(io::Error::other("no answer"))
}

#[task(required)]
async fn boxed(text: &str) -> Result<u32, Box<dyn Error + Send + Sync>> {
    Ok(text.parse()?)
}

#[task(required)]
fn boxed_here(text: &str) -> Result<u32, Box<dyn Error>> {
    Ok(text.parse()?)
}

#[task(required)]
async fn texts() -> Result<(), String> {
    Err("out of paper".into())
}

/// Longest of two, whatever they are.
#[task(retries = 2)]
async fn longest<'a, T: AsRef<str>>((a, b): (&'a T, &'a T), mut first: bool) -> &'a str
where
    &'a T: Clone,
{
    first = !first;
    if a.as_ref().len() > b.as_ref().len() || !first { a.as_ref() } else { b.as_ref() }
}

#[task]
async fn shown(it: impl Display + Send) -> String {
    it.to_string()
}

#[task(required)]
async fn shows(number: u32) -> Result<impl Display, io::Error> {
    Ok(number)
}

#[task(required)]
fn adds(a: u32, b: u32) -> u32 {
    assert!(current_task_id().is_some());
    a + b
}

#[task(required, timeout = 0.02)]
fn hangs(until: std::sync::mpsc::Receiver<()>) -> Result<(), Infallible> {
    until.recv().ok();
    Ok(())
}

const RETRIES: u32 = 2;

#[task(required, blocking, retries = RETRIES, timeout = Duration::from_secs(60), backoff = Backoff::constant(Duration::ZERO))]
fn counts(calls: Arc<AtomicU32>) -> Result<u32, String> {
    match calls.fetch_add(1, Ordering::SeqCst) {
        call @ 0..=1 => Err(format!("call {call}")),
        call => Ok(call),
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Odd;

#[task(required)]
async fn odd() -> Result<(), Odd> {
    Err(Odd)
}

#[task(required)]
async fn generic<E: fmt::Debug + Send>(error: E) -> Result<(), E> {
    Err(error)
}

#[task(required = false, deadline = "1h")]
async fn panics() -> u32 {
    panic!("no paper")
}

#[test]
fn a_failure_is_none_unless_it_is_required() {
    assert_eq!(block_on(plain()), Some(()));
    assert_eq!(block_on(fails()), None);
    assert_eq!(block_on(panics()), None);
    let calls = Arc::new(AtomicU32::new(0));
    assert_eq!(block_on(fails_once(calls)).unwrap(), 1);
}

#[test]
fn errors_are_read_by_what_they_can_do() {
    let error: TaskError<_> = block_on(boxed("x")).unwrap_err();
    assert_eq!(error.to_string(), "task `boxed` failed after 1 attempt");
    assert!(error.source().unwrap().is::<std::num::ParseIntError>());
    assert!(boxed_here("x").unwrap_err().source().is_some());
    assert_eq!(boxed_here("7").unwrap(), 7);
    let error = block_on(texts()).unwrap_err();
    assert_eq!(error.to_string(), "task `texts` failed after 1 attempt: out of paper");
    assert!(error.source().is_none());
    assert_eq!(block_on(odd()).unwrap_err().to_string(), "task `odd` failed after 1 attempt: Odd");
    assert_eq!(block_on(generic(Odd)).unwrap_err().into_error(), Some(Odd));
}

#[test]
fn arguments_results_and_generics_stay_as_they_were() {
    assert_eq!(block_on(longest((&"ab".to_owned(), &"c".to_owned()), false)), Some("ab"));
    assert_eq!(block_on(shown(5)).unwrap(), "5");
    assert_eq!(block_on(shows(5)).unwrap().to_string(), "5");
    assert_eq!(adds(2, 3).unwrap(), 5);
}

#[test]
fn a_blocking_body_is_given_up_at_its_timeout() {
    let (_held, until) = std::sync::mpsc::channel();
    let error = hangs(until).unwrap_err();
    assert_eq!(error.to_string(), "task `hangs` failed after 1 attempt: not done within 20ms");
}

#[tokio::test]
async fn a_blocking_task_is_awaited_and_others_can_be_spawned() {
    assert_eq!(counts(Arc::default()).await.unwrap(), 2);
    assert_eq!(tokio::spawn(fails_once(Arc::new(AtomicU32::new(1)))).await.unwrap().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_a_number_is_seconds() {
    #[task(required, timeout = 90)]
    async fn waits() {
        std::future::pending().await
    }
    let error = waits().await.unwrap_err();
    assert_eq!(error.to_string(), "task `waits` failed after 1 attempt: not done within 1min 30s");
}

#[derive(Default)]
struct Memory(Mutex<Vec<String>>);

#[async_trait::async_trait]
impl RunObserver for Memory {
    async fn observe(&self, event: &RunEvent) {
        let kind = match &event.kind {
            RunEventKind::AttemptFailed { error, .. } => error.clone(),
            RunEventKind::Finished { outcome, .. } => outcome.word().into(),
            RunEventKind::Started => "started".into(),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(format!("{}: {kind}", event.task));
    }
}

#[test]
fn alerts_are_told_of_each_run() {
    static MEMORY: std::sync::LazyLock<Arc<Memory>> = std::sync::LazyLock::new(Arc::default);
    #[task(name = "told", alerts = [MEMORY.clone()])]
    fn told(is_well: bool) -> Result<(), String> {
        assert_eq!(current_task().unwrap().attempt, 1);
        if is_well { Ok(()) } else { Err("no paper".into()) }
    }
    assert_eq!((told(true), told(false)), (Some(()), None));
    assert!(flush_observers(Duration::from_secs(60)));
    let seen = MEMORY.0.lock().unwrap().clone();
    assert_eq!(seen, ["told: started", "told: ok", "told: started", "told: no paper", "told: failed"]);
}
