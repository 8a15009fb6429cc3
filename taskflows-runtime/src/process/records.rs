use std::sync::OnceLock;
use std::time::Duration;

use taskflows_core::task::{Attempt, RunId, RunNote, RunRecord};
use taskflows_core::{Outcome, ServiceName, TimeSpan};
use taskflows_journal::{Journal, JournalEntry};

/// How long a record waits for a busy journal, and the run with it.
const PATIENCE: Duration = Duration::from_millis(200);

/// Priorities of syslog(3).
const ERROR: u8 = 3;
const WARNING: u8 = 4;
const NOTICE: u8 = 5;
const INFO: u8 = 6;

/// Writes what happens to runs to the journal, in words and as the fields of [`RunNote`], by which
/// [`RunNotes`](taskflows_core::task::RunNotes) puts the runs together again.
///
/// Where there is no journal, nothing is written. A record that is lost fails nothing; the store has the run.
#[derive(Debug, Default)]
pub struct JournalRecords {
    journal: OnceLock<Option<Journal>>,
}

impl JournalRecords {
    /// Writes a note. Where an attempt failed, `why` says it in more words than the record has.
    pub fn write(&self, note: &RunNote<'_>, why: Option<&str>) {
        if let Some(journal) = self.journal.get_or_init(|| Journal::open(PATIENCE).ok()) {
            let _ = journal.send(&entry(note, why));
        }
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

fn run_of<'a>(note: &RunNote<'a>) -> &'a RunRecord {
    match note {
        RunNote::Started(run)
        | RunNote::AttemptFailed(run, _)
        | RunNote::Retrying(run, ..)
        | RunNote::Finished(run, _) => run,
    }
}

