use std::time::Duration;

use jiff::Timestamp;

use super::field;
use crate::Outcome;
use crate::task::{Attempt, RunRecord, Trigger};

/// The longest text of a field in bytes; what is longer is cut. A note must fit one line of Loki, 256 KiB.
pub(super) const LONGEST_TEXT: usize = 8 << 10;

/// Something that is written of a run where logs go.
///
/// It never holds the command, its directory or its variables: those may be secret, and logs travel.
///
/// ```
/// use taskflows_core::task::{RunNote, RunNotes, RunQuery, RunRecord};
/// # fn check(run: &RunRecord) {
/// let fields = RunNote::Finished(run, None).fields();
/// let mut notes = RunNotes::default();
/// notes.note(jiff::Timestamp::UNIX_EPOCH, &|name| {
///     fields.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone())
/// });
/// assert_eq!(notes.select(&RunQuery::default())[0].outcome, run.outcome);
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub enum RunNote<'a> {
    /// The run begins.
    Started(&'a RunRecord),
    /// An attempt of the run failed.
    AttemptFailed(&'a RunRecord, &'a Attempt),
    /// An attempt of this number follows after a wait.
    Retrying(&'a RunRecord, u32, Duration),
    /// The run is over. Its last attempt is told as well where it has no note of its own, since it did not fail.
    Finished(&'a RunRecord, Option<&'a Attempt>),
}

impl RunNote<'_> {
    /// Returns the word of `TASKFLOWS_EVENT`.
    pub const fn event(&self) -> &'static str {
        match self {
            Self::Started(_) => "started",
            Self::AttemptFailed(..) => "attempt-failed",
            Self::Retrying(..) => "retrying",
            Self::Finished(..) => "finished",
        }
    }

    /// Returns the fields, names in upper case; [`RunNotes`](super::RunNotes) reads them.
    ///
    /// Of `attempt-failed`, `OUTCOME`, `RESULT`, `EXIT`, `ERROR` and `DURATION_US` are those of the attempt.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = Fields(Vec::with_capacity(20));
        fields.add(field::EVENT, self.event());
        match self {
            Self::Started(run) => {
                fields.run(run);
                fields.process(run);
            }
            Self::AttemptFailed(run, attempt) => {
                fields.run(run);
                fields.add(field::ATTEMPTS, attempt.number.max(run.attempts));
                fields.attempt(attempt);
                fields.length(attempt.started, attempt.ended);
                fields.end(&attempt.outcome, attempt.error.as_deref());
            }
            Self::Retrying(run, number, _) => {
                fields.run(run);
                fields.add(field::ATTEMPT, number);
            }
            Self::Finished(run, last) => {
                fields.run(run);
                fields.add(field::ATTEMPTS, run.attempts);
                last.iter().for_each(|attempt| fields.attempt(attempt));
                if let Some(ended) = run.ended {
                    fields.time(field::ENDED, ended);
                    fields.length(run.started, ended);
                }
                fields.end(&run.outcome, run.error.as_deref());
            }
        }
        fields.0
    }
}

struct Fields(Vec<(&'static str, String)>);

impl Fields {
    fn add(&mut self, name: &'static str, value: impl ToString) {
        self.0.push((name, value.to_string()));
    }

    fn text(&mut self, name: &'static str, text: &str) {
        self.add(name, &text[..text.floor_char_boundary(LONGEST_TEXT)]);
    }

    fn time(&mut self, name: &'static str, time: Timestamp) {
        self.add(name, time.as_microsecond());
    }

    fn length(&mut self, from: Timestamp, to: Timestamp) {
        self.add(field::DURATION, (to.as_microsecond() - from.as_microsecond()).max(0));
    }

    fn run(&mut self, run: &RunRecord) {
        self.add(field::RUN, run.id);
        self.text(field::TASK, &run.task);
        run.service.iter().for_each(|service| self.add(field::SERVICE, service));
        self.time(field::STARTED, run.started);
        run.scheduled.iter().for_each(|time| self.time(field::SCHEDULED, *time));
        self.add(field::MAX_ATTEMPTS, run.max_attempts);
        if run.trigger != Trigger::Unknown {
            self.add(field::TRIGGER, run.trigger.word());
        }
        run.trigger.by().iter().for_each(|by| self.text(field::BY, by));
        run.trigger.retry_of().iter().for_each(|of| self.add(field::RETRY_OF, of));
    }

    fn process(&mut self, run: &RunRecord) {
        if let Some(mark) = &run.process {
            self.add(field::PROCESS, format!("{} {} {}", mark.boot, mark.pid, mark.started));
        }
    }

    fn attempt(&mut self, attempt: &Attempt) {
        self.add(field::ATTEMPT, attempt.number);
        self.time(field::ATTEMPT_STARTED, attempt.started);
        self.time(field::ATTEMPT_ENDED, attempt.ended);
    }

    fn end(&mut self, outcome: &Outcome, error: Option<&str>) {
        self.add(field::OUTCOME, outcome.word());
        match outcome {
            Outcome::Failed(end) => {
                self.text(field::RESULT, &end.result);
                end.exit.iter().for_each(|exit| self.add(field::EXIT, exit));
                if end.is_preparation {
                    self.add(field::PREPARATION, 1);
                }
            }
            Outcome::Succeeded => self.add(field::EXIT, 0),
            _ => {}
        }
        error.iter().for_each(|error| self.text(field::ERROR, error));
    }
}
