use jiff::Timestamp;

use super::{Directive, Reference};
use crate::effects::{Next, State};
use crate::schedule::CalendarSpec;
use crate::{ExitKind, RunEnd, ServiceName, TimeSpan};

/// Everything from which is told why a service ran or did not.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The service.
    pub name: ServiceName,
    /// Whether its manager is the user's own.
    pub is_user_scope: bool,
    /// Why the manager did not answer; what it would have told is then left as if nothing ran.
    pub unreachable: Option<String>,
    /// How it stands.
    pub state: State,
    /// Whether it is linked to the target of a boot or login.
    pub is_enabled: bool,
    /// Whether one of its files changed since the manager read it.
    pub needs_reload: bool,
    /// Its start timer; `None` where it has no start schedule.
    pub timer: Option<TimerEvidence>,
    /// Lines of `[Unit]` of which a start depends: `ConditionMemory=>=1024`.
    pub constraints: Vec<Directive>,
    /// What its unit needs on this host.
    pub references: Vec<Reference>,
    /// How it stands as failed now, as the manager says it.
    pub failure: Option<RunEnd>,
    /// What started the run that is under way or was the last, where the manager still knows.
    pub trigger: Option<Trigger>,
    /// What the manager wrote of the service and its timer, oldest first.
    pub events: Vec<Event>,
    /// The managers of which the journal knows, oldest first.
    pub managers: Vec<ManagerLife>,
    /// When the machine slept, as far as the journal tells, oldest first.
    pub sleeps: Vec<Sleep>,
    /// Why the journal could not be read.
    pub unreadable: Option<String>,
    /// Whether the journal holds older events of the service than those here.
    pub is_cut: bool,
    /// When another service of its name was removed, of which the events are left out.
    pub removed: Option<Timestamp>,
}

/// The timer that starts a service.
#[derive(Clone, Debug, PartialEq)]
pub struct TimerEvidence {
    /// Whether it is linked to its target, so that it comes back after a reboot.
    pub is_enabled: bool,
    /// Whether it is active.
    pub is_active: bool,
    /// When it elapses next.
    pub next: Next,
    /// When it last elapsed, as the manager says it.
    pub last: Option<Timestamp>,
    /// Its calendar expressions.
    pub calendars: Vec<CalendarSpec>,
    /// Whether it also counts from a boot, a start or an end.
    pub has_periods: bool,
    /// So long after the last start it elapses.
    pub after_start: Vec<TimeSpan>,
    /// So long after the last end it elapses.
    pub after_finish: Vec<TimeSpan>,
    /// Whether it makes up for an elapse that was missed.
    pub is_persistent: bool,
    /// So much later than its time it may fire at most: accuracy and random delay.
    pub slack: TimeSpan,
}

/// What started a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// The unit: `taskflows-web.timer`.
    pub unit: String,
    /// When a timer elapsed for it.
    pub at: Option<Timestamp>,
}

/// Something the manager did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub time: Timestamp,
    /// Which manager, by its boot and process.
    pub manager: String,
    /// What.
    pub deed: Deed,
}

/// What the manager did with a service or its timer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deed {
    /// It began to start the service.
    Starting,
    /// The service was started.
    Started,
    /// A condition was not met: `ConditionMemory=>=1024`.
    Skipped(String),
    /// An assert was not met.
    AssertFailed,
    /// A unit it requires could not be started.
    DependencyFailed,
    /// It was started too often in a short time.
    LimitHit,
    /// Its process ended.
    Exited(ExitKind),
    /// A command that prepares a run ended badly.
    PreparationExited(ExitKind),
    /// The run ended well.
    Succeeded,
    /// The run ended badly, with systemd's result.
    Failed(String),
    /// It restarts by its policy.
    Restarting,
    /// Its stop began.
    Stopping,
    /// It was stopped.
    Stopped,
    /// Its timer was started.
    TimerStarted,
    /// Its timer was stopped.
    TimerStopped,
}

/// A suspension or hibernation of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sleep {
    /// When it began.
    pub from: Timestamp,
    /// When it was over; `None` where that is not known.
    pub until: Option<Timestamp>,
}

/// A manager from its start to the last that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagerLife {
    /// Its boot and process, as in [`Event::manager`].
    pub manager: String,
    /// When it began.
    pub began: Timestamp,
    /// When it was last heard of; `None` while it lives.
    pub last_seen: Option<Timestamp>,
    /// Whether it was ended in order then, as at a logout or a shutdown.
    pub has_exited: bool,
}

impl ManagerLife {
    /// Returns the boot it ran in.
    pub fn boot(&self) -> &str {
        self.manager.split('/').next().unwrap_or(&self.manager)
    }
}
