use jiff::Timestamp;

use super::evidence::{Deed, Event};
use crate::{ExitKind, RunEnd};

/// One attempt to start a service, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it was made.
    pub at: Timestamp,
    /// The manager that made it.
    pub manager: String,
    /// When what it started was over, where that is known.
    pub ended_at: Option<Timestamp>,
    /// When it was last known to be under way.
    pub seen_until: Timestamp,
    /// How it ended.
    pub ended: Ended,
    /// Whether the restart policy made it.
    pub is_restart: bool,
}

/// How an [`Attempt`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It has not, as far as is known: before systemd 254 a good end is written to no journal.
    Open,
    /// The run ended well.
    Well,
    /// The run ended badly.
    Badly(RunEnd),
    /// A condition was not met, so nothing ran.
    Skipped(String),
    /// An assert was not met, so nothing ran.
    Assert,
    /// A unit it requires could not be started, so nothing ran.
    Dependency,
    /// It had been started too often, so nothing ran.
    Limit,
}

impl Attempt {
    /// Tells whether a process was started.
    pub fn ran(&self) -> bool {
        matches!(self.ended, Ended::Open | Ended::Well | Ended::Badly(_))
    }
}

/// Puts the attempts together from what the manager wrote, oldest first.
///
/// ```
/// use taskflows_core::inspect::{Deed, Ended, Event, attempts};
///
/// let skipped = Deed::Skipped("ConditionCPUs=>=8".into());
/// let event = Event { time: "2026-11-24T02:00:00Z".parse()?, manager: "boot/1".into(), deed: skipped };
/// assert_eq!(attempts(&[event])[0].ended, Ended::Skipped("ConditionCPUs=>=8".into()));
/// # Ok::<(), jiff::Error>(())
/// ```
pub fn attempts(events: &[Event]) -> Vec<Attempt> {
    let mut history = History::default();
    events.iter().for_each(|event| history.note(event));
    history.attempts
}

/// systemd's result where it could not prepare a unit: a file of variables is not there.
const RESOURCES: &str = "resources";

#[derive(Default)]
struct History {
    attempts: Vec<Attempt>,
    exit: Option<ExitKind>,
    /// Whether that was a command that prepares a run.
    is_preparation: bool,
    restarts: bool,
    /// The beginning of a start was told, and that it was made is still to come.
    announced: bool,
    /// The start limit was hit, and the failure that tells of it is still to come.
    limited: bool,
}

impl History {
    fn note(&mut self, event: &Event) {
        match &event.deed {
            Deed::Starting => {
                self.begin(event, Ended::Open);
                self.announced = true;
            }
            // A run of a moment may be over before it is told that it was started.
            Deed::Started if std::mem::take(&mut self.announced) => self.see(event),
            Deed::Started if self.open().is_none() => self.begin(event, Ended::Open),
            Deed::Skipped(condition) => self.instead(event, Ended::Skipped(condition.clone())),
            Deed::AssertFailed => self.instead(event, Ended::Assert),
            Deed::DependencyFailed => self.instead(event, Ended::Dependency),
            Deed::LimitHit => {
                self.instead(event, Ended::Limit);
                self.limited = true;
            }
            Deed::Exited(exit) => (self.exit, self.is_preparation) = (Some(*exit), false),
            Deed::PreparationExited(exit) => (self.exit, self.is_preparation) = (Some(*exit), true),
            Deed::Succeeded => self.end(event.time, Ended::Well),
            Deed::Failed(_) if std::mem::take(&mut self.limited) => {}
            Deed::Failed(result) => {
                // What cannot be prepared fails before its start is told; a run that was is another one.
                if result == RESOURCES && !(self.announced && self.open().is_some()) {
                    self.begin(event, Ended::Open);
                }
                let is_preparation = std::mem::take(&mut self.is_preparation);
                let end = RunEnd { result: result.clone(), exit: self.exit.take(), is_preparation };
                self.end(event.time, Ended::Badly(end));
            }
            Deed::Restarting => self.restarts = true,
            // Without a word of failure before it, the end was a good one.
            Deed::Stopped => self.end(event.time, Ended::Well),
            Deed::Started | Deed::Stopping => self.see(event),
            Deed::TimerStarted | Deed::TimerStopped => {}
        }
    }

    fn open(&mut self) -> Option<&mut Attempt> {
        self.attempts.last_mut().filter(|last| last.ended == Ended::Open)
    }

    fn see(&mut self, event: &Event) {
        if let Some(open) = self.open().filter(|open| open.manager == event.manager) {
            open.seen_until = open.seen_until.max(event.time);
        }
    }

