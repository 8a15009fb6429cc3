use std::time::Duration;

use super::{RunEventKind, TaskPolicy};
use crate::{ExitKind, Outcome, RunEnd, TimeSpan};

/// Decides what a run does next: the last result and the time in, the next step out.
///
/// It reads no clock and rolls no dice: who drives it tells it how long ago the run began, by a clock that never goes
/// back, and gives it chance. It is asked once after each step that it named, beginning with [`Last::Nothing`].
///
/// Which attempts there are: the first at once, others only after a failure, at most one more than there are retries. A
/// success ends the run, and the run succeeded however many attempts failed before. No attempt is given more time than
/// the deadline leaves, and where a wait would last to the deadline, the run is over at once: nothing could follow.
///
/// ```
/// use std::time::Duration;
/// use taskflows_core::task::{Failure, Last, Machine, Step, TaskPolicy};
///
/// let mut machine = Machine::new(TaskPolicy { retries: 1, ..TaskPolicy::default() });
/// let mut next = |last, secs| machine.next(last, Duration::from_secs(secs), || 0, |_event| ());
/// assert_eq!(next(Last::Nothing, 0), Step::Run { attempt: 1, limit: None });
/// assert_eq!(next(Last::Failed(Failure::error("no answer")), 5), Step::Wait(Duration::from_millis(900)));
/// assert_eq!(next(Last::Waited, 6), Step::Run { attempt: 2, limit: None });
/// assert!(matches!(next(Last::Succeeded, 7), Step::Finish(end) if end.attempts == 2));
/// ```
#[derive(Clone, Debug)]
pub struct Machine {
    policy: TaskPolicy,
    /// How many attempts were begun.
    attempts: u32,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    New,
    /// Since when an attempt runs.
    Runs(Duration),
    /// Until when nothing does, and how the attempt before ended.
    Waits(Duration, RunEnd),
    Over(Box<Finish>),
}

/// What came of the step before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Last {
    /// There was none: the run begins.
    Nothing,
    /// The attempt ended well.
    Succeeded,
    /// The attempt failed.
    Failed(Failure),
    /// The attempt was stopped because it took longer than its limit.
    TimedOut {
        /// What its process did then.
        exit: Option<ExitKind>,
    },
    /// The wait is over.
    Waited,
    /// Whoever wanted the run wants it no longer; an attempt that ran was stopped.
    Cancelled,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How it ended.
    pub end: RunEnd,
    /// Why, in one or more lines.
    pub error: String,
    /// Whether no other attempt is to follow, however many are left.
    pub is_final: bool,
}

impl Failure {
    /// An error that the body of a task returned.
    pub fn error(error: impl Into<String>) -> Self {
        Self::of("error", error)
    }

    /// A panic of the body of a task, with its message.
    pub fn panic(message: impl Into<String>) -> Self {
        Self::of("panic", message)
    }

    fn of(result: &str, error: impl Into<String>) -> Self {
        let end = RunEnd { result: result.into(), exit: None, is_preparation: false };
        Self { end, error: error.into(), is_final: false }
    }
}

/// What a run does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It makes an attempt.
    Run {
        /// Which, from 1.
        attempt: u32,
        /// How long it may take.
        limit: Option<Duration>,
    },
    /// It does nothing for so long.
    Wait(Duration),
    /// It is over.
    Finish(Finish),
}

/// The end of a run, as its machine sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// How it ended: well, as its last attempt failed, or [`Outcome::Interrupted`] where it was cancelled.
    pub outcome: Outcome,
    /// How many attempts were begun.
    pub attempts: u32,
    /// How long all of it took.
    pub took: Duration,
}

impl Machine {
    /// A run that is yet to begin.
    pub const fn new(policy: TaskPolicy) -> Self {
        Self { policy, attempts: 0, state: State::New }
    }

    /// Returns the policy the run is tried by.
    pub const fn policy(&self) -> &TaskPolicy {
        &self.policy
    }

