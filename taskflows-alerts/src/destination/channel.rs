use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::Notifier;

/// One receiver: what order, rate and retries are kept by.
#[derive(Clone)]
pub struct Channel {
    /// Its name, the same in each process and without a secret: `slack:ops`, `email:a@x.org`.
    pub id: String,
    /// What brings messages there.
    pub notifier: Arc<dyn Notifier>,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("id", &self.id).finish_non_exhaustive()
    }
}

/// How long one attempt may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until there is a connection.
    pub connect: Duration,
    /// Altogether, connecting included.
    pub whole: Duration,
}

impl Default for Limits {
    /// 5 s to connect, 30 s altogether.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), whole: Duration::from_secs(30) }
    }
}

/// Why a destination cannot be sent to, whatever the message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The program was built without the way to it.
    #[error(
        "this program cannot send to {destination}: taskflows-alerts was built without the feature `{feature}`"
    )]
    FeatureMissing {
        /// The type of destination.
        destination: &'static str,
        /// What the build lacks.
        feature: &'static str,
    },
    /// What it says of itself cannot be right, or something that it names is not there.
    #[error("the {destination} destination cannot be used: {reason}")]
    Unusable {
        /// The type of destination.
        destination: &'static str,
        /// What is wrong and what mends it.
        reason: String,
    },
}
