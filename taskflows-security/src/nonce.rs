//! Requests are carried out once: what is remembered of each.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// How many nonces are held unless told otherwise: 1,700 requests a second for ten minutes.
pub const MOST_NONCES: usize = 1 << 20;

/// When a nonce has to be safe from the end of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Before the answer: the request changes something.
    Now,
    /// Soon: the request only reads.
    Soon,
}

/// Why a nonce could not be remembered. The request is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NonceError {
    /// There are as many as may be held, and none has expired.
    #[error("as many signed requests are remembered as may be ({0})")]
    Full(usize),
    /// It could not be kept.
    #[error("could not keep the nonce")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Remembers which nonces were used.
#[async_trait]
pub trait NonceStore: fmt::Debug + Send + Sync {
    /// Takes a nonce until `expires`, at the time `now`, and tells whether it was free. Of many who claim the same at once
    /// one is told so. One that has expired is not free again when the clock is set
    /// back by up to a day.
    ///
    /// # Errors
    /// When it cannot be remembered; it then counts as used.
    async fn claim(
        &self,
        nonce: &str,
        expires: Timestamp,
        now: Timestamp,
        keep: Keep,
    ) -> Result<bool, NonceError>;
}

/// What is remembered of a nonce, whatever its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceDigest([u8; 16]);

impl NonceDigest {
    /// Returns that of a nonce: the first half of its SHA-256.
    #[must_use]
    pub fn of(nonce: &str) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&Sha256::digest(nonce)[..16]);
        Self(half)
    }

    /// Returns its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl Hash for NonceDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0[..8]);
    }
}

/// What is a digest already is not hashed once more.
#[derive(Default)]
struct Digested(u64);

impl Hasher for Digested {
    fn write(&mut self, bytes: &[u8]) {
        let mut word = [0; 8];
        let length = bytes.len().min(8);
        word[..length].copy_from_slice(&bytes[..length]);
        self.0 = u64::from_ne_bytes(word);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The parts of the table, each with a lock of its own: no claim waits for a great part of the others to be moved.
const SHARDS: usize = 64;

/// Nonces that expire within so many seconds of another are forgotten together.
const BUCKET_SECONDS: i64 = 16;

/// In seconds. A clock that was set back by more had been wrong, as that of a host whose battery is empty, and what it
/// forgot by then must not shut everybody out until it is that time again.
const LONGEST_SET_BACK: i64 = 86_400;

/// Tells whether a nonce counts as used because all that expire by the second `forgotten` may be forgotten: a clock can be
/// set back, and they could be used once more. By more than a day it is not looked at.
///
/// ```
/// # use taskflows_security::counts_as_used;
/// // An hour back, and fourteen years.
/// assert!(counts_as_used(1_000_300, 1_000_000, 1_003_600));
/// assert!(!counts_as_used(1_000_300, 1_000_000, 450_000_000));
/// ```
#[must_use]
pub fn counts_as_used(expires: i64, now: i64, forgotten: i64) -> bool {
    expires <= forgotten && forgotten.saturating_sub(now) <= LONGEST_SET_BACK
}

/// Returns until when all may be forgotten, once what expires by the second `last` is forgotten beside what was before. What
/// a clock forgot that was wrong is not looked at any more, and would hide what a right one forgets.
#[must_use]
pub fn forgotten_until(before: i64, last: i64, now: i64) -> i64 {
    if before.saturating_sub(now) > LONGEST_SET_BACK { last } else { before.max(last) }
}

/// Nonces in memory: the cost of a claim does not grow with how many there are.
pub struct MemoryNonceStore {
    shards: Vec<Mutex<Shard>>,
    held: AtomicUsize,
    most: usize,
}

#[derive(Default)]
struct Shard {
    used: HashSet<NonceDigest, BuildHasherDefault<Digested>>,
    /// By the bucket in which they expire.
    expiring: BTreeMap<i64, Vec<NonceDigest>>,
    /// All before this second are forgotten.
    forgotten: i64,
}

impl Shard {
    /// Forgets what has expired, and returns how many those were.
    fn forget(&mut self, second: i64) -> usize {
        let mut count = 0;
        while let Some(bucket) = self.expiring.first_entry() {
            let end = (bucket.key() + 1) * BUCKET_SECONDS;
            if end > second {
                break;
            }
            for digest in bucket.remove() {
                count += usize::from(self.used.remove(&digest));
            }
            self.forgotten = forgotten_until(self.forgotten, end, second);
        }
        // A burst of requests does not cost memory for ever.
        if self.used.capacity() > 1_024 && self.used.len() < self.used.capacity() / 8 {
            self.used.shrink_to_fit();
        }
        count
    }
}

impl Default for MemoryNonceStore {
    fn default() -> Self {
        Self::new(MOST_NONCES)
    }
}

impl fmt::Debug for MemoryNonceStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryNonceStore").field("held", &self.len()).finish_non_exhaustive()
    }
}

impl MemoryNonceStore {
    /// Holds at most so many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, held: AtomicUsize::new(0), most }
    }

    /// Returns how many are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Tells whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As [`NonceStore::claim`], at once.
    ///
    /// # Errors
    /// When as many are held as may be.
    pub fn take(&self, digest: NonceDigest, expires: Timestamp, now: Timestamp) -> Result<bool, NonceError> {
        let (expires, now) = (expires.as_second(), now.as_second());
        let shard = usize::from(digest.0[15]) % SHARDS;
        let mut shard = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let forgotten = shard.forget(now);
        self.held.fetch_sub(forgotten, Ordering::Relaxed);
        if expires <= now || counts_as_used(expires, now, shard.forgotten) || !shard.used.insert(digest) {
            return Ok(false);
        }
        if self.held.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.held.fetch_sub(1, Ordering::Relaxed);
            shard.used.remove(&digest);
            return Err(NonceError::Full(self.most));
        }
        shard.expiring.entry(expires.div_euclid(BUCKET_SECONDS)).or_default().push(digest);
        Ok(true)
    }

    /// Forgets in all parts what has expired.
    pub fn forget(&self, now: Timestamp) {
        for shard in &self.shards {
            let forgotten = shard.lock().unwrap_or_else(PoisonError::into_inner).forget(now.as_second());
            self.held.fetch_sub(forgotten, Ordering::Relaxed);
        }
    }
}

#[async_trait]
impl NonceStore for MemoryNonceStore {
    async fn claim(
        &self,
        nonce: &str,
        expires: Timestamp,
        now: Timestamp,
        _: Keep,
    ) -> Result<bool, NonceError> {
        let digest = NonceDigest::of(nonce);
        match self.take(digest, expires, now) {
            Err(NonceError::Full(_)) => {
                // Parts that nobody asked for a while may hold what has expired.
                self.forget(now);
                self.take(digest, expires, now)
            }
            taken => taken,
        }
    }
}
