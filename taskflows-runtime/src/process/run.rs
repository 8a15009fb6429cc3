use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::Signal;
use taskflows_core::effects::{RunObserver, RunStore};
use taskflows_core::task::{
    Attempt, Failure, Finish, Last, Machine, RunEvent, RunEventKind, RunFinish, RunId, RunNote, RunRecord,
    Step, TaskPolicy,
};
use taskflows_core::{ExitKind, Outcome, RunEnd};
use taskflows_journal::JournalEntry;

use super::attempt::{Attempts, Ended};
use super::command::{ProcessCommand, StartError};
use super::outputs::Outputs;
use super::records::JournalRecords;
use super::signals::{Signals, ends};

/// The exit code of a command whose last attempt took too long, as timeout(1) has it.
const TIMED_OUT: u8 = 124;

/// A command that is run as a task.
pub struct CommandRun<'a> {
    /// What is kept of the run from its beginning on.
    pub record: RunRecord,
    /// How it is tried.
    pub policy: TaskPolicy,
    /// The command.
    pub command: &'a ProcessCommand,
    /// Where its output goes.
    pub outputs: &'a Outputs,
    /// Where the run is kept, if anywhere. A store that fails is told of once, and prevents nothing.
    pub store: Option<&'a dyn RunStore>,
    /// Where notes of the run are written, if anywhere.
    pub notes: Option<&'a JournalRecords>,
    /// Who is told what happens.
    pub observers: &'a [Arc<dyn RunObserver>],
    /// Whether a manager that wants an end kills what does not end by itself; where not, it is done after `kill_after`.
    pub is_managed: bool,
    /// Takes what went wrong without any harm to the run.
    pub warn: &'a mut dyn FnMut(&dyn Error),
}

impl fmt::Debug for CommandRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandRun").field("record", &self.record).finish_non_exhaustive()
    }
}

/// How the run of a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandEnd {
    /// How the machine sees it.
    pub finish: Finish,
    /// The exit code that stands for it: that of the last process, 128 and its signal where one ended it, 124 where it
    /// took too long, and 127, 126 or 125 where it could not be started.
    pub code: u8,
    /// The signal by which this process was to end and the command did.
    pub signal: Option<i32>,
}

impl CommandRun<'_> {
    /// Runs the command as often as its policy has it, and returns how that ended.
    ///
    /// Signals that this process is sent are passed on meanwhile, and are not its own any more.
    ///
    /// # Errors
    /// When signals cannot be listened to.
    pub async fn run(self) -> io::Result<CommandEnd> {
        let signals = Signals::listen()?;
        let mut driver = Driver { signals, code: 0, signal: None, error: None, last: None, run: self };
        Ok(driver.drive().await)
    }
}

/// A run under way.
struct Driver<'a> {
    run: CommandRun<'a>,
    signals: Signals,
    code: u8,
    signal: Option<i32>,
    /// What went wrong last, where the end of the process does not say it.
    error: Option<String>,
    /// The attempt that ended last, where it is not yet noted.
    last: Option<Attempt>,
}

