use std::str::FromStr;

use crate::schedule::DEFAULT_ACCURACY;
use crate::{TextError, TimeSpan};

/// Starts again and again, a length of time after the last start or finish.
///
/// Source: systemd.timer(5), `OnBootSec=`, `OnStartupSec=`, `OnUnitActiveSec=`, `OnUnitInactiveSec=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Periodic {
    /// What sets it off.
    pub start_on: StartOn,
    /// The length of time, never zero.
    pub(crate) period: TimeSpan,
    /// What the length is counted from.
    pub relative_to: RelativeTo,
    /// How late the timer may fire (`AccuracySec=`).
    pub accuracy: TimeSpan,
    /// Wait up to so long after the time, a new length each time (`RandomizedDelaySec=`).
    pub randomized_delay: Option<TimeSpan>,
}

impl Periodic {
    /// Runs every `period`; `None` where that is zero.
    pub fn new(start_on: StartOn, period: TimeSpan, relative_to: RelativeTo) -> Option<Self> {
        (!period.is_zero()).then_some(Self {
            start_on,
            period,
            relative_to,
            accuracy: DEFAULT_ACCURACY,
            randomized_delay: None,
        })
    }

    /// Returns the length of time between runs.
    pub fn period(&self) -> TimeSpan {
        self.period
    }
}

/// What sets a [`Periodic`] schedule off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartOn {
    /// The machine's start: the first run follows one second later, or at once where it is long past.
    Boot,
    /// The start of the user's manager, which is the first login (or boot, where lingering is on).
    Login,
    /// The first start by hand.
    Command,
}

/// What a period is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelativeTo {
    /// The last start.
    Start,
    /// The last end.
    Finish,
}

impl StartOn {
    /// The words of definition files.
    pub const TEXTS: [&'static str; 3] = ["boot", "login", "command"];

    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Login => "login",
            Self::Command => "command",
        }
    }
}

impl RelativeTo {
    /// The words of definition files.
    pub const TEXTS: [&'static str; 2] = ["start", "finish"];

    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Finish => "finish",
        }
    }
}

impl FromStr for StartOn {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "boot" => Ok(Self::Boot),
            "login" => Ok(Self::Login),
            "command" => Ok(Self::Command),
            _ => Err(TextError::new(text, "is none of boot, login, command")),
        }
    }
}

impl FromStr for RelativeTo {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "start" => Ok(Self::Start),
            "finish" => Ok(Self::Finish),
            _ => Err(TextError::new(text, "is none of start, finish")),
        }
    }
}
