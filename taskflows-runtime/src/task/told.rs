//! Notes of runs as events of `tracing`, by which whoever reads the log knows the runs.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use taskflows_core::task::{Attempt, Last, RunEventKind, RunId, RunNote, RunRecord, Trigger};
use taskflows_core::{Outcome, RunEnd};
use tracing::Level;

use crate::process::words;

/// The target of the events.
const TARGET: &str = "taskflows::run";

/// Tells whether anybody would hear of the end of a run; one that nobody hears of costs a few nanoseconds.
pub(super) fn is_heard() -> bool {
    tracing::enabled!(target: TARGET, Level::INFO)
}

/// What is told of a run beside what happens.
pub(super) struct Told<'a> {
    pub(super) run: RunId,
    pub(super) task: &'a str,
    pub(super) max_attempts: u32,
    /// How long ago the run began, and how long after that its newest attempt.
    pub(super) elapsed: Duration,
    pub(super) since: Duration,
    /// How the attempt failed that ended now.
    pub(super) end: Option<RunEnd>,
    pub(super) error: Option<&'a str>,
}

/// Returns how an attempt failed.
pub(super) fn end_of(last: &Last) -> Option<RunEnd> {
    match last {
        Last::Failed(failure) => Some(failure.end.clone()),
        Last::TimedOut { exit } => {
            Some(RunEnd { result: "timeout".to_owned(), exit: *exit, is_preparation: false })
        }
        _ => None,
    }
}

impl Told<'_> {
    /// Tells what happened: the beginning where details are wanted (`DEBUG`), attempts that failed and the end at `INFO`.
    pub(super) fn tell(&self, kind: &RunEventKind) {
        let now = Timestamp::now();
        let ago = |span: Duration| now - SignedDuration::try_from(span).unwrap_or_default();
        let run = RunRecord {
            id: self.run,
            task: self.task.to_owned(),
            service: None,
            scheduled: None,
            started: ago(self.elapsed),
            ended: None,
            outcome: Outcome::Running,
            attempts: 0,
            max_attempts: self.max_attempts,
            error: None,
            trigger: Trigger::Unknown,
            command: None,
            options: Vec::new(),
            directory: None,
            process: None,
        };
        let attempt = |number, outcome| Attempt {
            number,
            started: ago(self.elapsed.saturating_sub(self.since)),
            ended: now,
            outcome,
            error: self.error.map(str::to_owned),
            tail: String::new(),
        };
        match kind {
            RunEventKind::Started => debug(&RunNote::Started(&run)),
            RunEventKind::AttemptFailed { attempt: number, .. } => {
                let end = self.end.clone().map_or(Outcome::Unknown, Outcome::Failed);
                info(&RunNote::AttemptFailed(&run, &attempt(*number, end)));
            }
            RunEventKind::Finished { outcome, attempts, .. } => {
                let failed = matches!(outcome, Outcome::Failed(_));
                let error = self.error.filter(|_| failed).map(str::to_owned);
                let run = RunRecord {
                    ended: Some(now),
                    outcome: outcome.clone(),
                    attempts: *attempts,
                    error,
                    ..run
                };
                // One that failed has its own note.
                let is_noted = failed || *attempts == 0;
                let last =
                    (!is_noted).then(|| Attempt { error: None, ..attempt(*attempts, outcome.clone()) });
                info(&RunNote::Finished(&run, last.as_ref()));
            }
            _ => {}
        }
    }
}

/// Writes an event with the fields of a note, whose names must be known when this is compiled; a test holds them to those
/// that are read.
macro_rules! event {
    ($level:expr, $note:expr) => {{
        let fields = $note.fields();
        let field = |name: &str| fields.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str());
        tracing::event!(
            target: TARGET,
            $level,
            taskflows_event = field("TASKFLOWS_EVENT"),
            taskflows_run_id = field("TASKFLOWS_RUN_ID"),
            taskflows_task = field("TASKFLOWS_TASK"),
            taskflows_started = field("TASKFLOWS_STARTED"),
            taskflows_ended = field("TASKFLOWS_ENDED"),
            taskflows_duration_us = field("TASKFLOWS_DURATION_US"),
            taskflows_outcome = field("TASKFLOWS_OUTCOME"),
            taskflows_result = field("TASKFLOWS_RESULT"),
            taskflows_exit = field("TASKFLOWS_EXIT"),
            taskflows_error = field("TASKFLOWS_ERROR"),
            taskflows_attempt = field("TASKFLOWS_ATTEMPT"),
            taskflows_attempt_started = field("TASKFLOWS_ATTEMPT_STARTED"),
            taskflows_attempt_ended = field("TASKFLOWS_ATTEMPT_ENDED"),
            taskflows_attempts = field("TASKFLOWS_ATTEMPTS"),
            taskflows_max_attempts = field("TASKFLOWS_MAX_ATTEMPTS"),
            "{}",
            words($note, None)
        );
    }};
}

fn debug(note: &RunNote<'_>) {
    if tracing::enabled!(target: TARGET, Level::DEBUG) {
        event!(Level::DEBUG, note);
    }
}

fn info(note: &RunNote<'_>) {
    event!(Level::INFO, note);
}
