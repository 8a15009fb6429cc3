use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{field, read_outcome};
use crate::Outcome;
use crate::task::{Attempt, ProcessMark, RunId, RunQuery, RunRecord, Trigger};

/// Runs, put together again from what was written of them where logs go.
///
/// What [`RunNotes::note`] is given is an entry's field of a name such as `TASKFLOWS_EVENT`, in upper case whoever keeps it.
/// In whatever order the notes come, the runs are the same: `finished` alone says all of a run but its command, options,
/// directory and process, and stands against what else is said of it. Of two ends the first that is no interruption
/// stands, as it does in a store.
#[derive(Clone, Debug, Default)]
pub struct RunNotes {
    runs: BTreeMap<RunId, Noted>,
}

#[derive(Clone, Debug)]
struct Noted {
    run: RunRecord,
    attempts: BTreeMap<u32, Attempt>,
}

/// The fields of an entry.
struct Entry<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Entry<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        Timestamp::from_microsecond(self.number(name)?).ok()
    }

    fn trigger(&self) -> Trigger {
        let word = self.text(field::TRIGGER).unwrap_or_default();
        Trigger::from_parts(&word, self.text(field::BY), self.number(field::RETRY_OF))
    }

    fn process(&self) -> Option<ProcessMark> {
        let text = self.text(field::PROCESS)?;
        let mut words = text.split(' ');
        let (boot, pid, started) = (words.next()?, words.next()?, words.next()?);
        Some(ProcessMark { boot: boot.to_owned(), pid: pid.parse().ok()?, started: started.parse().ok()? })
    }

    /// Returns the moment that lies as far before `end` as the field says that it took.
    fn before(&self, end: Timestamp) -> Option<Timestamp> {
        end.checked_sub(jiff::SignedDuration::from_micros(self.number(field::DURATION)?)).ok()
    }

    /// Returns what is said of the run as a whole, which goes on.
    fn run(&self, id: RunId, time: Timestamp) -> Option<RunRecord> {
        let service = self.number(field::SERVICE);
        let task = self.text(field::TASK).or_else(|| service.as_ref().map(ToString::to_string))?;
        Some(RunRecord {
            id,
            task,
            service,
            scheduled: self.time(field::SCHEDULED),
            started: self.time(field::STARTED).unwrap_or(time),
            ended: None,
            outcome: Outcome::Running,
            attempts: 0,
            max_attempts: self.number(field::MAX_ATTEMPTS).unwrap_or(1),
            error: None,
            trigger: self.trigger(),
            command: None,
            options: Vec::new(),
            directory: None,
            process: self.process(),
        })
    }

    /// Returns the attempt that this is about, with an end that is its own or that of the run.
    fn attempt(&self, time: Timestamp, outcome: Outcome) -> Option<Attempt> {
        let ended = self.time(field::ATTEMPT_ENDED).unwrap_or(time);
        Some(Attempt {
            number: self.number(field::ATTEMPT)?,
            started: self.time(field::ATTEMPT_STARTED).or_else(|| self.before(ended)).unwrap_or(ended),
            ended,
            outcome,
            error: self.text(field::ERROR),
            tail: String::new(),
        })
    }
}

impl RunNotes {
    /// The names of all fields that it reads, for those who ask for some fields alone.
    pub const FIELDS: [&str; 22] = field::ALL;

    /// Takes note of an entry that was written at `time`; one that tells of no run is passed over.
    pub fn note(&mut self, time: Timestamp, field: &dyn Fn(&str) -> Option<String>) {
        let entry = Entry(field);
        let Some(event) = entry.text(field::EVENT) else { return };
        let Some(id) = entry.number(field::RUN) else { return };
        let Some(run) = entry.run(id, time) else { return };
        let noted = self.runs.entry(id).or_insert_with(|| Noted { run, attempts: BTreeMap::new() });
        match event.as_str() {
            "started" => noted.started(&entry, time),
            "attempt-failed" => noted.attempt_failed(&entry, time),
            "finished" => noted.finished(&entry, id, time),
            _ => {}
        }
    }

