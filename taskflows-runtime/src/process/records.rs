use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use taskflows_core::effects::RunObserver;
use taskflows_core::task::{RunEvent, RunEventKind, RunId};
use taskflows_core::{ExitKind, Outcome, ServiceName, TimeSpan};
use taskflows_journal::{Journal, JournalEntry};

/// How long a record waits for a busy journal, and the run with it.
const PATIENCE: Duration = Duration::from_millis(200);

/// Priorities of syslog(3).
const ERROR: u8 = 3;
const WARNING: u8 = 4;
const NOTICE: u8 = 5;
const INFO: u8 = 6;

/// Writes what happens to runs to the journal, in words and as fields.
///
/// | field | is |
/// |---|---|
/// | `TASKFLOWS_EVENT` | `started`, `attempt-failed`, `retrying`, `finished` |
/// | `TASKFLOWS_RUN_ID`, `TASKFLOWS_TASK` | the run and the name of its task |
/// | `TASKFLOWS_ATTEMPT`, `TASKFLOWS_ATTEMPTS` | which attempt, from 1, and how many there are at most; at the end how many there were |
/// | `TASKFLOWS_OUTCOME` | `ok`, `failed`, `interrupted` |
/// | `TASKFLOWS_DURATION_US` | how long the attempt or the run took, in microseconds |
/// | `TASKFLOWS_EXIT` | the exit code, or the name of the signal |
///
/// Where there is no journal, nothing is written.
#[derive(Debug, Default)]
pub struct JournalRecords {
    service: Option<ServiceName>,
    journal: OnceLock<Option<Journal>>,
}

impl JournalRecords {
    /// Records runs of a service, or of none.
    pub fn new(service: Option<ServiceName>) -> Self {
        Self { service, journal: OnceLock::new() }
    }

    /// Waits until the journal has taken every record, at most `limit`.
    pub fn settle(&self, limit: Duration) {
        if let Some(Some(journal)) = self.journal.get() {
            journal.settle(limit);
        }
    }
}

/// Returns by which identifier lines are known in the journal: that of the unit, or the name of the task.
pub(crate) fn identifier(service: Option<&ServiceName>, task: &str) -> String {
    service.map_or_else(|| task.to_owned(), |name| format!("taskflows-{name}"))
}

#[async_trait]
impl RunObserver for JournalRecords {
    async fn observe(&self, event: &RunEvent) {
        let journal = self.journal.get_or_init(|| Journal::open(PATIENCE).ok());
        if let Some(journal) = journal {
            // A record that is lost fails nothing; the store has the run.
            let _ = journal.send(&entry(event, self.service.as_ref()));
        }
    }
}

fn entry(event: &RunEvent, service: Option<&ServiceName>) -> JournalEntry {
    let (priority, word) = match &event.kind {
        RunEventKind::Started => (INFO, "started"),
        RunEventKind::AttemptFailed { .. } => (WARNING, "attempt-failed"),
        RunEventKind::Retrying { .. } => (NOTICE, "retrying"),
        RunEventKind::Finished { outcome: Outcome::Succeeded, .. } => (INFO, "finished"),
        RunEventKind::Finished { outcome: Outcome::Interrupted, .. } => (WARNING, "finished"),
        RunEventKind::Finished { .. } => (ERROR, "finished"),
        _ => (INFO, "other"),
    };
    let entry = JournalEntry::default()
        .with("SYSLOG_IDENTIFIER", identifier(service, &event.task))
        .with("PRIORITY", priority.to_string())
        .with("MESSAGE", words(&event.task, event.run, &event.kind))
        .with("TASKFLOWS_EVENT", word)
        .with("TASKFLOWS_RUN_ID", event.run.to_string())
        .with("TASKFLOWS_TASK", &event.task);
    fields(entry, &event.kind)
}

fn fields(entry: JournalEntry, kind: &RunEventKind) -> JournalEntry {
    match kind {
        RunEventKind::AttemptFailed { attempt, of, took, .. } => entry
            .with("TASKFLOWS_ATTEMPT", attempt.to_string())
            .with("TASKFLOWS_ATTEMPTS", of.to_string())
            .with("TASKFLOWS_DURATION_US", took.as_micros().to_string()),
        RunEventKind::Retrying { attempt, .. } => entry.with("TASKFLOWS_ATTEMPT", attempt.to_string()),
        RunEventKind::Finished { outcome, attempts, took } => {
            let entry = entry
                .with("TASKFLOWS_ATTEMPTS", attempts.to_string())
                .with("TASKFLOWS_OUTCOME", outcome.word())
                .with("TASKFLOWS_DURATION_US", took.as_micros().to_string());
            match outcome {
                Outcome::Succeeded => entry.with("TASKFLOWS_EXIT", "0"),
                Outcome::Failed(end) => match end.exit {
                    Some(ExitKind::Exited(code)) => entry.with("TASKFLOWS_EXIT", code.to_string()),
                    Some(ExitKind::Killed(signal)) => entry.with("TASKFLOWS_EXIT", signal_name(signal)),
                    None => entry,
                },
                _ => entry,
            }
        }
        _ => entry,
    }
}

