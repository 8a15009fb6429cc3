use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::name::Quoted;

/// Units in microseconds, as systemd.time(7) names them; `M` is a month, `m` a minute.
const UNITS: [(&str, u64); 30] = [
    ("seconds", SECOND),
    ("second", SECOND),
    ("sec", SECOND),
    ("s", SECOND),
    ("minutes", MINUTE),
    ("minute", MINUTE),
    ("min", MINUTE),
    ("months", MONTH),
    ("month", MONTH),
    ("M", MONTH),
    ("msec", 1_000),
    ("ms", 1_000),
    ("m", MINUTE),
    ("hours", HOUR),
    ("hour", HOUR),
    ("hr", HOUR),
    ("h", HOUR),
    ("days", DAY),
    ("day", DAY),
    ("d", DAY),
    ("weeks", WEEK),
    ("week", WEEK),
    ("w", WEEK),
    ("years", YEAR),
    ("year", YEAR),
    ("y", YEAR),
    ("usec", 1),
    ("us", 1),
    ("µs", 1),
    ("μs", 1),
];

const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;
/// 30.44 days, as systemd counts them.
const MONTH: u64 = 2_629_800 * SECOND;
/// 365.25 days.
const YEAR: u64 = 31_557_600 * SECOND;

/// A finite length of time in microseconds, as systemd.time(7) writes it: `5min 2s`, `1.5h`, `90`.
///
/// A number without a unit is seconds. The longest is 584 thousand years, the same as systemd's.
///
/// ```
/// use std::time::Duration;
/// use taskflows_core::TimeSpan;
///
/// let span: TimeSpan = "1h 30min".parse()?;
/// assert_eq!(span.duration(), Duration::from_secs(5400));
/// assert_eq!(TimeSpan::from(Duration::from_millis(2500)).to_string(), "2s 500ms");
/// # Ok::<(), taskflows_core::ParseTimeSpanError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeSpan(u64);

impl TimeSpan {
    /// The longest; one microsecond more is what systemd calls infinity.
    const MAX: u64 = u64::MAX - 1;

    /// Wraps a number of microseconds; past the longest span it is the longest.
    pub const fn from_micros(micros: u64) -> Self {
        Self(if micros > Self::MAX { Self::MAX } else { micros })
    }

    /// Wraps a number of whole seconds; past the longest span it is the longest.
    pub const fn from_secs(secs: u64) -> Self {
        Self::from_micros(secs.saturating_mul(SECOND))
    }

    /// Returns the length in microseconds.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Returns the length as a [`Duration`].
    pub const fn duration(self) -> Duration {
        Duration::from_micros(self.0)
    }

    /// Tells whether the length is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl From<Duration> for TimeSpan {
    /// Rounds down to microseconds; past the longest span it is the longest.
    fn from(duration: Duration) -> Self {
        Self::from_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for TimeSpan {
    /// Writes weeks and shorter units, which have one meaning each: `1w 2d`, `5min`, `0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: [(&str, u64); 7] =
            [("w", WEEK), ("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND), ("ms", 1_000), ("us", 1)];
        if self.0 == 0 {
            return f.write_str("0");
        }
        let (mut rest, mut gap) = (self.0, "");
        for (unit, micros) in SHOWN {
            // systemd refuses as many of a unit as just fit.
            let count = (rest / micros).min(u64::MAX / micros - 1);
            if count > 0 {
                write!(f, "{gap}{count}{unit}")?;
                (rest, gap) = (rest - count * micros, " ");
            }
        }
        Ok(())
    }
}

impl FromStr for TimeSpan {
    type Err = ParseTimeSpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        let begin = text.len() - text.trim_start().len();
        total(trimmed).map_err(|(rest, reason)| {
            let offset = begin + trimmed.len() - rest.len();
            ParseTimeSpanError { text: text.to_owned(), offset, reason }
        })
    }
}

/// What is left of the text where reading stopped, and why.
type Stop<'a> = (&'a str, &'static str);

fn total(text: &str) -> Result<TimeSpan, Stop<'_>> {
    if text.is_empty() {
        return Err((text, "it is empty"));
    }
    let (mut rest, mut total) = (text, 0u64);
    while !rest.is_empty() {
        let (micros, tail) = component(rest)?;
        // systemd's greatest number means infinity.
        let sum = total.checked_add(micros).filter(|&sum| sum <= TimeSpan::MAX);
        total = sum.ok_or((rest, "it is too long"))?;
        rest = tail.trim_start();
    }
    Ok(TimeSpan(total))
}

/// Reads one `NUMBER[.FRACTION][ ]UNIT` and returns its microseconds and what follows.
fn component(text: &str) -> Result<(u64, &str), Stop<'_>> {
    let text = match text.strip_prefix('+') {
        Some(unsigned) if unsigned.starts_with(|c: char| c.is_ascii_digit()) => unsigned,
        _ => text,
    };
    let whole_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = text.split_at(whole_end);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => after.split_at(after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len())),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() || fraction.is_empty() && text[whole_end..].starts_with('.') {
        return Err((text, "expected a number and a unit such as 5min"));
    }
    if !fraction.is_empty() && rest.starts_with('.') {
        return Err((rest, "a second point follows the fraction"));
    }
    // systemd counts in a signed number.
    let whole: i64 =
        if whole.is_empty() { 0 } else { whole.parse().map_err(|_| (text, "it is too long"))? };
    let whole = whole.unsigned_abs();
    if rest.starts_with('+') {
        return Err((rest, "a sign follows a number without a unit"));
    }
    let rest = rest.trim_start();
    let unit_end = rest
        .find(|c: char| c.is_ascii_digit() || c.is_whitespace() || c == '.' || c == '+')
        .unwrap_or(rest.len());
    let (unit, tail) = rest.split_at(unit_end);
    let factor = unit_micros(unit).ok_or((rest, "its unit is none of us ms s min h d w month y"))?;
    if whole >= u64::MAX / factor {
        return Err((text, "it is too long"));
    }
    let micros = (whole * factor).checked_add(fraction_micros(fraction, factor));
    Ok((micros.ok_or((text, "it is too long"))?, tail))
}

