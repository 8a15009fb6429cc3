//! Whoever guesses passwords has to wait: for each account, and for each address.
//!
//! The tries of all others do not keep somebody out who logged in from where they are before, or who is on this host: for
//! them the tries from their address count alone.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::KeptError;

/// So many tries are free.
pub const FREE_TRIES: u32 = 5;
/// The wait after the last free one, doubled for each that follows.
const FIRST_WAIT: i64 = 30;
/// The longest wait, in seconds.
const LONGEST_WAIT: i64 = 15 * 60;
/// Tries are forgotten so many seconds after the last.
pub const REMEMBERED: i64 = 60 * 60;
/// So many seconds an address is known from which somebody logged in: 30 days.
pub const KNOWN_FOR: i64 = 30 * 24 * 60 * 60;
/// So many names and addresses are kept in a table.
pub const MOST_TRIED: usize = 100_000;
/// So many go at once where the table is full.
pub const MAKE_ROOM: usize = MOST_TRIED / 16;

/// An account or an address, as 128 bits of its SHA-256: each takes the same room, however long the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TryKey([u8; 16]);

impl TryKey {
    /// That of an account, whether there is one of this name or not.
    #[must_use]
    pub fn account(name: &str) -> Self {
        Self::of("account", name.as_bytes())
    }

    /// That of an account at an address, from which it may have logged in before.
    #[must_use]
    pub fn login(name: &str, address: IpAddr) -> Self {
        let mut bytes = Self::address(address).0.to_vec();
        bytes.extend_from_slice(name.as_bytes());
        Self::of("login", &bytes)
    }

    /// That of an address; of IPv6 the first 64 bits, since the others are free to choose for who has them.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(four) => Self::of("address", &four.octets()),
            IpAddr::V6(six) => Self::of("address", &six.octets()[..8]),
        }
    }

    fn of(kind: &str, bytes: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(bytes).finalize();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Self(key)
    }

    /// Returns its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The tries that were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// How many, without one that went well.
    pub count: u32,
    /// When the last was, in seconds since 1970.
    pub last: i64,
}

impl Tries {
    /// Returns how long there is to wait before the next try; `None` where there is nothing to wait for.
    #[must_use]
    pub fn wait(self, now: Timestamp) -> Option<SignedDuration> {
        let tries = self.known(now);
        let over = tries.count.checked_sub(FREE_TRIES)?;
        let wait = FIRST_WAIT.saturating_mul(1 << over.min(20)).min(LONGEST_WAIT);
        let left = tries.last + wait - now.as_second();
        (left > 0).then(|| SignedDuration::from_secs(left))
    }

    /// Counts one more, before its outcome is known: of many at once no more get through than one after the other.
    #[must_use]
    pub fn tried(self, now: Timestamp) -> Self {
        Self { count: self.known(now).count.saturating_add(1), last: now.as_second() }
    }

    /// Takes one back that went well.
    #[must_use]
    pub fn taken_back(self) -> Self {
        Self { count: self.count.saturating_sub(1), ..self }
    }

    /// What is still remembered. A clock that was set back does not make anybody wait longer than a table says.
    fn known(self, now: Timestamp) -> Self {
        let since = now.as_second().saturating_sub(self.last);
        let last = self.last.min(now.as_second());
        if since >= REMEMBERED { Self::default() } else { Self { last, ..self } }
    }
}

/// A try that went well.
#[derive(Clone, Copy, Debug)]
pub struct WentWell {
    /// The account, where the try counted for it.
    pub account: Option<TryKey>,
    /// The address.
    pub address: TryKey,
    /// Both together.
    pub login: TryKey,
}

/// Keeps tries. Calls block for as long as the disk takes.
pub trait ThrottleStore: fmt::Debug + Send + Sync {
    /// Counts a try for each key, unless one of them has to wait: then none is counted, and the longest wait is returned.
    ///
    /// # Errors
    /// When they cannot be kept.
    fn attempt(&self, keys: &[TryKey], now: Timestamp) -> Result<Option<SignedDuration>, KeptError>;

    /// Keeps that a try went well. Where it counted for its account, the tries of that are forgotten. That of the address is
    /// taken back, but no other one, since who has an account could else guess those of others. The two of them are known
    /// from now on.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn succeeded(&self, done: &WentWell, now: Timestamp) -> Result<(), KeptError>;

    /// Tells whether a login ([`TryKey::login`]) went well in the last [`KNOWN_FOR`] seconds.
    ///
    /// # Errors
    /// When it cannot be read.
    fn is_known(&self, login: TryKey, now: Timestamp) -> Result<bool, KeptError>;
}

/// Tries in memory, of no more than [`MOST_TRIED`] names and addresses.
#[derive(Debug, Default)]
pub struct MemoryThrottle {
    tries: Mutex<HashMap<TryKey, Tries>>,
    /// When each login went well, in seconds since 1970.
    known: Mutex<HashMap<TryKey, i64>>,
}