fn entry(note: &RunNote<'_>, why: Option<&str>) -> JournalEntry {
    let run = run_of(note);
    let priority = match note {
        RunNote::Started(_) => INFO,
        RunNote::AttemptFailed(..) => WARNING,
        RunNote::Retrying(..) => NOTICE,
        RunNote::Finished(run, _) => match run.outcome {
            Outcome::Succeeded => INFO,
            Outcome::Interrupted => WARNING,
            _ => ERROR,
        },
    };
    let entry = JournalEntry::default()
        .with("SYSLOG_IDENTIFIER", identifier(run.service.as_ref(), &run.task))
        .with("PRIORITY", priority.to_string())
        .with("MESSAGE", words(note, why));
    note.fields().iter().fold(entry, |entry, (name, value)| entry.with(name, value))
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

/// Returns how long an attempt took, or a run.
fn took(from: jiff::Timestamp, to: jiff::Timestamp) -> Duration {
    to.duration_since(from).try_into().unwrap_or_default()
}

fn failure(attempt: &Attempt) -> String {
    match (&attempt.error, &attempt.outcome) {
        (Some(error), _) => error.clone(),
        (None, Outcome::Failed(end)) => end.to_string(),
        (None, outcome) => outcome.word().to_owned(),
    }
}

/// Says in words what a note tells; why an attempt failed, in other words than the record's where there are any.
pub(crate) fn words(note: &RunNote<'_>, why: Option<&str>) -> String {
    let RunRecord { id, task, max_attempts, .. } = run_of(note);
    let id = short(*id);
    match note {
        RunNote::Started(_) => format!("Run {id} of {task} started."),
        RunNote::AttemptFailed(_, attempt) => {
            let why = why.map_or_else(|| failure(attempt), str::to_owned);
            let after = length(took(attempt.started, attempt.ended));
            format!("Attempt {} of {max_attempts} failed after {after}: {why}.", attempt.number)
        }
        RunNote::Retrying(_, number, wait) => format!("Attempt {number} follows in {}.", length(*wait)),
        RunNote::Finished(run, _) => {
            let attempts = match run.attempts {
                0 | 1 => String::new(),
                number => format!(" and {number} attempts"),
            };
            let after =
                format!("after {}{attempts}", length(took(run.started, run.ended.unwrap_or(run.started))));
            match &run.outcome {
                Outcome::Succeeded => format!("Run {id} of {task} ended well {after}."),
                Outcome::Failed(end) => format!("Run {id} of {task} failed {after}: {end}."),
                _ => format!("Run {id} of {task} was stopped {after}."),
            }
        }
    }
}

fn short(run: RunId) -> String {
    run.to_string().chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use taskflows_core::task::Trigger;
    use taskflows_core::{ExitKind, RunEnd};

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_microsecond(micros).unwrap()
    }

    fn run(outcome: Outcome, attempts: u32) -> RunRecord {
        RunRecord {
            id: RunId::from_bits(0xabcd_ef01 << 96),
            task: "backup".to_owned(),
            service: Some("web".parse().unwrap()),
            scheduled: None,
            started: at(1_000_000),
            ended: Some(at(3_345_678)),
            outcome,
            attempts,
            max_attempts: 4,
            error: None,
            trigger: Trigger::Manual(Some("ada".to_owned())),
            command: Some(vec!["secret".to_owned()]),
            options: Vec::new(),
            directory: None,
            process: None,
        }
    }

    fn failed(exit: ExitKind) -> Outcome {
        Outcome::Failed(RunEnd { result: "signal".to_owned(), exit: Some(exit), is_preparation: false })
    }

    #[track_caller]
    fn check(note: &RunNote<'_>, text: &str) {
        assert_eq!(words(note, None), text);
    }

    #[test]
    fn what_happens_is_told_in_words() {
        let end = |outcome| run(outcome, 2);
        let going = end(Outcome::Running);
        check(&RunNote::Started(&going), "Run abcdef01 of backup started.");
        let attempt = Attempt {
            number: 1,
            started: at(1_000_000),
            ended: at(3_345_678),
            outcome: failed(ExitKind::Exited(3)),
            error: None,
            tail: String::new(),
        };
        let note = RunNote::AttemptFailed(&going, &attempt);
        check(&note, "Attempt 1 of 4 failed after 2.3s: exit code 3.");
        let why = Some("not done within 2s");
        assert_eq!(words(&note, why), "Attempt 1 of 4 failed after 2.3s: not done within 2s.");
        check(&RunNote::Retrying(&going, 2, Duration::from_secs(10)), "Attempt 2 follows in 10s.");
        let finished = |outcome, text: &str| check(&RunNote::Finished(&end(outcome), None), text);
        finished(Outcome::Succeeded, "Run abcdef01 of backup ended well after 2.3s and 2 attempts.");
        let words = "Run abcdef01 of backup failed after 2.3s and 2 attempts: killed by SIGKILL.";
        finished(failed(ExitKind::Killed(9)), words);
        finished(Outcome::Interrupted, "Run abcdef01 of backup was stopped after 2.3s and 2 attempts.");
    }

    #[test]
    fn the_end_of_a_run_has_its_fields() {
        let wanted = JournalEntry::default()
            .with("SYSLOG_IDENTIFIER", "taskflows-web")
            .with("PRIORITY", "3")
            .with("MESSAGE", "Run abcdef01 of backup failed after 2.3s: exit code 3.")
            .with("TASKFLOWS_EVENT", "finished")
            .with("TASKFLOWS_RUN_ID", "abcdef01000000000000000000000000")
            .with("TASKFLOWS_TASK", "backup")
            .with("TASKFLOWS_SERVICE", "web")
            .with("TASKFLOWS_STARTED", "1000000")
            .with("TASKFLOWS_MAX_ATTEMPTS", "4")
            .with("TASKFLOWS_TRIGGER", "manual")
            .with("TASKFLOWS_BY", "ada")
            .with("TASKFLOWS_ATTEMPTS", "1")
            .with("TASKFLOWS_ENDED", "3345678")
            .with("TASKFLOWS_DURATION_US", "2345678")
            .with("TASKFLOWS_OUTCOME", "failed")
            .with("TASKFLOWS_RESULT", "signal")
            .with("TASKFLOWS_EXIT", "3");
        assert_eq!(entry(&RunNote::Finished(&run(failed(ExitKind::Exited(3)), 1), None), None), wanted);
    }
}
