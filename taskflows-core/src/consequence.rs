use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::effects::Next;

/// What a change means for people, apart from the lines that differ.
///
/// As data it is an object with a `kind`, and times in RFC 3339.
///
/// ```
/// use taskflows_core::effects::Next;
/// use taskflows_core::{Consequence, Occasion};
///
/// let (from, to) = ("2026-11-24T02:00:00Z".parse()?, "2026-11-24T03:00:00Z".parse()?);
/// let moves = Consequence::of_schedule(Occasion::Run, false, Next::At(from), Next::At(to));
/// assert_eq!(moves, Some(Consequence::NextMoves { what: Occasion::Run, from, to }));
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Consequence {
    /// A new service is scheduled.
    First {
        /// What happens.
        what: Occasion,
        /// When for the first time.
        at: Timestamp,
    },
    /// What was scheduled comes at another time.
    NextMoves {
        /// What happens.
        what: Occasion,
        /// When it was to happen next.
        from: Timestamp,
        /// When it happens next.
        to: Timestamp,
    },
    /// The schedule changes, but not what comes next of it.
    NextStays {
        /// What happens.
        what: Occasion,
        /// When.
        at: Timestamp,
    },
    /// What had no schedule, or one that was not in force, has one.
    NowScheduled {
        /// What happens.
        what: Occasion,
        /// When it happens next.
        at: Timestamp,
    },
    /// What had a schedule has none any more.
    NoLongerScheduled {
        /// What happened.
        what: Occasion,
        /// When it was to happen next, where that is known.
        was: Option<Timestamp>,
    },
    /// The schedule changes, and what comes next of it cannot be told from here.
    ScheduleChanges {
        /// What happens.
        what: Occasion,
    },
    /// Its schedule counts from what is longer ago (the machine's start, its last run), so it starts at once.
    StartsAtOnce,
    /// It does not start before somebody starts it.
    WaitsForStart,
    /// It starts with the machine (or the login) from now on.
    StartsAtBoot,
    /// It starts with the machine no longer.
    StartsAtBootNoLonger,
    /// It was disabled and is left so, though by its definition it starts by itself.
    StaysDisabled,
    /// Its timers were stopped and are left so until the next boot or login.
    TimersStayStopped,
    /// It runs, and is stopped.
    Stops,
    /// It runs, and does not see the change before it is restarted.
    RestartNeeded,
    /// It runs, and goes on as it began; its next run is by the new definition.
    RunContinues,
    /// It runs, and the change is in force for it without a restart.
    AppliesAtOnce,
    /// It has a container that is kept between its runs, which goes, and what was written into it with it: the
    /// service is removed, has no such container any more, or makes it anew when it next starts.
    ContainerGoes {
        /// Its name.
        container: String,
    },
    /// It was defined elsewhere before; `None` is the standard input.
    ComesFrom {
        /// The file before.
        from: Option<String>,
        /// The file now.
        to: Option<String>,
    },
}

/// What a schedule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// It starts the service.
    Run,
    /// It stops it.
    Stop,
    /// It restarts it.
    Restart,
}

impl Consequence {
    /// Returns what it means that a schedule's next time was `before` and is `after`; `None` where that is
    /// nothing, or nothing is known. `is_new` tells that the whole service is.
    pub fn of_schedule(what: Occasion, is_new: bool, before: Next, after: Next) -> Option<Self> {
        match (before, after) {
            (Next::Unscheduled, Next::At(at)) if is_new => Some(Self::First { what, at }),
            (Next::At(from), Next::At(to)) if from != to => Some(Self::NextMoves { what, from, to }),
            (Next::At(_), Next::At(at)) => Some(Self::NextStays { what, at }),
            (Next::Unscheduled | Next::Off | Next::Never, Next::At(at)) => {
                Some(Self::NowScheduled { what, at })
            }
            (Next::Unscheduled, Next::Unscheduled) => None,
            (Next::At(was), Next::Unscheduled) => Some(Self::NoLongerScheduled { what, was: Some(was) }),
            (_, Next::Unscheduled) => Some(Self::NoLongerScheduled { what, was: None }),
            // It is disabled, which is told of the service and not of each of its schedules.
            (_, Next::Off) => None,
            _ if is_new => None,
            _ => Some(Self::ScheduleChanges { what }),
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
    fn check(is_new: bool, before: Next, after: Next, consequence: Option<Consequence>) {
        assert_eq!(Consequence::of_schedule(Occasion::Run, is_new, before, after), consequence);
    }

    #[test]
    fn a_schedule_begins_moves_stays_and_ends() {
        let what = Occasion::Run;
        let (one, two) = (Next::At(at(1)), Next::At(at(2)));
        check(true, Next::Unscheduled, one, Some(Consequence::First { what, at: at(1) }));
        check(false, Next::Unscheduled, one, Some(Consequence::NowScheduled { what, at: at(1) }));
        check(false, Next::Never, one, Some(Consequence::NowScheduled { what, at: at(1) }));
        check(false, one, two, Some(Consequence::NextMoves { what, from: at(1), to: at(2) }));
        check(false, one, one, Some(Consequence::NextStays { what, at: at(1) }));
        check(false, one, Next::Unscheduled, Some(Consequence::NoLongerScheduled { what, was: Some(at(1)) }));
        check(false, Next::Off, Next::Unscheduled, Some(Consequence::NoLongerScheduled { what, was: None }));
    }

    #[test]
    fn what_is_not_known_is_not_told_as_if_it_were() {
        let change = Some(Consequence::ScheduleChanges { what: Occasion::Run });
        check(false, Next::Unknown, Next::At(at(1)), change.clone());
        check(false, Next::At(at(1)), Next::AfterThisRun, change.clone());
        check(false, Next::Unscheduled, Next::Unknown, change);
        check(true, Next::Unscheduled, Next::Unknown, None);
        check(false, Next::Off, Next::Off, None);
        check(false, Next::Unscheduled, Next::Unscheduled, None);
    }

    #[test]
    fn as_data_it_has_a_kind_and_times_in_utc() {
        let moves = Consequence::NextMoves { what: Occasion::Stop, from: at(0), to: at(60) };
        assert_eq!(
            serde_json::to_string(&moves).unwrap(),
            r#"{"kind":"next_moves","what":"stop","from":"1970-01-01T00:00:00Z","to":"1970-01-01T00:01:00Z"}"#
        );
        assert_eq!(
            serde_json::to_string(&Consequence::RestartNeeded).unwrap(),
            r#"{"kind":"restart_needed"}"#
        );
    }
}