impl MemoryThrottle {
    fn table(&self) -> MutexGuard<'_, HashMap<TryKey, Tries>> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<TryKey, i64>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many names and addresses are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table().len()
    }

    /// Tells whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns at least how many bytes the table takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        // One control byte for each bucket, and one bucket in eight stays empty. Source: hashbrown.
        let buckets = self.table().capacity() * 8 / 7;
        buckets * (size_of::<(TryKey, Tries)>() + 1)
    }
}

impl ThrottleStore for MemoryThrottle {
    fn attempt(&self, keys: &[TryKey], now: Timestamp) -> Result<Option<SignedDuration>, KeptError> {
        let mut table = self.table();
        let wait = keys.iter().filter_map(|key| table.get(key)?.wait(now)).max();
        if wait.is_some() {
            return Ok(wait);
        }
        for key in keys {
            if table.len() >= MOST_TRIED && !table.contains_key(key) {
                make_room(&mut table, now);
            }
            let tries = table.entry(*key).or_default();
            *tries = tries.tried(now);
        }
        Ok(None)
    }

    fn succeeded(&self, done: &WentWell, now: Timestamp) -> Result<(), KeptError> {
        let mut table = self.table();
        if let Some(account) = done.account {
            table.remove(&account);
        }
        if let Some(tries) = table.get_mut(&done.address) {
            *tries = tries.taken_back();
        }
        let mut known = self.known();
        known.retain(|_, last| now.as_second() - *last < KNOWN_FOR);
        known.insert(done.login, now.as_second());
        Ok(())
    }

    fn is_known(&self, login: TryKey, now: Timestamp) -> Result<bool, KeptError> {
        Ok(self.known().get(&login).is_some_and(|last| now.as_second() - *last < KNOWN_FOR))
    }
}

/// Forgets those that are long past; else those with the fewest tries, of them the oldest: whoever fills the table with names
/// makes nobody's wait shorter.
fn make_room(table: &mut HashMap<TryKey, Tries>, now: Timestamp) {
    table.retain(|_, tries| now.as_second() - tries.last < REMEMBERED);
    let excess = (table.len() + MAKE_ROOM).saturating_sub(MOST_TRIED);
    let mut all: Vec<(u32, i64, TryKey)> =
        table.iter().map(|(key, tries)| (tries.count, tries.last, *key)).collect();
    if excess > 0 && excess < all.len() {
        all.select_nth_unstable(excess);
    }
    for (_, _, key) in all.into_iter().take(excess) {
        table.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn names(range: std::ops::Range<usize>) -> impl Iterator<Item = TryKey> {
        range.map(|number| TryKey::account(&format!("user-{number}")))
    }

    #[test]
    fn five_tries_are_free_and_each_that_follows_waits_longer() {
        let mut tries = Tries::default();
        for _ in 0..FREE_TRIES {
            assert_eq!(tries.wait(at(0)), None);
            tries = tries.tried(at(0));
        }
        let mut now = 0;
        for expected in [30, 60, 120, 240, 480, 900, 900] {
            assert_eq!(tries.wait(at(now)), Some(SignedDuration::from_secs(expected)));
            assert_eq!(tries.wait(at(now + expected - 1)), Some(SignedDuration::from_secs(1)));
            now += expected;
            assert_eq!(tries.wait(at(now)), None);
            tries = tries.tried(at(now));
        }
        // Who waits an hour has five again.
        assert_eq!(tries.tried(at(now + REMEMBERED)).count, 1);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nobody_wait_longer() {
        let tries = Tries { count: FREE_TRIES, last: at(1_000_000).as_second() };
        assert_eq!(tries.wait(at(0)), Some(SignedDuration::from_secs(FIRST_WAIT)));
    }

    #[test]
    fn a_hundred_thousand_names_take_less_than_ten_mebibytes_and_free_nobody() {
        let throttle = MemoryThrottle::default();
        let victim = TryKey::account("ada");
        for _ in 0..FREE_TRIES {
            throttle.attempt(&[victim], at(0)).unwrap();
        }
        for key in names(0..3 * MOST_TRIED) {
            throttle.attempt(&[key], at(1)).unwrap();
        }
        println!("{} names, {} bytes", throttle.len(), throttle.bytes());
        assert!(throttle.len() <= MOST_TRIED);
        assert!(throttle.bytes() < 10 << 20);
        assert!(throttle.attempt(&[victim], at(2)).unwrap().is_some());
    }

    #[test]
    fn addresses_of_one_network_of_ipv6_are_one() {
        let key = |text: &str| TryKey::address(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8:0:1::1"), key("2001:db8:0:2::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
    }
}
