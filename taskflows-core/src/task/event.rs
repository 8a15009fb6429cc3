use std::time::Duration;

use jiff::Timestamp;

use super::RunId;
use crate::Outcome;

/// Something that happened to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEvent {
    /// Which run.
    pub run: RunId,
    /// The name of its task.
    pub task: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: RunEventKind,
}

/// What happened to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunEventKind {
    /// Its first attempt begins.
    Started,
    /// An attempt failed.
    AttemptFailed {
        /// Which attempt, from 1.
        attempt: u32,
        /// How many there are at most.
        of: u32,
        /// Why, in one or more lines.
        error: String,
        /// How long it took.
        took: Duration,
    },
    /// Another attempt follows.
    Retrying {
        /// Which attempt, from 2.
        attempt: u32,
        /// The wait before it.
        wait: Duration,
    },
    /// It is over.
    Finished {
        /// How it ended.
        outcome: Outcome,
        /// How many attempts it took.
        attempts: u32,
        /// How long all of it took.
        took: Duration,
    },
}
