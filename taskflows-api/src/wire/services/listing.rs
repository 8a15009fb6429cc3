use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use taskflows_core::effects::{self, Next};
use taskflows_core::{Run, ServiceName};
use utoipa::ToSchema;

use super::{LastRun, RunEnd};
use crate::wire::Misfit;

/// One line of a list, as `tf list -o json` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Listing {
    /// The service.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// Whether it starts by itself after a reboot.
    pub enabled: bool,
    /// Its last run, or the one under way.
    pub last: Option<LastRun>,
    /// When it starts next, where that is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next: Option<Timestamp>,
    /// Why there is no time in `next`, or `at`.
    pub next_kind: NextKind,
    /// Its description.
    pub description: String,
    /// The file it was defined in.
    pub source: Option<String>,
    /// When another service of its name was removed, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub removed: Option<Timestamp>,
}

/// What the manager says of one service now, as `tf status -o json` has it, and more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Details {
    /// What a list says.
    #[serde(flatten)]
    pub listing: Listing,
    /// systemd's state of the service unit: `active`.
    pub active_state: String,
    /// systemd's finer one: `running`.
    pub sub_state: String,
    /// The main process, while there is one.
    pub pid: Option<u32>,
    /// Memory in use, where it is accounted for.
    pub memory_bytes: Option<u64>,
    /// Processor time used, where it is accounted for.
    pub cpu_nanos: Option<u64>,
    /// How often systemd has restarted it by its restart policy.
    pub restarts: u32,
    /// When its timer last elapsed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_trigger: Option<Timestamp>,
    /// Whether unit files changed since the manager read them.
    pub needs_reload: bool,
    /// How its last run ended badly, if it did.
    pub failure: Option<RunEnd>,
}

/// A start that is to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Start {
    /// The service.
    pub name: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Whether the clocks of its zone change between the start before it and this one.
    pub after_clock_change: bool,
}

/// How a service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its start has begun.
    Starting,
    /// It runs.
    Running,
    /// Its stop has begun.
    Stopping,
    /// It does not run, and nothing will start it.
    Stopped,
    /// Its last run failed.
    Failed,
    /// It does not run; a timer will start it.
    Waiting,
}

/// What is known of the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NextKind {
    /// It is at the time in `next`.
    At,
    /// A period after the end of the run that is under way.
    AfterThisRun,
    /// Its timer runs and will not elapse again.
    Never,
    /// It has no start schedule.
    Unscheduled,
    /// Its timer does not run.
    Off,
    /// It cannot be told.
    Unknown,
}

impl Listing {
    /// Writes a line as it stands at `now`.
    #[must_use]
    pub fn new(listing: effects::Listing, now: Timestamp) -> Self {
        let (next, next_kind) = match listing.next {
            Next::At(at) => (Some(at), NextKind::At),
            Next::AfterThisRun => (None, NextKind::AfterThisRun),
            Next::Never => (None, NextKind::Never),
            Next::Unscheduled => (None, NextKind::Unscheduled),
            Next::Off => (None, NextKind::Off),
            Next::Unknown => (None, NextKind::Unknown),
        };
        Self {
            name: listing.name.to_string(),
            state: listing.state.into(),
            enabled: listing.enabled,
            last: listing.last.map(|run| LastRun::new(run, now)),
            next,
            next_kind,
            description: listing.description,
            source: listing.source,
            removed: listing.removed,
        }
    }
}

impl TryFrom<Listing> for effects::Listing {
    type Error = Misfit;

    fn try_from(listing: Listing) -> Result<Self, Misfit> {
        let next = match (listing.next_kind, listing.next) {
            (NextKind::At, Some(at)) => Next::At(at),
            (NextKind::At, None) => return Err(Misfit::new("next", "it is missing")),
            (NextKind::AfterThisRun, _) => Next::AfterThisRun,
            (NextKind::Never, _) => Next::Never,
            (NextKind::Unscheduled, _) => Next::Unscheduled,
            (NextKind::Off, _) => Next::Off,
            (NextKind::Unknown, _) => Next::Unknown,
        };
        Ok(Self {
            name: name(&listing.name)?,
            description: listing.description,
            state: listing.state.into(),
            enabled: listing.enabled,
            last: listing.last.map(Run::try_from).transpose()?,
            removed: listing.removed,
            next,
            source: listing.source,
        })
    }
}

impl Details {
    /// Writes what is known at `now`.
    #[must_use]
    pub fn new(details: effects::Details, now: Timestamp) -> Self {
        let (active_state, sub_state) = details.unit_state;
        Self {
            listing: Listing::new(details.listing, now),
            active_state,
            sub_state,
            pid: details.main_pid,
            memory_bytes: details.memory,
            cpu_nanos: details.cpu_nanos,
            restarts: details.restarts,
            last_trigger: details.last_trigger,
            needs_reload: details.needs_reload,
            failure: details.failure.map(RunEnd::from),
        }
    }
}

impl TryFrom<Details> for effects::Details {
    type Error = Misfit;

    fn try_from(details: Details) -> Result<Self, Misfit> {
        Ok(Self {
            listing: details.listing.try_into()?,
            unit_state: (details.active_state, details.sub_state),
            main_pid: details.pid,
            memory: details.memory_bytes,
            cpu_nanos: details.cpu_nanos,
            restarts: details.restarts,
            last_trigger: details.last_trigger,
            needs_reload: details.needs_reload,
            failure: details.failure.map(Into::into),
        })
    }
}

impl From<effects::Start> for Start {
    fn from(start: effects::Start) -> Self {
        let effects::Start { name, at, after_clock_change } = start;
        Self { name: name.to_string(), at, after_clock_change }
    }
}

impl TryFrom<Start> for effects::Start {
    type Error = Misfit;

    fn try_from(start: Start) -> Result<Self, Misfit> {
        let Start { name: text, at, after_clock_change } = start;
        Ok(Self { name: name(&text)?, at, after_clock_change })
    }
}

impl From<effects::State> for State {
    fn from(state: effects::State) -> Self {
        match state {
            effects::State::Starting => Self::Starting,
            effects::State::Running => Self::Running,
            effects::State::Stopping => Self::Stopping,
            effects::State::Stopped => Self::Stopped,
            effects::State::Failed => Self::Failed,
            effects::State::Waiting => Self::Waiting,
        }
    }
}

impl From<State> for effects::State {
    fn from(state: State) -> Self {
        match state {
            State::Starting => Self::Starting,
            State::Running => Self::Running,
            State::Stopping => Self::Stopping,
            State::Stopped => Self::Stopped,
            State::Failed => Self::Failed,
            State::Waiting => Self::Waiting,
        }
    }
}

/// Reads the name of a service.
pub(super) fn name(text: &str) -> Result<ServiceName, Misfit> {
    text.parse().map_err(|error| Misfit::new("name", error))
}