    /// Returns how many attempts were begun.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns what comes next after `last`, `elapsed` after the run began, and tells `emit` what happened.
    ///
    /// `chance` is asked for a number where a wait is to begin. A result that does not fit the step before (a wait
    /// that is over while an attempt runs) changes nothing: the step is named again, with the time that is left for it.
    pub fn next(
        &mut self,
        last: Last,
        elapsed: Duration,
        chance: impl FnOnce() -> u64,
        mut emit: impl FnMut(RunEventKind),
    ) -> Step {
        match (&self.state, last) {
            (State::Over(end), _) => Step::Finish(Finish::clone(end)),
            (_, Last::Cancelled) => self.finish(Outcome::Interrupted, elapsed, emit),
            (State::New, _) => {
                emit(RunEventKind::Started);
                self.run(elapsed)
            }
            (State::Runs(_), Last::Succeeded) => self.finish(Outcome::Succeeded, elapsed, emit),
            (&State::Runs(since), Last::Failed(failure)) => {
                self.failed(failure, since, elapsed, chance, emit)
            }
            (&State::Runs(since), Last::TimedOut { exit }) => {
                let failure = self.timed_out(exit, since, elapsed);
                self.failed(failure, since, elapsed, chance, emit)
            }
            (&State::Runs(since), Last::Nothing | Last::Waited) => {
                let limit =
                    self.limit(since).map(|limit| limit.saturating_sub(elapsed.saturating_sub(since)));
                Step::Run { attempt: self.attempts, limit }
            }
            (State::Waits(_, end), Last::Waited) if self.is_past_deadline(elapsed) => {
                // Only a clock that ran on while the machine slept gets here: a wait ends before the deadline.
                let outcome = Outcome::Failed(end.clone());
                self.finish(outcome, elapsed, emit)
            }
            (State::Waits(..), Last::Waited) => self.run(elapsed),
            (State::Waits(until, _), _) => Step::Wait(until.saturating_sub(elapsed)),
        }
    }

    fn run(&mut self, elapsed: Duration) -> Step {
        self.attempts += 1;
        self.state = State::Runs(elapsed);
        Step::Run { attempt: self.attempts, limit: self.limit(elapsed) }
    }

    /// How long an attempt may take that begins `since` after the run.
    fn limit(&self, since: Duration) -> Option<Duration> {
        let left = self.policy.deadline.map(|deadline| deadline.saturating_sub(since));
        [self.policy.timeout, left].into_iter().flatten().min()
    }

    fn is_past_deadline(&self, elapsed: Duration) -> bool {
        self.policy.deadline.is_some_and(|deadline| elapsed >= deadline)
    }

    fn timed_out(&self, exit: Option<ExitKind>, since: Duration, elapsed: Duration) -> Failure {
        let error = match (self.policy.timeout, self.policy.deadline) {
            (timeout, Some(deadline)) if self.limit(since) != timeout || timeout.is_none() => {
                format!("not done before its deadline of {}", TimeSpan::from(deadline))
            }
            (Some(timeout), _) => format!("not done within {}", TimeSpan::from(timeout)),
            (None, _) => format!("stopped after {}", TimeSpan::from(elapsed.saturating_sub(since))),
        };
        let end = RunEnd { result: "timeout".into(), exit, is_preparation: false };
        Failure { end, error, is_final: false }
    }

    fn failed(
        &mut self,
        failure: Failure,
        since: Duration,
        elapsed: Duration,
        chance: impl FnOnce() -> u64,
        mut emit: impl FnMut(RunEventKind),
    ) -> Step {
        let Failure { end, error, is_final } = failure;
        let (attempt, of) = (self.attempts, self.policy.max_attempts());
        emit(RunEventKind::AttemptFailed { attempt, of, error, took: elapsed.saturating_sub(since) });
        if is_final || attempt >= of {
            return self.finish(Outcome::Failed(end), elapsed, emit);
        }
        let wait = self.policy.backoff.wait(attempt, chance());
        let until = elapsed.saturating_add(wait);
        if self.is_past_deadline(until) {
            return self.finish(Outcome::Failed(end), elapsed, emit);
        }
        emit(RunEventKind::Retrying { attempt: attempt + 1, wait });
        self.state = State::Waits(until, end);
        Step::Wait(wait)
    }

    fn finish(&mut self, outcome: Outcome, took: Duration, mut emit: impl FnMut(RunEventKind)) -> Step {
        let end = Finish { outcome, attempts: self.attempts, took };
        let Finish { outcome, attempts, took } = end.clone();
        emit(RunEventKind::Finished { outcome, attempts, took });
        self.state = State::Over(Box::new(end.clone()));
        Step::Finish(end)
    }
}

#[cfg(test)]
mod tests;