    /// Adds a run of which something else tells, such as the manager's own messages. One of the same id that was noted
    /// stands against it, unless only its beginning is known and the end is now. That it is over, nobody knows when and
    /// how, says no more than [`RunNotes::settle`] finds out of one whose process is known.
    pub fn add(&mut self, run: RunRecord) {
        let says_nothing = run.outcome == Outcome::Unknown && run.ended.is_none();
        let is_known = |noted: &Noted| noted.run.process.is_some() && says_nothing;
        let is_over = run.outcome != Outcome::Running && !self.runs.get(&run.id).is_some_and(is_known);
        match self.runs.get_mut(&run.id) {
            None => drop(self.runs.insert(run.id, Noted { run, attempts: BTreeMap::new() })),
            Some(noted) if noted.run.outcome == Outcome::Running && is_over => {
                noted.run.ended = run.ended;
                noted.run.outcome = run.outcome;
                noted.run.attempts = noted.run.attempts.max(run.attempts);
                noted.run.process = None;
            }
            Some(_) => {}
        }
    }

    /// Takes those runs for interrupted that go on and whose process is gone.
    pub fn settle(&mut self, is_gone: impl Fn(&ProcessMark) -> bool) {
        for Noted { run, .. } in self.runs.values_mut() {
            if run.outcome == Outcome::Running && run.process.as_ref().is_some_and(&is_gone) {
                run.outcome = Outcome::Interrupted;
            }
        }
    }

    /// Returns the runs that are wanted, the newest first.
    pub fn select(&self, query: &RunQuery) -> Vec<RunRecord> {
        let mut runs: Vec<&RunRecord> =
            self.runs.values().map(|noted| &noted.run).filter(|run| query.selects(run)).collect();
        runs.sort_by_key(|run| std::cmp::Reverse((run.started, run.id)));
        runs.truncate(query.limit.unwrap_or(usize::MAX));
        runs.into_iter().cloned().collect()
    }

    /// Returns what is known of the attempts of a run, the first one first; their last lines are not.
    pub fn attempts(&self, run: RunId) -> Vec<Attempt> {
        self.runs.get(&run).map_or_else(Vec::new, |noted| noted.attempts.values().cloned().collect())
    }

    /// Returns how many runs are known.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Tells whether none is known.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

impl Noted {
    fn is_over(&self) -> bool {
        !matches!(self.run.outcome, Outcome::Running | Outcome::Interrupted)
    }

    /// Where another note was read before, only this one has the process; and an old one of another kind had no start.
    fn started(&mut self, entry: &Entry<'_>, time: Timestamp) {
        if self.run.outcome == Outcome::Running {
            self.run.process = entry.process();
            self.run.started = entry.time(field::STARTED).unwrap_or(time);
        }
    }

    fn attempt_failed(&mut self, entry: &Entry<'_>, time: Timestamp) {
        // What was written before the end of an attempt was.
        let unknown = || crate::RunEnd { result: String::new(), exit: None, is_preparation: false };
        let outcome = read_outcome(entry.0).unwrap_or_else(|| Outcome::Failed(unknown()));
        let Some(attempt) = entry.attempt(time, outcome) else { return };
        if !self.is_over() {
            self.run.attempts = self.run.attempts.max(attempt.number);
        }
        self.attempts.insert(attempt.number, attempt);
    }

    fn finished(&mut self, entry: &Entry<'_>, id: RunId, time: Timestamp) {
        let Some(outcome) = read_outcome(entry.0) else { return };
        if self.is_over() {
            return;
        }
        let ended = entry.time(field::ENDED).unwrap_or(time);
        let started = entry.time(field::STARTED).or_else(|| entry.before(ended)).unwrap_or(self.run.started);
        if let Some(attempt) = entry.attempt(ended, outcome.clone()) {
            self.attempts.insert(attempt.number, attempt);
        }
        let Some(run) = entry.run(id, time) else { return };
        let is_running = outcome == Outcome::Running;
        self.run = RunRecord {
            started,
            ended: (!is_running
                && (entry.text(field::ENDED).is_some() || entry.text(field::DURATION).is_some()))
            .then_some(ended),
            outcome,
            attempts: entry.number(field::ATTEMPTS).unwrap_or(1),
            error: entry.text(field::ERROR),
            process: None,
            ..run
        };
    }
}
