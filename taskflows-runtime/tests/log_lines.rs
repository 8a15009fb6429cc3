//! What a log says of tasks.

#![expect(clippy::unwrap_used, reason = "what fails fails the test")]

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use taskflows_core::task::{Attempt, Backoff, RunNotes, RunQuery, RunRecord, TaskPolicy, Trigger};
use taskflows_core::{Outcome, RunEnd};
use taskflows_runtime::{ErrorView, Task, block_on, current_task_id};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// Runs `act` under a subscriber of its own and returns the lines logged.
fn logged(act: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    let subscriber =
        tracing_subscriber::fmt().with_writer(lines.clone()).with_ansi(false).without_time().finish();
    tracing::subscriber::with_default(subscriber, act);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn each_line_within_carries_the_task_and_each_failure_is_one_line() {
    let backoff = Backoff::constant(Duration::from_millis(1));
    let task = Task::new("fetch", TaskPolicy { retries: 1, backoff, ..TaskPolicy::default() });
    let mut ids = Vec::new();
    let lines = logged(|| {
        let body = || async {
            tokio::task::yield_now().await;
            tracing::info!("asking");
            Err::<(), _>(current_task_id().unwrap())
        };
        let error = block_on(task.run(ErrorView::of_text(), body)).unwrap_err();
        ids.push(error.into_error().unwrap());
        let blocks = || {
            || {
                tracing::info!("blocking");
                Ok::<_, std::convert::Infallible>(current_task_id().unwrap())
            }
        };
        ids.push(task.run_in_place(ErrorView::of_error(), || blocks()()).unwrap());
    });
    let (first, second) = (ids[0], ids[1]);
    let span = |id, attempt| format!("task{{name=\"fetch\" run_id={id} attempt={attempt}}}");
    let wanted = [
        format!(" INFO {}: log_lines: asking", span(first, 1)),
        format!(
            " WARN {}: taskflows_runtime::task::run: attempt 1 of 2 failed, the next one begins in 1ms: {first}",
            span(first, 1)
        ),
        format!(" INFO {}: log_lines: asking", span(first, 2)),
        format!(
            "ERROR {}: taskflows_runtime::task::run: attempt 2 of 2 failed, the task with it: {first}",
            span(first, 2)
        ),
        format!(" INFO {}: log_lines: blocking", span(second, 1)),
    ];
    // The notes of the runs, for who reads the log by program, are another matter.
    let lines: Vec<String> = lines.into_iter().filter(|line| !line.contains(" taskflows::run:")).collect();
    assert_eq!(lines, wanted);
}

/// Puts runs together from the events of a log, as a reader of its lines does.
#[derive(Clone, Default)]
struct Reader(Arc<Mutex<(RunNotes, Vec<Level>)>>);

#[derive(Default)]
struct Fields(Vec<(String, String)>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name().to_uppercase(), value.to_owned()));
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl<S: Subscriber> Layer<S> for Reader {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let field = |name: &str| fields.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
        let mut read = self.0.lock().unwrap();
        read.0.note(jiff::Timestamp::UNIX_EPOCH, &field);
        if event.metadata().target() == "taskflows::run" {
            read.1.push(*event.metadata().level());
        }
    }
}

#[test]
fn a_run_is_put_together_again_from_the_log() {
    let backoff = Backoff::constant(Duration::from_millis(1));
    let task = Task::new("fetch", TaskPolicy { retries: 1, backoff, ..TaskPolicy::default() });
    let reader = Reader::default();
    let subscriber = tracing_subscriber::registry().with(reader.clone());
    let before = jiff::Timestamp::now();
    tracing::subscriber::with_default(subscriber, || {
        let mut calls = 0;
        block_on(task.run(ErrorView::of_text(), || {
            calls += 1;
            std::future::ready(if calls == 1 { Err("no answer") } else { Ok(()) })
        }))
        .unwrap();
        block_on(task.run(ErrorView::of_text(), || std::future::ready(Err::<(), _>("no way")))).unwrap_err();
    });
    let (notes, levels) = reader.0.lock().unwrap().clone();
    let one_run = [Level::DEBUG, Level::INFO, Level::INFO];
    assert_eq!(levels, [&one_run[..], &one_run, &[Level::INFO]].concat());
    let runs = notes.select(&RunQuery::default());
    let [bad, good]: [RunRecord; 2] = runs.try_into().unwrap();
    let failed = |result: &str| {
        Outcome::Failed(RunEnd { result: result.to_owned(), exit: None, is_preparation: false })
    };
    assert_eq!(
        (&good.outcome, good.attempts, good.max_attempts, &good.error),
        (&Outcome::Succeeded, 2, 2, &None)
    );
    assert_eq!((&bad.outcome, bad.attempts, bad.error.as_deref()), (&failed("error"), 2, Some("no way")));
    assert_eq!((good.task.as_str(), &good.trigger), ("fetch", &Trigger::Unknown));
    let truncated = |time: jiff::Timestamp| time.as_microsecond();
    assert!(truncated(before) <= truncated(good.started) && good.started <= good.ended.unwrap());
    let told = |attempts: Vec<Attempt>| -> Vec<(u32, Outcome, Option<String>)> {
        attempts.into_iter().map(|one| (one.number, one.outcome, one.error)).collect()
    };
    let first = (1, failed("error"), Some("no answer".to_owned()));
    let attempts = notes.attempts(good.id);
    assert!(attempts[0].ended <= attempts[1].started && attempts[1].ended <= good.ended.unwrap());
    assert_eq!(told(attempts), [first, (2, Outcome::Succeeded, None)]);
    let no_way = |number| (number, failed("error"), Some("no way".to_owned()));
    assert_eq!(told(notes.attempts(bad.id)), [no_way(1), no_way(2)]);
}
