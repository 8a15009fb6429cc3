use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::TimeSpan;
use crate::name::Quoted;

/// The waits between attempts: the first, by how much each grows, and what none exceeds.
///
/// As text it is one span for waits that stay the same, or two for waits that double from the first up to the
/// second, give or take a tenth. A factor and a jitter may follow: `10s..5min x3 ~20%`.
///
/// ```
/// use std::time::Duration;
/// use taskflows_core::task::Backoff;
///
/// let same: Backoff = "10s".parse()?;
/// assert_eq!(same.wait(7, 0), Duration::from_secs(10));
/// let doubled: Backoff = "10s..5min ~0%".parse()?;
/// let waits: Vec<u64> = (1..=6).map(|retry| doubled.wait(retry, 0).as_secs()).collect();
/// assert_eq!(waits, [10, 20, 40, 80, 160, 300]);
/// # Ok::<(), taskflows_core::task::ParseBackoffError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait before the second attempt.
    pub initial: Duration,
    /// What each wait is multiplied by for the next: 1 keeps it constant.
    pub factor: u32,
    /// No wait is longer.
    pub max: Duration,
    /// By how many percent of itself a wait is made shorter or longer by chance, at most.
    pub jitter_percent: u8,
}

/// What each wait is multiplied by where a text names two spans and no factor.
const FACTOR: u32 = 2;
/// The jitter where a text names two spans and no jitter.
const JITTER_PERCENT: u8 = 10;

impl Default for Backoff {
    /// A second, doubled up to five minutes, give or take a tenth.
    fn default() -> Self {
        let (initial, max) = (Duration::from_secs(1), Duration::from_secs(300));
        Self { initial, factor: FACTOR, max, jitter_percent: JITTER_PERCENT }
    }
}

impl Backoff {
    /// Waits that are all the same.
    pub const fn constant(wait: Duration) -> Self {
        Self { initial: wait, factor: 1, max: wait, jitter_percent: 0 }
    }

    /// Returns the wait before retry `retry`, the first being 1. `chance` is any number of a generator: 0 makes the
    /// wait as short as the jitter allows, the greatest as long.
    pub fn wait(&self, retry: u32, chance: u64) -> Duration {
        let wait = self.grown(retry);
        let jitter = u128::from(self.jitter_percent.min(100));
        if jitter == 0 {
            return wait;
        }
        // Up to 2^64 s of nanoseconds by 100 by 2 stay far below 2^128; the chance has its upper 32 bits' share.
        let spread = wait.as_nanos() * jitter / 100;
        let part = 2 * spread * u128::from(chance >> 32) / u128::from(u32::MAX);
        nanos(wait.as_nanos() - spread + part).min(self.max)
    }

    /// The wait before chance has its say.
    fn grown(&self, retry: u32) -> Duration {
        let factor = u128::from(self.factor);
        let times = factor.saturating_pow(retry.saturating_sub(1));
        nanos(self.initial.as_nanos().saturating_mul(times)).min(self.max)
    }

    /// Tells why these waits are none, if so.
    ///
    /// # Errors
    /// When the first wait is longer than the longest, the factor is 0, waits that are to grow begin with none, or
    /// the jitter is more than the whole.
    pub fn check(&self) -> Result<(), BackoffError> {
        if self.initial > self.max {
            return Err(BackoffError::InitialBeyondMax { initial: self.initial, max: self.max });
        }
        if self.factor == 0 {
            return Err(BackoffError::ZeroFactor);
        }
        if self.initial.is_zero() && !self.max.is_zero() {
            return Err(BackoffError::NothingToGrow);
        }
        if self.jitter_percent > 100 {
            return Err(BackoffError::Jitter { percent: self.jitter_percent });
        }
        Ok(())
    }
}

/// The nanoseconds as a duration; the longest there is where they are too many.
fn nanos(count: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    // The rest of a division by a thousand million is below it.
    u64::try_from(count / SECOND).map_or(Duration::MAX, |secs| Duration::new(secs, (count % SECOND) as u32))
}

/// Why some waits between attempts are none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BackoffError {
    /// The first is longer than the longest.
    #[error("the first wait, {}, is longer than the longest, {}", TimeSpan::from(*initial), TimeSpan::from(*max))]
    InitialBeyondMax {
        /// The first.
        initial: Duration,
        /// The longest.
        max: Duration,
    },
    /// Every wait but the first would be none.
    #[error("a factor of 0 leaves no wait after the first: 1 keeps them the same, 2 doubles them")]
    ZeroFactor,
    /// The first is none, and multiplied it stays none.
    #[error("waits that begin with none never grow")]
    NothingToGrow,
    /// Less than no wait.
    #[error("a jitter of {percent}% is more than the wait itself")]
    Jitter {
        /// The jitter.
        percent: u8,
    },
}

impl fmt::Display for Backoff {
    /// Writes the text that reads back as the same waits, to the microsecond: `10s`, `10s..5min`,
    /// `10s..5min x3 ~20%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stays = self.factor == 1 && self.initial == self.max;
        write!(f, "{}", TimeSpan::from(self.initial))?;
        if !stays {
            write!(f, "..{}", TimeSpan::from(self.max))?;
            if self.factor != FACTOR {
                write!(f, " x{}", self.factor)?;
            }
        }
        if self.jitter_percent != if stays { 0 } else { JITTER_PERCENT } {
            write!(f, " ~{}%", self.jitter_percent)?;
        }
        Ok(())
    }
}

/// Why a text names no waits between attempts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} is no backoff such as 10s or 10s..5min: {reason}", Quoted(text))]
pub struct ParseBackoffError {
    text: String,
    reason: String,
}