fn signal_name(number: i32) -> String {
    taskflows_core::Signal::from_number(number)
        .map_or_else(|| number.to_string(), |signal| signal.to_string())
}

/// Writes a length as people read it: `7ms`, `2.3s`, `1min 5s`.
fn length(took: Duration) -> String {
    match took.as_secs() {
        0 if took.subsec_millis() == 0 => format!("{}us", took.subsec_micros()),
        0 => format!("{}ms", took.subsec_millis()),
        seconds @ 1..60 => match took.subsec_millis() / 100 {
            0 => format!("{seconds}s"),
            tenths => format!("{seconds}.{tenths}s"),
        },
        seconds => TimeSpan::from(Duration::from_secs(seconds)).to_string(),
    }
}

fn words(task: &str, run: RunId, kind: &RunEventKind) -> String {
    let id: String = run.to_string().chars().take(8).collect();
    let attempts = |number: u32| if number == 1 { String::new() } else { format!(" and {number} attempts") };
    match kind {
        RunEventKind::Started => format!("Run {id} of {task} started."),
        RunEventKind::AttemptFailed { attempt, of, error, took } => {
            format!("Attempt {attempt} of {of} failed after {}: {error}.", length(*took))
        }
        RunEventKind::Retrying { attempt, wait } => {
            format!("Attempt {attempt} follows in {}.", length(*wait))
        }
        RunEventKind::Finished { outcome, attempts: number, took } => {
            let after = format!("after {}{}", length(*took), attempts(*number));
            match outcome {
                Outcome::Succeeded => format!("Run {id} of {task} ended well {after}."),
                Outcome::Failed(end) => format!("Run {id} of {task} failed {after}: {end}."),
                _ => format!("Run {id} of {task} was stopped {after}."),
            }
        }
        _ => format!("Run {id} of {task} goes on."),
    }
}

#[cfg(test)]
mod tests {
    use taskflows_core::RunEnd;

    use super::*;

    #[track_caller]
    fn check(kind: RunEventKind, text: &str) {
        assert_eq!(words("backup", RunId::from_bits(0xabcd_ef01 << 96), &kind), text);
    }

    #[test]
    fn what_happens_is_told_in_words() {
        let took = Duration::from_micros(2_345_678);
        let end = |outcome| RunEventKind::Finished { outcome, attempts: 2, took };
        check(RunEventKind::Started, "Run abcdef01 of backup started.");
        check(
            RunEventKind::AttemptFailed { attempt: 1, of: 4, error: "exit code 3".to_owned(), took },
            "Attempt 1 of 4 failed after 2.3s: exit code 3.",
        );
        let wait = Duration::from_secs(10);
        check(RunEventKind::Retrying { attempt: 2, wait }, "Attempt 2 follows in 10s.");
        check(end(Outcome::Succeeded), "Run abcdef01 of backup ended well after 2.3s and 2 attempts.");
        let exit = Some(ExitKind::Killed(9));
        let failed = RunEnd { result: "signal".to_owned(), exit, is_preparation: false };
        check(
            end(Outcome::Failed(failed)),
            "Run abcdef01 of backup failed after 2.3s and 2 attempts: killed by SIGKILL.",
        );
        check(end(Outcome::Interrupted), "Run abcdef01 of backup was stopped after 2.3s and 2 attempts.");
    }

    #[test]
    fn the_end_of_a_run_has_its_fields() {
        let exit = Some(ExitKind::Exited(3));
        let outcome = Outcome::Failed(RunEnd { result: "exit-code".to_owned(), exit, is_preparation: false });
        let kind = RunEventKind::Finished { outcome, attempts: 1, took: Duration::from_millis(5) };
        let event = RunEvent {
            run: RunId::from_bits(1),
            task: "a".to_owned(),
            at: jiff::Timestamp::UNIX_EPOCH,
            kind,
        };
        let service = "web".parse().unwrap();
        let wanted = JournalEntry::default()
            .with("SYSLOG_IDENTIFIER", "taskflows-web")
            .with("PRIORITY", "3")
            .with("MESSAGE", "Run 00000000 of a failed after 5ms: exit code 3.")
            .with("TASKFLOWS_EVENT", "finished")
            .with("TASKFLOWS_RUN_ID", "00000000000000000000000000000001")
            .with("TASKFLOWS_TASK", "a")
            .with("TASKFLOWS_ATTEMPTS", "1")
            .with("TASKFLOWS_OUTCOME", "failed")
            .with("TASKFLOWS_DURATION_US", "5000")
            .with("TASKFLOWS_EXIT", "3");
        assert_eq!(entry(&event, Some(&service)), wanted);
    }
}
