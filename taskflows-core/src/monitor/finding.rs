use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ServiceName;

/// Something to be told of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It does not run as it should.
    Trouble {
        /// The service.
        service: ServiceName,
        /// What is wrong.
        trouble: Trouble,
        /// When that was first told: now, where it is new.
        since: Timestamp,
    },
    /// What was told before is no longer so.
    Settled {
        /// The service.
        service: ServiceName,
        /// What was told.
        trouble: Trouble,
        /// How it came to an end.
        how: Settled,
    },
}

impl Finding {
    /// Returns the service.
    pub fn service(&self) -> &ServiceName {
        match self {
            Self::Trouble { service, .. } | Self::Settled { service, .. } => service,
        }
    }

    /// Returns what is, or was, wrong.
    pub fn trouble(&self) -> &Trouble {
        match self {
            Self::Trouble { trouble, .. } | Self::Settled { trouble, .. } => trouble,
        }
    }

    /// Returns what it is known by, the same at each look and when it is settled:
    /// `backup/overdue/2026-11-26T02:00:00Z`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.service(), self.trouble())
    }

    /// Tells whether something is wrong now.
    pub fn is_trouble(&self) -> bool {
        matches!(self, Self::Trouble { .. })
    }

    /// Tells whether it was found for the first time at `now`.
    pub fn is_new(&self, now: Timestamp) -> bool {
        matches!(self, Self::Trouble { since, .. } if *since == now)
    }
}

/// What is wrong with a service. Its text form is the part of an id after the name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// A run did not take place, or none will.
    Missed(MissedReason),
    /// A run takes, or took, an unusual time.
    Slow {
        /// When it began.
        started: Timestamp,
        /// How long it took, or has taken until now.
        took: Duration,
        /// How long such a run takes, by those before it.
        usual: Option<Duration>,
        /// Whether it is over. Then this is told once and never settled.
        is_over: bool,
    },
}

/// Why a run did not take place, or none will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MissedReason {
    /// The timer's file is gone, or masked.
    TimerIsGone,
    /// The timer does not run although it is enabled.
    TimerIsDead,
    /// The timer runs, but will not after a restart.
    TimerIsDisabled,
    /// It was due and nothing ran.
    Overdue {
        /// When it was due.
        due: Timestamp,
    },
    /// It was due while the manager was off.
    HostWasOff {
        /// When it was due.
        due: Timestamp,
        /// When the manager was back.
        back: Timestamp,
    },
    /// The timer has no time left, and never had one since it was written.
    NeverAgain,
}

impl MissedReason {
    /// Returns one stable word for it: `overdue`, `timer-dead`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TimerIsGone => "timer-gone",
            Self::TimerIsDead => "timer-dead",
            Self::TimerIsDisabled => "timer-disabled",
            Self::Overdue { .. } => "overdue",
            Self::HostWasOff { .. } => "host-off",
            Self::NeverAgain => "never-again",
        }
    }

    /// Returns when the run was due, where it is about one.
    pub fn due(self) -> Option<Timestamp> {
        match self {
            Self::Overdue { due } | Self::HostWasOff { due, .. } => Some(due),
            _ => None,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missed(reason) => {
                f.write_str(reason.as_str())?;
                reason.due().map_or(Ok(()), |due| write!(f, "/{due}"))
            }
            Self::Slow { started, .. } => write!(f, "slow/{started}"),
        }
    }
}

/// How a trouble came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is in order again.
    Well,
    /// Somebody switched the service off.
    SwitchedOff,
    /// The service is no longer there, or no longer watched.
    Removed,
    /// Something else is wrong with it now, which is told beside this.
    Replaced,
}

impl Settled {
    /// Returns one stable word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::SwitchedOff => "switched-off",
            Self::Removed => "removed",
            Self::Replaced => "replaced",
        }
    }
}
