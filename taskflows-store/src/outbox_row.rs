//! A message of the queue as it stands in the file.

use rusqlite::Row;
use taskflows_alerts::outbox::{AlertStoreError, Entry, EntryKind, NewEntry};

use crate::incidents::Place;

/// The columns of a message, in the order in which [`Raw`] reads them.
pub(crate) const COLUMNS: &str =
    "id, channel, key, kind, target, message, queued_at, not_before, expires_at, attempts, error";

/// A row as it stands in the file.
pub(crate) struct Raw {
    id: i64,
    channel: String,
    key: String,
    kind: String,
    target: Option<String>,
    message: String,
    queued_at: i64,
    not_before: i64,
    expires_at: i64,
    attempts: u32,
    error: Option<String>,
}

impl Raw {
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            channel: row.get(1)?,
            key: row.get(2)?,
            kind: row.get(3)?,
            target: row.get(4)?,
            message: row.get(5)?,
            queued_at: row.get(6)?,
            not_before: row.get(7)?,
            expires_at: row.get(8)?,
            attempts: row.get(9)?,
            error: row.get(10)?,
        })
    }

    pub(crate) fn entry(self, place: Place<'_>) -> Result<Entry, AlertStoreError> {
        let kind = match (self.kind.as_str(), self.target) {
            ("send", None) => EntryKind::Send,
            ("amend", Some(of)) => EntryKind::Amend { of },
            ("reply", Some(to)) => EntryKind::Reply { to, fold: false },
            ("fold", Some(to)) => EntryKind::Reply { to, fold: true },
            (kind, _) => {
                return Err(place.damaged(format!("an alert is of the kind `{}`", kind.escape_debug())));
            }
        };
        Ok(Entry {
            id: self.id,
            new: NewEntry {
                channel: self.channel,
                key: self.key,
                kind,
                message: place.decode(&self.message)?,
                expires_at: place.moment(self.expires_at)?,
            },
            queued_at: place.moment(self.queued_at)?,
            not_before: place.moment(self.not_before)?,
            attempts: self.attempts,
            error: self.error,
        })
    }
}

pub(crate) fn written(kind: &EntryKind) -> (&'static str, Option<&str>) {
    let word = match kind {
        EntryKind::Send => "send",
        EntryKind::Amend { .. } => "amend",
        EntryKind::Reply { fold: false, .. } => "reply",
        EntryKind::Reply { fold: true, .. } => "fold",
    };
    (word, kind.target())
}

pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
