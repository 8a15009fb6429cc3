use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SendOn {
    /// A run begins.
    Start,
    /// An attempt failed.
    Error,
    /// A run is over, well or not.
    Finish,
    /// A run is over and failed, all its attempts included.
    Failed,
    /// A run did not take place when it was to.
    Missed,
    /// What failed or was missed runs well again.
    Recovered,
    /// A run takes longer, or took much shorter, than usual.
    Slow,
    /// A condition kept a run from starting.
    Skipped,
}

impl SendOn {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Start,
        Self::Error,
        Self::Finish,
        Self::Failed,
        Self::Missed,
        Self::Recovered,
        Self::Slow,
        Self::Skipped,
    ];

    /// What a service tells unless it says otherwise.
    pub const FOR_SERVICES: [Self; 3] = [Self::Failed, Self::Missed, Self::Recovered];

    /// What a task of a program tells unless it says otherwise.
    pub const FOR_TASKS: [Self; 3] = [Self::Start, Self::Error, Self::Finish];

    /// Returns the word for it in definitions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Error => "error",
            Self::Finish => "finish",
            Self::Failed => "failed",
            Self::Missed => "missed",
            Self::Recovered => "recovered",
            Self::Slow => "slow",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for SendOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is none of [`SendOn`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{}` is nothing that alerts are sent on: start, error, finish, failed, missed, recovered, slow, skipped", .0.escape_debug())]
pub struct ParseSendOnError(String);

impl FromStr for SendOn {
    type Err = ParseSendOnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |on: &&Self| on.as_str() == text;
        Self::ALL.iter().find(word).copied().ok_or_else(|| ParseSendOnError(text.chars().take(40).collect()))
    }
}
