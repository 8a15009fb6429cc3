use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use taskflows_core::effects::{LogEntry, LogOrigin};
use thiserror::Error;

/// Where in a log somebody was: after the entry of a time whose text has this hash, counted among those of the same time
/// and text.
///
/// Several entries may have one time, so that the time alone is no position. An entry has no number that every log knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    time: Timestamp,
    /// Which of those of this time and hash, from 1; 0 for before all of this time.
    count: u32,
    hash: u64,
}

impl Position {
    /// Before all entries of a time.
    pub(super) fn before(time: Timestamp) -> Self {
        Self { time, count: 0, hash: 0 }
    }

    pub(super) fn time(&self) -> Timestamp {
        self.time
    }
}

/// Numbers the entries of a time, each among those that are the same.
#[derive(Debug, Default)]
pub(super) struct Counter {
    time: Timestamp,
    seen: HashMap<u64, u32>,
}

/// So many different entries of one time are told apart; the next ones are each taken for the first of their kind.
const MOST_AT_ONCE: usize = 10_000;

impl Counter {
    /// Returns the position after `entry`, which is the next one.
    pub(super) fn after(&mut self, entry: &LogEntry) -> Position {
        if entry.time != self.time {
            self.time = entry.time;
            self.seen.clear();
        }
        let hash = hash(entry);
        let is_full = self.seen.len() >= MOST_AT_ONCE;
        let count = match self.seen.get_mut(&hash) {
            Some(count) => {
                *count = count.saturating_add(1);
                *count
            }
            None if is_full => 1,
            None => *self.seen.entry(hash).or_insert(1),
        };
        Position { time: entry.time, count, hash }
    }
}

/// Source: FNV-1a, 64 bits. It tells entries of one time apart and guards nothing.
fn hash(entry: &LogEntry) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    add(entry.service.as_str().as_bytes());
    add(&[u8::from(entry.origin == LogOrigin::Manager), entry.priority]);
    add(&entry.run.map_or([0; 16], |run| run.bits().to_be_bytes()));
    add(&entry.attempt.unwrap_or_default().to_be_bytes());
    add(entry.message.as_bytes());
    hash
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{:016x}", self.time, self.count, self.hash)
    }
}

/// A text that is no position.
#[derive(Debug, Error)]
#[error("it is none that was sent")]
pub(super) struct ParsePositionError;

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('_');
        let (Some(time), Some(count), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ParsePositionError);
        };
        Ok(Self {
            time: time.parse().map_err(|_| ParsePositionError)?,
            count: count.parse().map_err(|_| ParsePositionError)?,
            hash: u64::from_str_radix(hash, 16).map_err(|_| ParsePositionError)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written() {
        let time = Timestamp::from_microsecond(1_700_000_000_123_456).unwrap();
        let position = Position { time, count: 3, hash: 0xab };
        assert_eq!(position.to_string(), "2023-11-14T22:13:20.123456Z_3_00000000000000ab");
        assert_eq!(position.to_string().parse::<Position>().unwrap(), position);
        for wrong in
            ["", "x", "2023-11-14T22:13:20Z", "2023-11-14T22:13:20Z_1", "2023-11-14T22:13:20Z_1_1_1", "_1_1"]
        {
            assert!(wrong.parse::<Position>().is_err(), "{wrong}");
        }
    }
}