fn unit_micros(unit: &str) -> Option<u64> {
    if unit.is_empty() {
        return Some(SECOND);
    }
    UNITS.iter().find(|(name, _)| *name == unit).map(|&(_, micros)| micros)
}

/// Adds digit by digit and drops what is below a microsecond, as systemd does.
fn fraction_micros(digits: &str, factor: u64) -> u64 {
    let mut part = factor / 10;
    let mut sum = 0;
    for digit in digits.bytes() {
        sum += u64::from(digit - b'0') * part;
        part /= 10;
    }
    sum
}

/// Why a text is not a length of time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} is not a length of time: {reason}", Quoted(text))]
pub struct ParseTimeSpanError {
    text: String,
    offset: usize,
    reason: &'static str,
}

impl ParseTimeSpanError {
    /// Returns the byte of the text at which reading stopped.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Returns what is wrong, without the text.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, micros: Option<u64>) {
        assert_eq!(text.parse::<TimeSpan>().ok().map(TimeSpan::micros), micros, "{text:?}");
    }

    #[test]
    fn numbers_units_and_sums_are_read() {
        check("90", Some(90 * SECOND));
        check("5min", Some(5 * MINUTE));
        check("5 min 2s", Some(5 * MINUTE + 2 * SECOND));
        check("1h30min", Some(90 * MINUTE));
        check("1.5h", Some(90 * MINUTE));
        check(".5s", Some(500_000));
        check("250 ms 3us", Some(250_003));
        check("1M", Some(MONTH));
        check("1 week", Some(WEEK));
        check("0", Some(0));
    }

    #[test]
    fn what_is_not_a_span_is_refused() {
        for text in ["", " ", "min", "5 parsecs", "-1s", "1..5s", "infinity", "5min x", "99999999999999y"] {
            check(text, None);
        }
    }

    #[test]
    fn what_is_wrong_is_told_where_it_stands() {
        for (text, offset) in [
            ("", 0),
            ("  ", 2),
            (" 5min x", 6),
            ("5 parsecs", 2),
            ("1.5.5s", 3),
            ("1h 99999999999999y", 3),
            ("5µs -1", 5),
            ("5+", 1),
        ] {
            assert_eq!(text.parse::<TimeSpan>().unwrap_err().offset(), offset, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_span_reads_back_as_it_is_written(micros in prop_oneof![any::<u64>(), u64::MAX - 3 * WEEK..=u64::MAX]) {
            let span = TimeSpan::from_micros(micros);
            prop_assert_eq!(span.to_string().parse::<TimeSpan>().unwrap(), span);
        }

        #[test]
        fn no_text_panics(text in ".*|[0-9a-zµ.+ ]*") {
            if let Err(error) = text.parse::<TimeSpan>() {
                prop_assert!(text.is_char_boundary(error.offset()), "{}", error.offset());
            }
            let _ = text.parse::<crate::ByteSize>();
        }
    }
}
