use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::due::{covers, last_due, wait};
use super::finding::Trouble;
use super::memory::Memory;
use crate::schedule::{CalendarSpec, Zones};
use crate::task::RunRecord;
use crate::{Outcome, ServiceName};

/// What is known of the services that are watched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MonitorFacts {
    /// When the manager came up.
    pub manager_began: Option<Timestamp>,
    /// The clocks of the machine.
    pub clocks: Clocks,
    /// The services, sorted by name.
    pub services: Vec<Watched>,
}

/// How the clocks of a machine stand to each other: by this it is seen that it slept, or that the time was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clocks {
    /// For how long it slept since it was switched on, in microseconds (`CLOCK_BOOTTIME` less `CLOCK_MONOTONIC`).
    pub slept_micros: i64,
    /// When it was switched on by the time of now, in microseconds since 1970 (`CLOCK_REALTIME` less
    /// `CLOCK_BOOTTIME`).
    pub booted_micros: i64,
}

/// A service that is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// Its name.
    pub service: ServiceName,
    /// The groups that are told of it, by their keys; `None` where it has no alerts.
    pub groups: Option<Vec<String>>,
    /// When it counts as missed, and as slow.
    pub rules: WatchRules,
    /// Its start timer.
    pub timer: TimerWatch,
    /// Whether a run is under way.
    pub is_running: bool,
    /// What the manager says, where it was asked.
    pub closer: Option<CloserLook>,
    /// Its last runs as far as they are kept, the newest first.
    pub runs: Vec<PastRun>,
}

/// When a service counts as missed, and as slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchRules {
    /// How much later than due it may start.
    pub missed_after: Duration,
    /// How long it may run; without it, that follows from the runs before.
    pub slow_after: Option<Duration>,
}

impl Default for WatchRules {
    fn default() -> Self {
        Self { missed_after: Duration::from_secs(300), slow_after: None }
    }
}

/// A start timer, as its file and a list of the manager's units tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimerWatch {
    /// Whether its file is there and not masked.
    pub has_file: bool,
    /// Whether it is linked to its target, so that it comes back after a restart.
    pub is_linked: bool,
    /// How it stands in the manager.
    pub state: TimerState,
    /// When its file or its link was last written.
    pub changed: Option<Timestamp>,
    /// Its calendar expressions.
    pub calendars: Vec<CalendarSpec>,
    /// Whether it also counts from a boot, a start or an end.
    pub has_periods: bool,
    /// Whether it makes up for starts that were missed while the manager was off.
    pub is_persistent: bool,
    /// By how much it may be late by itself (`AccuracySec=` and `RandomizedDelaySec=`).
    pub slack: Duration,
    /// When it last elapsed by its stamp, or when it was first started. Source: systemd.timer(5), `Persistent=`.
    pub stamp: Option<Timestamp>,
}

/// How a timer stands in the manager.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimerState {
    /// It does not run.
    #[default]
    Dead,
    /// It waits for its next time.
    Waiting,
    /// What it starts runs, and it waits for the end of that.
    Running,
    /// It has no next time.
    Elapsed,
}

/// What the manager says of a service and its timer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CloserLook {
    /// The calendar expressions that are in force, which drop-ins may have changed; `None` where they cannot be read.
    pub calendars: Option<Vec<CalendarSpec>>,
    /// By how much it may be late by itself; `None` where that is not told.
    pub slack: Option<Duration>,
    /// When the timer last elapsed.
    pub last_trigger: Option<Timestamp>,
    /// Since when it runs.
    pub active_since: Option<Timestamp>,
    /// When a period is over that it counts.
    pub next_period: Option<Timestamp>,
    /// When the last run began, or was tried.
    pub run_started: Option<Timestamp>,
    /// When the last run ended.
    pub run_ended: Option<Timestamp>,
}

/// A run, as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastRun {
    /// When it began.
    pub started: Timestamp,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// Whether it ended well.
    pub is_good: bool,
}

impl PastRun {
    /// Returns how long it took.
    pub fn took(&self) -> Option<Duration> {
        self.ended?.duration_since(self.started).try_into().ok()
    }
}

impl From<&RunRecord> for PastRun {
    fn from(run: &RunRecord) -> Self {
        Self { started: run.started, ended: run.ended, is_good: run.outcome == Outcome::Succeeded }
    }
}

impl TimerWatch {
    /// Tells whether it runs.
    pub fn is_active(&self) -> bool {
        self.state != TimerState::Dead
    }
}

impl Watched {
    /// Returns the calendar expressions that are in force.
    pub fn calendars(&self) -> &[CalendarSpec] {
        let told = self.closer.as_ref().and_then(|closer| closer.calendars.as_deref());
        told.unwrap_or(&self.timer.calendars)
    }

    /// Returns how long after its time a start counts as missed.
    pub(super) fn wait(&self) -> SignedDuration {
        let told = self.closer.as_ref().and_then(|closer| closer.slack);
        wait(told.unwrap_or(self.timer.slack), self.rules.missed_after)
    }
}

/// Tells whether the manager must be asked about a service: what its files and its stamp tell does not suffice.
pub fn is_suspect(watched: &Watched, memory: &Memory, now: Timestamp, zones: &Zones) -> bool {
    let stands = memory.standing.iter().any(|one| one.service == watched.service);
    if stands || watched.is_running || !watched.timer.has_file {
        return true;
    }
    if !watched.timer.is_active() {
        return false;
    }
    let is_over = watched.timer.state == TimerState::Elapsed;
    if watched.timer.has_periods || is_over {
        return true;
    }
    let Some(before) = now.checked_sub(watched.wait()).ok() else { return false };
    let Some(due) = last_due(&watched.timer.calendars, before, zones) else { return false };
    watched.timer.changed.is_none_or(|changed| changed < due) && !covers(watched, due)
}

impl Trouble {
    /// Tells whether it is about a run that did not take place in its time.
    pub(super) fn lost_run(&self) -> Option<Timestamp> {
        match self {
            Self::Missed(reason) => reason.due(),
            Self::Slow { .. } => None,
        }
    }
}
