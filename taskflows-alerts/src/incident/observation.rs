use std::time::Duration;

use serde::{Deserialize, Serialize};

use jiff::Timestamp;

use crate::{Message, SendOn};

/// What was seen of a service or a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The same for each report of this and for no other: the id of the run and the word of the kind, with the number
    /// of the attempt where there are many. A second report of it changes nothing.
    pub id: String,
    /// What it was seen of.
    pub subject: Subject,
    /// When.
    pub at: Timestamp,
    /// What was seen.
    pub kind: ObservationKind,
    /// How people are told, should they be told.
    pub message: Message,
}

/// What incidents are about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The name of the service or task.
    pub name: String,
    /// The host it runs on.
    pub host: String,
    /// Observations of one key belong to one incident.
    pub key: String,
}

impl Subject {
    /// Returns the subject of a name on a host, its key made of both.
    pub fn new(name: &str, host: &str) -> Self {
        Self { name: name.to_owned(), host: host.to_owned(), key: format!("{name}@{host}") }
    }
}

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObservationKind {
    /// A run began.
    Started,
    /// An attempt failed, and the run goes on or ends with it.
    AttemptFailed {
        /// Its number, from 1.
        attempt: u32,
        /// How many there may be.
        of: u32,
    },
    /// A run ended well.
    Finished {
        /// How long it took.
        duration: Duration,
    },
    /// A run ended and failed.
    Failed,
    /// A run did not take place.
    Missed,
    /// A run takes another time than usual.
    Slow,
    /// A condition kept a run from starting.
    Skipped,
}

impl ObservationKind {
    /// Returns the word of `send_on` for it.
    pub const fn word(self) -> SendOn {
        match self {
            Self::Started => SendOn::Start,
            Self::AttemptFailed { .. } => SendOn::Error,
            Self::Finished { .. } => SendOn::Finish,
            Self::Failed => SendOn::Failed,
            Self::Missed => SendOn::Missed,
            Self::Slow => SendOn::Slow,
            Self::Skipped => SendOn::Skipped,
        }
    }
}