    fn begin(&mut self, event: &Event, ended: Ended) {
        (self.exit, self.is_preparation, self.announced) = (None, false, false);
        self.attempts.push(Attempt {
            at: event.time,
            manager: event.manager.clone(),
            ended_at: None,
            seen_until: event.time,
            ended,
            is_restart: std::mem::take(&mut self.restarts),
        });
    }

    /// Notes an attempt that started nothing.
    fn instead(&mut self, event: &Event, ended: Ended) {
        self.begin(event, ended);
        if let Some(last) = self.attempts.last_mut() {
            last.ended_at = Some(event.time);
        }
    }

    fn end(&mut self, time: Timestamp, ended: Ended) {
        if let Some(open) = self.open() {
            (open.ended_at, open.seen_until, open.ended) = (Some(time), time, ended);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[track_caller]
    fn check(deeds: &[(i64, Deed)], expected: &[(i64, Option<i64>, Ended)]) {
        let event = |(second, deed): &(i64, Deed)| Event {
            time: at(*second),
            manager: "b/1".to_owned(),
            deed: deed.clone(),
        };
        let events: Vec<Event> = deeds.iter().map(event).collect();
        let found: Vec<_> =
            attempts(&events).into_iter().map(|one| (one.at, one.ended_at, one.ended)).collect();
        let expected: Vec<_> =
            expected.iter().map(|(began, ended, how)| (at(*began), ended.map(at), how.clone())).collect();
        assert_eq!(found, expected);
    }

    fn failed(code: i32) -> Ended {
        Ended::Badly(RunEnd {
            result: "exit-code".into(),
            exit: Some(ExitKind::Exited(code)),
            is_preparation: false,
        })
    }

    #[test]
    fn a_run_goes_from_its_start_to_its_end() {
        check(&[(1, Deed::Starting), (1, Deed::Started), (5, Deed::Succeeded)], &[(1, Some(5), Ended::Well)]);
        check(&[(1, Deed::Starting), (1, Deed::Started)], &[(1, None, Ended::Open)]);
        check(&[(1, Deed::Started), (3, Deed::Started)], &[(1, None, Ended::Open)]);
        let short = [(1, Deed::Starting), (1, Deed::Succeeded), (1, Deed::Started), (3, Deed::Starting)];
        check(&short, &[(1, Some(1), Ended::Well), (3, None, Ended::Open)]);
        let exit = Deed::Exited(ExitKind::Exited(3));
        check(
            &[(1, Deed::Starting), (2, exit), (2, Deed::Failed("exit-code".into()))],
            &[(1, Some(2), failed(3))],
        );
    }

    #[test]
    fn a_start_that_started_nothing_is_an_attempt() {
        check(
            &[(1, Deed::Skipped("ConditionCPUs=>99".into())), (2, Deed::AssertFailed)],
            &[(1, Some(1), Ended::Skipped("ConditionCPUs=>99".into())), (2, Some(2), Ended::Assert)],
        );
        check(&[(3, Deed::DependencyFailed)], &[(3, Some(3), Ended::Dependency)]);
    }

    #[test]
    fn what_could_not_be_prepared_is_an_attempt_of_its_own() {
        let end = |result: &str, exit, is_preparation| {
            Ended::Badly(RunEnd { result: result.into(), exit, is_preparation })
        };
        let failed = || Deed::Failed(RESOURCES.into());
        let unprepared = end(RESOURCES, None, false);
        check(&[(3, failed())], &[(3, Some(3), unprepared.clone())]);
        // systemd before 254 does not tell that the run before it ended.
        let after = [(1, Deed::Starting), (1, Deed::Started), (3, failed())];
        check(&after, &[(1, None, Ended::Open), (3, Some(3), unprepared.clone())]);
        check(&[(1, Deed::Starting), (3, failed())], &[(1, Some(3), unprepared)]);
        let exit = ExitKind::Exited(1);
        let deeds =
            [(1, Deed::Starting), (2, Deed::PreparationExited(exit)), (2, Deed::Failed("exit-code".into()))];
        check(&deeds, &[(1, Some(2), end("exit-code", Some(exit), true))]);
    }

    #[test]
    fn the_start_limit_is_not_the_end_of_a_run() {
        let failure = || Deed::Failed("exit-code".into());
        check(
            &[
                (1, Deed::Starting),
                (2, Deed::Exited(ExitKind::Exited(1))),
                (2, failure()),
                (3, Deed::LimitHit),
                (3, failure()),
            ],
            &[(1, Some(2), failed(1)), (3, Some(3), Ended::Limit)],
        );
    }
}
