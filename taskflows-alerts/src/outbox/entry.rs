use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Message, Receipt};

/// What a message in the queue does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// It is new.
    Send,
    /// It takes the place of the message of this key. While that one waits it is changed in the queue; where it was
    /// not delivered or cannot be changed, nothing is sent.
    Amend {
        /// The key of the message it replaces.
        of: String,
    },
    /// It stands below the message of this key, alone where that one was not delivered.
    Reply {
        /// The key of the message it belongs to.
        to: String,
        /// Nothing is sent while that message waits itself, which by then says as much.
        fold: bool,
    },
}

impl EntryKind {
    /// Returns the key of the message that it is about.
    pub fn target(&self) -> Option<&str> {
        match self {
            Self::Send => None,
            Self::Amend { of } => Some(of),
            Self::Reply { to, .. } => Some(to),
        }
    }
}

/// A message for the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEntry {
    /// The id of the channel.
    pub channel: String,
    /// The same for each attempt to queue or to send this, and for no other message of the channel.
    pub key: String,
    /// What it does.
    pub kind: EntryKind,
    /// What is told.
    pub message: Message,
    /// When it is too old to be worth telling.
    pub expires_at: Timestamp,
}

impl NewEntry {
    /// How long a message is worth telling, unless it says otherwise.
    pub const LIFE: SignedDuration = SignedDuration::from_hours(72);

    /// Returns a new message that is worth telling for [`NewEntry::LIFE`].
    pub fn send(channel: &str, key: &str, message: Message, now: Timestamp) -> Self {
        let expires_at = now.checked_add(Self::LIFE).unwrap_or(Timestamp::MAX);
        Self { channel: channel.to_owned(), key: key.to_owned(), kind: EntryKind::Send, message, expires_at }
    }
}

/// A message in the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number; those of a channel are sent in this order.
    pub id: i64,
    /// What was queued.
    pub new: NewEntry,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// No attempt is made before.
    pub not_before: Timestamp,
    /// How many attempts were made, one that is under way included.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// What became of a message that was to be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It waits.
    Queued,
    /// A message of its key was queued before.
    Known,
    /// One that waits says it.
    Folded,
    /// The queue is full: it is dropped, and counted.
    Dropped,
}

/// The right to send one message, for a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The message.
    pub entry: Entry,
    /// What the place said of the message that this one is about, where that was delivered.
    pub receipt: Option<Receipt>,
}

/// What there is to send in a channel.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one is looked at and gone; a box would only make it longer to read"
)]
pub enum Next {
    /// This, now.
    Send(Claim),
    /// The first one, but not before this moment: it is to be tried again, or another sender has it.
    Wait(Timestamp),
    /// Nothing.
    Nothing,
}

/// How an attempt to send ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Settlement {
    /// It arrived.
    Sent(Receipt),
    /// There was nothing to send: the place cannot change a message, or never had it.
    Skipped,
    /// It is to be tried again.
    Retry {
        /// No earlier than this.
        at: Timestamp,
        /// Why it failed.
        error: String,
    },
    /// No attempt will work. It is kept as undelivered.
    GiveUp {
        /// Why.
        error: String,
    },
}

/// How a channel does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelStatus {
    /// Its id.
    pub channel: String,
    /// How many messages wait.
    pub queued: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// Since when the first of them waits.
    pub oldest: Option<Timestamp>,
    /// When the first of them may be sent.
    pub next_attempt: Option<Timestamp>,
    /// How many were dropped since ever, because they were too old or too many.
    pub dropped: u64,
    /// How many were given up since ever.
    pub undelivered: u64,
    /// How many of both nobody was told of.
    pub unreported: u64,
    /// When the fallback was last told.
    pub reported_at: Option<Timestamp>,
    /// When one last arrived.
    pub last_success: Option<Timestamp>,
    /// Why the last attempt failed, and nothing once another worked.
    pub last_error: Option<String>,
}

/// How much a queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages of all channels.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Messages of one channel.
    pub per_channel: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 10_000, bytes: 64 << 20, per_channel: 1_000 }
    }
}

/// Returns the last moment that a message may be told to wait for: a place asks for an hour at most.
pub fn longest_wait(now: Timestamp) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(2)).unwrap_or(Timestamp::MAX)
}
