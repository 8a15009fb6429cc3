//! The seam between what is told and how it gets there.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Message;

/// Brings messages to one place: a Slack channel, mail boxes, a webhook, memory.
///
/// Each call is one attempt and ends within a limit of the notifier's own; who calls it decides whether another follows.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Delivers a new message.
    ///
    /// # Errors
    /// When it did not arrive, or nobody can say that it did.
    async fn notify(&self, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError>;

    /// Puts another message in place of one that was delivered; where the place cannot do that, delivers it so that
    /// it is seen to belong to the former (a thread of mails).
    ///
    /// # Errors
    /// As [`Notifier::notify`].
    async fn amend(&self, receipt: &Receipt, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError>;

    /// Tells whether an amendment changes what stands there, and so disturbs nobody. Where it would be one more message,
    /// as in mail, amendments are left out: a reply tells what people must know.
    fn amends_in_place(&self) -> bool {
        false
    }
}

/// One message on its way.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// What is told.
    pub message: &'a Message,
    /// The same for each attempt at this delivery and for no other: the receiver can tell a repetition by it.
    pub key: &'a str,
    /// What this is to stand below, in a thread where there are any.
    pub thread: Option<&'a Receipt>,
}

/// What a place said of a message it took, so that the message can be changed later. It holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt(pub serde_json::Value);

/// Why a message did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotifyError {
    /// Another attempt may work.
    #[error("could not deliver to {place} now: {reason}")]
    Transient {
        /// Where to, without a secret.
        place: String,
        /// What went wrong.
        reason: String,
        /// The wait that the place asked for.
        retry_after: Option<Duration>,
    },
    /// No attempt will work before somebody mends something.
    #[error("could not deliver to {place}: {reason}")]
    Permanent {
        /// Where to, without a secret.
        place: String,
        /// What went wrong.
        reason: String,
    },
}

impl NotifyError {
    /// Tells whether another attempt may work.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. })
    }
}