impl ParseBackoffError {
    /// Returns what is wrong, without the text.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl FromStr for Backoff {
    type Err = ParseBackoffError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text).map_err(|reason| ParseBackoffError { text: text.to_owned(), reason })
    }
}

fn read(text: &str) -> Result<Backoff, String> {
    let (rest, jitter) = match text.split_once('~') {
        Some((rest, jitter)) => (rest, Some(percent(jitter)?)),
        None => (text, None),
    };
    let (spans, factor) = match rest.split_once('x') {
        Some((spans, factor)) => (spans, Some(whole(factor)?)),
        None => (rest, None),
    };
    let backoff = match spans.split_once("..") {
        Some((initial, max)) => Backoff {
            initial: span(initial)?,
            factor: factor.unwrap_or(FACTOR),
            max: span(max)?,
            jitter_percent: jitter.unwrap_or(JITTER_PERCENT),
        },
        None if factor.is_some() => return Err("waits that grow need a longest one, as in 10s..5min".into()),
        None => Backoff { jitter_percent: jitter.unwrap_or(0), ..Backoff::constant(span(spans)?) },
    };
    backoff.check().map_err(|error| error.to_string())?;
    Ok(backoff)
}

fn span(text: &str) -> Result<Duration, String> {
    text.parse::<TimeSpan>().map(TimeSpan::duration).map_err(|error| error.reason().to_owned())
}

fn whole(text: &str) -> Result<u32, String> {
    text.trim().parse().map_err(|_| format!("its factor {} is no whole number", Quoted(text.trim())))
}

fn percent(text: &str) -> Result<u8, String> {
    let digits = text.trim().strip_suffix('%');
    let percent = digits.and_then(|digits| digits.trim_end().parse().ok());
    percent.ok_or_else(|| format!("its jitter {} is no percentage such as 10%", Quoted(text.trim())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, initial: u64, factor: u32, max: u64, jitter_percent: u8) {
        let (initial, max) = (Duration::from_secs(initial), Duration::from_secs(max));
        let wanted = Backoff { initial, factor, max, jitter_percent };
        assert_eq!(text.parse::<Backoff>().as_ref(), Ok(&wanted), "{text}");
    }

    #[track_caller]
    fn refused(text: &str, reason: &str) {
        let error = text.parse::<Backoff>().unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }

    #[test]
    fn one_span_stays_and_two_are_doubled() {
        check("10s", 10, 1, 10, 0);
        check("90", 90, 1, 90, 0);
        check("0", 0, 1, 0, 0);
        check("10s..5min", 10, 2, 300, 10);
        check(" 1min 30s .. 1h ", 90, 2, 3600, 10);
        check("10s..5min x3", 10, 3, 300, 10);
        check("10s..5min x3 ~20%", 10, 3, 300, 20);
        check("10s ~5%", 10, 1, 10, 5);
        check("10s..5min~0%", 10, 2, 300, 0);
    }

    #[test]
    fn what_names_no_waits_is_refused_with_the_reason() {
        refused("", "empty");
        refused("soon", "expected a number");
        refused("10s..", "empty");
        refused("5min..10s", "longer than the longest");
        refused("0..5min", "never grow");
        refused("10s..5min x0", "factor of 0");
        refused("10s..5min xy", "no whole number");
        refused("10s x2", "need a longest one");
        refused("10s ~200%", "more than the wait");
        refused("10s ~10", "no percentage");
        refused("10s ~300%", "no percentage");
    }

    #[test]
    fn chance_moves_a_wait_by_its_jitter_and_not_past_the_longest() {
        let waits: Backoff = "100s..200s ~20%".parse().unwrap();
        let secs = |retry, chance| waits.wait(retry, chance).as_secs();
        assert_eq!([secs(1, 0), secs(1, u64::MAX)], [80, 120]);
        assert_eq!([secs(2, 0), secs(2, u64::MAX), secs(9, u64::MAX)], [160, 200, 200]);
    }

    fn any_backoff() -> impl Strategy<Value = Backoff> {
        let micros = prop_oneof![1..10_000_000u64, any::<u64>().prop_map(|n| n.max(1))];
        (micros.clone(), micros, prop_oneof![1..5u32, 1..=u32::MAX], 0..=100u8).prop_map(
            |(a, b, factor, jitter)| {
                let span = |micros| TimeSpan::from_micros(micros).duration();
                Backoff { initial: span(a.min(b)), factor, max: span(a.max(b)), jitter_percent: jitter }
            },
        )
    }

    proptest! {
        #[test]
        fn a_backoff_reads_back_as_it_is_written(backoff in any_backoff()) {
            prop_assert_eq!(backoff.to_string().parse(), Ok(backoff));
        }

        #[test]
        fn no_text_panics(text in ".*|[0-9a-z.~%x ]*") {
            let _ = text.parse::<Backoff>();
        }

        #[test]
        fn waits_grow_up_to_the_longest(backoff in any_backoff(), retry in 1..100u32, chance: u64) {
            let steady = Backoff { jitter_percent: 0, ..backoff };
            prop_assert!(steady.wait(retry, chance) <= steady.wait(retry + 1, chance));
            prop_assert!(backoff.wait(retry, chance) <= backoff.max);
            prop_assert!(backoff.wait(retry, 0) <= backoff.wait(retry, u64::MAX));
        }

        #[test]
        fn no_wait_is_none_by_default(retry: u32, chance: u64) {
            prop_assert!(Backoff::default().wait(retry, chance) >= Duration::from_millis(900));
        }
    }
}