impl Driver<'_> {
    async fn drive(&mut self) -> CommandEnd {
        let began = Instant::now();
        if let Some(store) = self.run.store {
            match store.begin(&self.run.record).await {
                Ok(trigger) => self.run.record.trigger = trigger,
                Err(error) => self.kept(Some(error)),
            }
        }
        let mut machine = Machine::new(self.run.policy.clone());
        let mut last = Last::Nothing;
        loop {
            let mut events = Vec::new();
            let step = machine.next(last, began.elapsed(), || fastrand::u64(..), |event| events.push(event));
            for event in events {
                self.tell(event).await;
            }
            last = match step {
                Step::Run { attempt, limit } => self.attempt(attempt, limit).await,
                Step::Wait(wait) => self.wait(wait).await,
                Step::Finish(finish) => return self.finish(finish).await,
            };
        }
    }

    /// Takes note of what the store said, and asks it no more where it failed.
    fn kept(&mut self, error: Option<impl Error>) {
        if let Some(error) = error {
            self.run.store = None;
            (self.run.warn)(&error);
        }
    }

    async fn tell(&mut self, kind: RunEventKind) {
        let event = RunEvent {
            run: self.run.record.id,
            task: self.run.record.task.clone(),
            at: Timestamp::now(),
            kind,
        };
        self.note(&event);
        for observer in self.run.observers {
            observer.observe(&event).await;
        }
    }

    /// Writes a note of what happened; what is over is so since then.
    fn note(&mut self, event: &RunEvent) {
        let CommandRun { record, notes, .. } = &mut self.run;
        if let RunEventKind::Finished { outcome, attempts, .. } = &event.kind {
            record.ended = Some(event.at);
            record.outcome = outcome.clone();
            record.attempts = *attempts;
            record.error = self.error.clone();
        }
        let Some(notes) = notes else { return };
        match &event.kind {
            RunEventKind::Started => notes.write(&RunNote::Started(record), None),
            RunEventKind::AttemptFailed { error, .. } => {
                if let Some(attempt) = self.last.take() {
                    notes.write(&RunNote::AttemptFailed(record, &attempt), Some(error));
                }
            }
            RunEventKind::Retrying { attempt, wait } => {
                notes.write(&RunNote::Retrying(record, *attempt, *wait), None);
            }
            RunEventKind::Finished { .. } => {
                notes.write(&RunNote::Finished(record, self.last.as_ref()), None);
            }
            _ => {}
        }
    }

    async fn attempt(&mut self, number: u32, limit: Option<Duration>) -> Last {
        let started = Timestamp::now();
        let CommandRun { command, outputs, is_managed, .. } = self.run;
        let attempts = Attempts { command, outputs, is_managed };
        let (variables, fields) = (self.variables(number), self.fields(number));
        let made = attempts.make(limit, &variables, &fields, &mut self.signals).await;
        let (last, outcome, tail) = match made {
            Ok(ended) => self.ended(ended),
            Err(error) => self.not_started(&error),
        };
        let error = self.error.clone();
        let attempt = Attempt { number, started, ended: Timestamp::now(), outcome, error, tail };
        if let Some(store) = self.run.store {
            let kept = store.attempt(self.run.record.id, &attempt).await;
            self.kept(kept.err());
        }
        self.last = Some(attempt);
        last
    }

    fn ended(&mut self, ended: Ended) -> (Last, Outcome, String) {
        if let Some(lost) = &ended.lost {
            (self.run.warn)(&LostOutput(lost));
        }
        self.error = None;
        let exit = Some(ended.exit);
        (self.code, self.signal) = match ended.exit {
            ExitKind::Exited(code) => (u8::try_from(code).unwrap_or(u8::MAX), None),
            ExitKind::Killed(signal) => (u8::try_from(128 + signal).unwrap_or(u8::MAX), None),
        };
        let end = |result: &str| RunEnd { result: result.to_owned(), exit, is_preparation: false };
        let (last, outcome) = match (ended.exit, ended.cancelled) {
            _ if ended.is_timed_out => {
                self.code = TIMED_OUT;
                (Last::TimedOut { exit }, Outcome::Failed(end("timeout")))
            }
            (ExitKind::Exited(0), _) => (Last::Succeeded, Outcome::Succeeded),
            (_, Some(signal)) => {
                self.stopped_by(signal);
                if ended.exit == ExitKind::Killed(signal.as_raw()) {
                    self.signal = Some(signal.as_raw());
                }
                (Last::Cancelled, Outcome::Interrupted)
            }
            (kind, None) => {
                let end = end(if matches!(kind, ExitKind::Exited(_)) { "exit-code" } else { "signal" });
                let failure = Failure { error: end.to_string(), end: end.clone(), is_final: false };
                (Last::Failed(failure), Outcome::Failed(end))
            }
        };
        (last, outcome, ended.tail)
    }

    fn not_started(&mut self, error: &StartError) -> (Last, Outcome, String) {
        (self.run.warn)(error);
        self.code = error.code();
        let text = match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        let exit = Some(ExitKind::Exited(i32::from(self.code)));
        let end = RunEnd { result: "exit-code".to_owned(), exit, is_preparation: false };
        self.error = Some(text.clone());
        let failure = Failure { end: end.clone(), error: text, is_final: error.is_final() };
        (Last::Failed(failure), Outcome::Failed(end), String::new())
    }

    fn stopped_by(&mut self, signal: Signal) {
        let name = taskflows_core::Signal::from_number(signal.as_raw());
        let name = name.map_or_else(|| signal.as_raw().to_string(), |name| name.to_string());
        self.error = Some(format!("stopped by {name}"));
    }

    /// Waits for the next attempt, or until nobody wants it any more.
    async fn wait(&mut self, wait: Duration) -> Last {
        let over = tokio::time::sleep(wait);
        tokio::select! {
            () = over => Last::Waited,
            signal = self.signals.end() => {
                debug_assert!(ends(signal));
                self.stopped_by(signal);
                self.code = u8::try_from(128 + signal.as_raw()).unwrap_or(u8::MAX);
                self.signal = Some(signal.as_raw());
                Last::Cancelled
            }
        }
    }

    async fn finish(&mut self, finish: Finish) -> CommandEnd {
        if let Some(store) = self.run.store {
            let (outcome, attempts) = (finish.outcome.clone(), finish.attempts);
            let ended = self.run.record.ended.unwrap_or_else(Timestamp::now);
            let end = RunFinish { ended, outcome, attempts, error: self.error.clone() };
            let kept = store.finish(self.run.record.id, &end).await;
            self.kept(kept.err());
        }
        CommandEnd { finish, code: self.code, signal: self.signal }
    }

    /// What the process is told of its run.
    fn variables(&self, attempt: u32) -> Vec<(&'static str, String)> {
        let record = &self.run.record;
        let mut variables = vec![
            ("TASKFLOWS_RUN_ID", record.id.to_string()),
            ("TASKFLOWS_ATTEMPT", attempt.to_string()),
            ("TASKFLOWS_TASK", record.task.clone()),
        ];
        variables.extend(record.scheduled.map(|time| ("TASKFLOWS_SCHEDULED_TIME", time.to_string())));
        variables
    }

    /// What each of its lines is marked with in the journal.
    fn fields(&self, attempt: u32) -> JournalEntry {
        let record = &self.run.record;
        JournalEntry::default()
            .with("SYSLOG_IDENTIFIER", super::records::identifier(record.service.as_ref(), &record.task))
            .with("TASKFLOWS_RUN_ID", record.id.to_string())
            .with("TASKFLOWS_TASK", &record.task)
            .with("TASKFLOWS_ATTEMPT", attempt.to_string())
    }
}

/// Output that could not be passed on.
#[derive(Debug)]
struct LostOutput<'a>(&'a io::Error);

impl fmt::Display for LostOutput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "some of its output is lost: {}", self.0)
    }
}

impl Error for LostOutput<'_> {}

/// Returns the id of a run that nothing else gives one.
pub fn new_run_id() -> RunId {
    RunId::from_bits(fastrand::u128(..))
}

/// Ends this process as `signal` would have if nobody had listened to it, so that whoever sent it sees that it was
/// obeyed: systemd takes an end by `SIGTERM` for a good one, and an exit code of 143 for a failure. Returns where that
/// cannot be.
pub fn end_by(signal: i32) {
    // Who asks for a signal that has no such end is none of ours.
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}
