use std::str::FromStr;

use crate::{TextError, TimeSpan};

/// What systemd does when the process ends.
///
/// Source: systemd.service(5), `Restart=`; systemd.unit(5), `StartLimitIntervalSec=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartPolicy {
    /// Which ends are followed by a new start.
    pub condition: RestartCondition,
    /// The wait before it; a second where nothing is said, so that a crash never becomes a busy loop.
    pub delay: TimeSpan,
    /// How many starts within `window` are allowed; `None` is without limit.
    pub max_attempts: Option<u32>,
    /// The length of time in which starts are counted; zero counts none.
    pub window: TimeSpan,
}

impl RestartPolicy {
    /// The wait before a restart when nothing else is said.
    pub const DEFAULT_DELAY: TimeSpan = TimeSpan::from_secs(1);
    /// The window in which `max_attempts` are counted when nothing else is said.
    pub const DEFAULT_WINDOW: TimeSpan = TimeSpan::from_secs(3600);

    /// Restarts without limit on `condition`.
    pub fn new(condition: RestartCondition) -> Self {
        Self { condition, delay: Self::DEFAULT_DELAY, max_attempts: None, window: TimeSpan::from_micros(0) }
    }
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self::new(RestartCondition::No)
    }
}

/// Which ends of a process are followed by a new start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartCondition {
    /// None.
    #[default]
    No,
    /// Every one that was not asked for.
    Always,
    /// Exit code 0 or a clean signal.
    OnSuccess,
    /// A bad exit code, a signal, a timeout, the watchdog.
    OnFailure,
    /// A signal, a timeout, the watchdog.
    OnAbnormal,
    /// A signal that is not clean.
    OnAbort,
    /// The watchdog.
    OnWatchdog,
}

impl RestartCondition {
    /// The spellings of systemd, and `unless-stopped`, which means `always`.
    pub const TEXTS: [&'static str; 8] = [
        "no",
        "always",
        "on-success",
        "on-failure",
        "on-abnormal",
        "on-abort",
        "on-watchdog",
        "unless-stopped",
    ];

    /// Returns systemd's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Always => "always",
            Self::OnSuccess => "on-success",
            Self::OnFailure => "on-failure",
            Self::OnAbnormal => "on-abnormal",
            Self::OnAbort => "on-abort",
            Self::OnWatchdog => "on-watchdog",
        }
    }
}

impl FromStr for RestartCondition {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "no" => Self::No,
            "always" | "unless-stopped" => Self::Always,
            "on-success" => Self::OnSuccess,
            "on-failure" => Self::OnFailure,
            "on-abnormal" => Self::OnAbnormal,
            "on-abort" => Self::OnAbort,
            "on-watchdog" => Self::OnWatchdog,
            _ => return Err(TextError::new(text, format!("is none of {}", Self::TEXTS.join(", ")))),
        })
    }
}
