use std::str::FromStr;

use crate::{TextError, TimeSpan};

/// Ends a service that has stopped telling that it is alive.
///
/// The process reports readiness and its life by sd_notify(3). Source: systemd.service(5), `WatchdogSec=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watchdog {
    /// How long it may be silent, never zero.
    pub(crate) interval: TimeSpan,
    /// Start it again after that, where its restart policy says nothing.
    pub restart_on_hang: bool,
    /// Who may speak for it.
    pub notify_access: NotifyAccess,
}

impl Watchdog {
    /// Allows a silence of `interval`; `None` where that is zero.
    pub fn new(interval: TimeSpan) -> Option<Self> {
        let watchdog = Self { interval, restart_on_hang: true, notify_access: NotifyAccess::default() };
        (!interval.is_zero()).then_some(watchdog)
    }

    /// Returns how long it may be silent.
    pub fn interval(&self) -> TimeSpan {
        self.interval
    }
}

/// Which processes of a service systemd listens to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NotifyAccess {
    /// The first one.
    Main,
    /// Every one.
    #[default]
    All,
}

impl NotifyAccess {
    /// The words of definition files.
    pub const TEXTS: [&'static str; 2] = ["main", "all"];

    /// Returns systemd's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::All => "all",
        }
    }
}

impl FromStr for NotifyAccess {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "main" => Ok(Self::Main),
            "all" => Ok(Self::All),
            _ => Err(TextError::new(text, "is none of main, all")),
        }
    }
}
