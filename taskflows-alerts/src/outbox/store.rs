use std::error::Error;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::{ChannelStatus, Entry, NewEntry, Next, Pushed, Settlement};
use crate::incident::{Silence, State, StateKey};

/// Keeps what is known of incidents, and queues what is told of them in the same transaction.
///
/// Its calls block, for as long as a disk takes: a hook that makes one of them needs no runtime for it.
pub trait AlertStore: Send + Sync {
    /// Does all of `work` or, where that fails, nothing. No other process sees a part of it or changes what it has read.
    ///
    /// # Errors
    /// Those of `work`, and when it cannot be kept.
    fn transact(&self, work: &mut Work<'_>) -> Result<(), AlertStoreError>;

    /// Returns when the next state of these groups wants the time to be looked at. Others have rules that this process does
    /// not know, and somebody else looks at them.
    ///
    /// # Errors
    /// When that cannot be read.
    fn next_tick(&self, groups: &[&str]) -> Result<Option<Timestamp>, AlertStoreError>;

    /// Returns every state, in order of their keys.
    ///
    /// # Errors
    /// When they cannot be read.
    fn states(&self) -> Result<Vec<(StateKey, State)>, AlertStoreError>;
}

/// What is done in one transaction.
pub type Work<'a> = dyn FnMut(&mut dyn Ledger) -> Result<(), AlertStoreError> + 'a;

/// What can be done within a transaction. An error of any of these must end it.
pub trait Ledger {
    /// Remembers an observation, and tells whether it was unknown.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn is_new(&mut self, id: &str, now: Timestamp) -> Result<bool, AlertStoreError>;

    /// Returns what is known under a key.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&mut self, key: &StateKey) -> Result<Option<State>, AlertStoreError>;

    /// Keeps a state, or forgets it, with the moment at which it wants the time to be looked at.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn save(
        &mut self,
        key: &StateKey,
        state: Option<&State>,
        due: Option<Timestamp>,
    ) -> Result<(), AlertStoreError>;

    /// Returns the keys of up to `limit` states of these groups that wanted the time to be looked at by now, the longest waiting first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn due(
        &mut self,
        groups: &[&str],
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<StateKey>, AlertStoreError>;

    /// Makes every state due.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn make_due(&mut self, now: Timestamp) -> Result<(), AlertStoreError>;

    /// Returns the silences with their numbers, those that are over included.
    ///
    /// # Errors
    /// When they cannot be read.
    fn silences(&mut self) -> Result<Vec<(i64, Silence)>, AlertStoreError>;

    /// Keeps a silence and returns its number, which no other has or had.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn add_silence(&mut self, silence: &Silence) -> Result<i64, AlertStoreError>;

    /// Forgets a silence, and tells whether there was one of this number.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn remove_silence(&mut self, id: i64) -> Result<bool, AlertStoreError>;

    /// Queues a message.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn push(&mut self, entry: &NewEntry, now: Timestamp) -> Result<Pushed, AlertStoreError>;

    /// Forgets observations that are older than this, and so much of what was sent long ago.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn forget(&mut self, before: Timestamp) -> Result<(), AlertStoreError>;
}

/// The queue of messages, each channel in order. Its calls block, for as long as a disk takes.
pub trait Outbox: Send + Sync {
    /// Queues messages, all of them or none.
    ///
    /// # Errors
    /// When they cannot be kept.
    fn push(&self, entries: &[NewEntry], now: Timestamp) -> Result<Vec<Pushed>, AlertStoreError>;

    /// Takes the first message of a channel for the time of `lease`: until then, or until it is settled, no other
    /// sender gets it or one behind it. Messages that are too old are dropped and counted on the way.
    ///
    /// # Errors
    /// When that cannot be kept.
    fn claim(&self, channel: &str, now: Timestamp, lease: SignedDuration) -> Result<Next, AlertStoreError>;

    /// Keeps how the attempt at a claimed message ended.
    ///
    /// # Errors
    /// [`AlertStoreError::LeaseLost`] when another sender has it by now or had it settled, and when it cannot be kept.
    fn settle(&self, entry: &Entry, how: &Settlement, now: Timestamp) -> Result<(), AlertStoreError>;

    /// Returns how each channel does that ever had a message, in order of their ids.
    ///
    /// # Errors
    /// When that cannot be read.
    fn channels(&self) -> Result<Vec<ChannelStatus>, AlertStoreError>;

    /// Queues messages that tell of what a channel lost, and counts so many as told, in one.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn report(
        &self,
        channel: &str,
        told: u64,
        entries: &[NewEntry],
        now: Timestamp,
    ) -> Result<(), AlertStoreError>;

    /// Returns what waits in a channel, in order.
    ///
    /// # Errors
    /// When it cannot be read.
    fn queued(&self, channel: &str) -> Result<Vec<Entry>, AlertStoreError>;

    /// Returns what was given up in a channel and is kept, in order.
    ///
    /// # Errors
    /// When it cannot be read.
    fn undelivered(&self, channel: &str) -> Result<Vec<Entry>, AlertStoreError>;

    /// Queues again what was given up in a channel, for as long as it is worth telling, and returns how many.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn requeue(&self, channel: &str, now: Timestamp) -> Result<u64, AlertStoreError>;
}

/// Why what is known of alerts could not be read or kept.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AlertStoreError {
    /// The store failed.
    #[error("could not {operation}")]
    Failed {
        /// What was tried, with the place of the store.
        operation: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// What it holds contradicts itself.
    #[error("`{place}` is damaged: {what}")]
    Damaged {
        /// The place of the store.
        place: String,
        /// The contradiction.
        what: String,
    },
    /// Another sender has the message, or had it.
    #[error("message {id} is no longer this sender's")]
    LeaseLost {
        /// The number of the message.
        id: i64,
    },
}

impl AlertStoreError {
    /// Tells whether a message was settled too late.
    pub fn is_lease_lost(&self) -> bool {
        matches!(self, Self::LeaseLost { .. })
    }
}
