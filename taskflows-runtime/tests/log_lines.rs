//! What a log says of tasks.

#![expect(clippy::unwrap_used, reason = "what fails fails the test")]

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use taskflows_core::task::{Backoff, TaskPolicy};
use taskflows_runtime::{ErrorView, Task, block_on, current_task_id};
use tracing_subscriber::fmt::MakeWriter;

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
    assert_eq!(lines, wanted);
}
