use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use taskflows_core::ServiceName;
use taskflows_core::effects::ServiceError;
use thiserror::Error;

use crate::wire::{
    AlertChannel, AlertSilence, AlertTestBody, ChannelTest, DoctorFinding, Incident, IncidentsBody,
    KnownServer, SilenceBody, WhyAnswer,
};

/// What people ask of a host when something is wrong: this host, another one, or a fake. No answer holds a secret.
#[async_trait]
pub trait Desk: fmt::Debug + Send + Sync {
    /// Returns the incidents that are open, the oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn incidents(&self) -> Result<Vec<Incident>, DeskError>;

    /// Returns the channels, and how they do.
    ///
    /// # Errors
    /// As [`Desk::incidents`].
    async fn channels(&self) -> Result<Vec<AlertChannel>, DeskError>;

    /// Returns the silences that are in force.
    ///
    /// # Errors
    /// As [`Desk::incidents`].
    async fn silences(&self) -> Result<Vec<AlertSilence>, DeskError>;

    /// Takes incidents on and returns the names of what they are about.
    ///
    /// # Errors
    /// When no incident is open of these names, or it cannot be kept.
    async fn ack(&self, which: &IncidentsBody) -> Result<Vec<String>, DeskError>;

    /// Closes incidents and returns the names of what they were about.
    ///
    /// # Errors
    /// As [`Desk::ack`].
    async fn close(&self, which: &IncidentsBody) -> Result<Vec<String>, DeskError>;

    /// Tells nothing of some services for a time.
    ///
    /// # Errors
    /// When it means nothing, or cannot be kept.
    async fn silence(&self, what: &SilenceBody) -> Result<AlertSilence, DeskError>;

    /// Ends a silence before its time.
    ///
    /// # Errors
    /// When there is none of that number, or it cannot be kept.
    async fn unsilence(&self, number: i64) -> Result<(), DeskError>;

    /// Sends a message to channels and tells what became of each.
    ///
    /// # Errors
    /// When there is no such group or channel.
    async fn test(&self, what: &AlertTestBody) -> Result<Vec<ChannelTest>, DeskError>;

    /// Tells why a service ran or did not, now or at a time.
    ///
    /// # Errors
    /// When there is no such service, or it cannot be looked at.
    async fn why(&self, name: &ServiceName, at: Option<Timestamp>) -> Result<WhyAnswer, DeskError>;

    /// Looks at everything; the worst comes first.
    ///
    /// # Errors
    /// When there is no answer.
    async fn doctor(&self) -> Result<Vec<DoctorFinding>, DeskError>;

    /// Returns the servers that are registered.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn servers(&self) -> Result<Vec<KnownServer>, DeskError>;
}

/// Why there is no answer, or nothing was changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeskError {
    /// There is no such thing.
    #[error("{what}")]
    NotFound {
        /// In words, as `no open incident of web`.
        what: String,
        /// What shows those there are.
        hint: Option<String>,
    },
    /// What was asked means nothing.
    #[error("{what}")]
    Invalid {
        /// In words.
        what: String,
    },
    /// The services could not be looked at, or their host did not answer.
    #[error(transparent)]
    Services(#[from] ServiceError),
    /// Something else failed on the way.
    #[error("{reason}")]
    Failed {
        /// What; it may name files of the host.
        reason: String,
    },
}
