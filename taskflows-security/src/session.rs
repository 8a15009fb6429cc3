//! Logins that can be ended: a token is worth something only as long as the session it comes from.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::KeptError;

/// So many sessions of a person are kept; one more ends the one that was renewed longest ago.
pub const MOST_SESSIONS: usize = 50;

/// So many seconds after a refresh token was used it may be used once more, for the same answer: pages of one browser share it
/// and may renew at once.
pub const REFRESH_GRACE: i64 = 10;

/// A login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id, which all of its tokens carry.
    pub family: String,
    /// Who logged in.
    pub user: String,
    /// The id of its newest refresh token, the one that may be used.
    pub refresh: String,
    /// When that ends.
    pub expires: Timestamp,
}

/// What became of a refresh token that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The next one is in its place, by this use or by one a moment ago.
    Rotated,
    /// It was used before: somebody has a copy, so the session is ended.
    Reused,
    /// The session is over.
    Over,
}

/// Returns what is kept of the id of a refresh token, so that who reads what is kept learns no id.
#[must_use]
pub fn refresh_digest(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}

/// Tells whether a session was renewed so short a time ago: each renewal moves its end by as much as time went by.
#[must_use]
pub fn is_moment(seconds: i64) -> bool {
    seconds.abs() < REFRESH_GRACE
}

/// Keeps sessions. Calls block for as long as the disk takes.
pub trait SessionStore: fmt::Debug + Send + Sync {
    /// Begins a session, and forgets those that are over.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn open(&self, session: &Session, now: Timestamp) -> Result<(), KeptError>;

    /// Puts the refresh token of `next` in the place of `used`, which must be the newest of the session `next.family` of
    /// `next.user`. Where `next` is in its place already, it stays there for who comes within [`REFRESH_GRACE`]: the id of
    /// the next follows from that of the one before ([`crate::TokenKey::next_id`]), and so all who use it at once get the same.
    /// Any other use of an older token ends the session for all.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn rotate(&self, used: &str, next: &Session, now: Timestamp) -> Result<Rotation, KeptError>;

    /// Ends a session. That there is none is no error.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn revoke(&self, family: &str) -> Result<(), KeptError>;

    /// Ends the sessions of somebody, and returns how many there were.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn revoke_user(&self, user: &str) -> Result<usize, KeptError>;

    /// Tells whether a session of `user` lives.
    ///
    /// # Errors
    /// When it cannot be read.
    fn is_live(&self, family: &str, user: &str, now: Timestamp) -> Result<bool, KeptError>;
}

/// Sessions in memory.
#[derive(Debug, Default)]
pub struct MemorySessions(Mutex<HashMap<String, Session>>);

impl MemorySessions {
    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionStore for MemorySessions {
    fn open(&self, session: &Session, now: Timestamp) -> Result<(), KeptError> {
        let mut sessions = self.sessions();
        sessions.retain(|_, one| one.expires > now);
        let mut own: Vec<(Timestamp, String)> = sessions
            .values()
            .filter(|one| one.user == session.user)
            .map(|one| (one.expires, one.family.clone()))
            .collect();
        own.sort();
        for (_, family) in own.iter().rev().skip(MOST_SESSIONS - 1) {
            sessions.remove(family);
        }
        sessions.insert(session.family.clone(), session.clone());
        Ok(())
    }

    fn rotate(&self, used: &str, next: &Session, now: Timestamp) -> Result<Rotation, KeptError> {
        let mut sessions = self.sessions();
        let Some(kept) = sessions.get_mut(&next.family) else { return Ok(Rotation::Over) };
        if kept.user != next.user || kept.expires <= now {
            return Ok(Rotation::Over);
        }
        let since = kept.expires.duration_until(next.expires);
        if kept.refresh == used {
            *kept = next.clone();
        } else if kept.refresh != next.refresh || !is_moment(since.as_secs()) {
            sessions.remove(&next.family);
            return Ok(Rotation::Reused);
        }
        Ok(Rotation::Rotated)
    }

    fn revoke(&self, family: &str) -> Result<(), KeptError> {
        self.sessions().remove(family);
        Ok(())
    }

    fn revoke_user(&self, user: &str) -> Result<usize, KeptError> {
        let mut sessions = self.sessions();
        let before = sessions.len();
        sessions.retain(|_, one| one.user != user);
        Ok(before - sessions.len())
    }

    fn is_live(&self, family: &str, user: &str, now: Timestamp) -> Result<bool, KeptError> {
        Ok(self.sessions().get(family).is_some_and(|one| one.user == user && one.expires > now))
    }
}
