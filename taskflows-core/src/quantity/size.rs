use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::name::Quoted;

const UNITS: [(&str, u64); 6] =
    [("", 1), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40), ("P", 1 << 50)];

/// A number of bytes.
///
/// Read from a whole or decimal number with at most one of `B K M G T P`, also as `KB` or `KiB`, in any
/// case; all are powers of 1024. Source: systemd.resource-control(5), `MemoryMax=`.
///
/// ```
/// use taskflows_core::ByteSize;
///
/// assert_eq!("1.5KB".parse::<ByteSize>()?.bytes(), 1536);
/// assert_eq!(ByteSize::new(2 << 30).to_string(), "2G");
/// # Ok::<(), taskflows_core::ParseByteSizeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// Wraps a number of bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Returns the number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteSize {
    /// Writes the largest unit that leaves a whole number: `2G`, `1536`, `0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |&&(_, factor): &&(&str, u64)| self.0 >= factor && self.0.is_multiple_of(factor);
        let (unit, factor) = UNITS.iter().rev().find(fits).unwrap_or(&("", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl FromStr for ByteSize {
    type Err = ParseByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |reason| ParseByteSizeError { text: text.to_owned(), reason };
        let trimmed = text.trim();
        let digits_end = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (digits, unit) = trimmed.split_at(digits_end);
        let factor = factor(unit.trim_start())
            .ok_or_else(|| error("expected a number and one of B, K, M, G, T, P (or KB, KiB, …)"))?;
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error("expected a number such as 1.5G"));
        }
        let whole: u64 = whole.parse().map_err(|_| error("expected a number such as 512M"))?;
        let bytes = whole.checked_mul(factor).ok_or_else(|| error("it does not fit 64 bits"))?;
        bytes
            .checked_add(fraction_of(fraction, factor))
            .map(Self)
            .ok_or_else(|| error("it does not fit 64 bits"))
    }
}

fn factor(unit: &str) -> Option<u64> {
    let upper = unit.to_ascii_uppercase();
    let letter = upper.strip_suffix("IB").or_else(|| upper.strip_suffix('B')).unwrap_or(&upper);
    UNITS.iter().find(|(name, _)| *name == letter).map(|&(_, factor)| factor)
}

/// Returns the part of `factor` that decimal `digits` say, rounded down to a whole byte.
fn fraction_of(digits: &str, factor: u64) -> u64 {
    let kept = &digits[..digits.len().min(15)];
    let scale = 10u128.pow(kept.len() as u32);
    let part = kept.parse::<u128>().unwrap_or(0) * u128::from(factor) / scale;
    u64::try_from(part).unwrap_or(factor)
}

/// Why a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} is not a size: {reason}", Quoted(text))]
pub struct ParseByteSizeError {
    text: String,
    reason: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, bytes: Option<u64>) {
        assert_eq!(text.parse::<ByteSize>().ok().map(ByteSize::bytes), bytes, "{text:?}");
    }

    #[test]
    fn suffixes_are_powers_of_1024_in_any_case() {
        check("5", Some(5));
        check("5b", Some(5));
        check("2K", Some(2048));
        check("2 kb", Some(2048));
        check("2KiB", Some(2048));
        check("1.5G", Some(3 << 29));
        check("0.1", Some(0));
        check("16P", Some(1 << 54));
    }

    #[test]
    fn what_is_not_a_size_is_refused() {
        for text in ["", "K", "-1", "1.5.5K", "1X", "99999999P", "1 K B", "ten"] {
            check(text, None);
        }
    }

    #[test]
    fn a_size_reads_back_as_it_is_written() {
        for bytes in [0, 1, 1023, 1024, 1536, 1 << 20, u64::MAX] {
            check(&ByteSize::new(bytes).to_string(), Some(bytes));
        }
    }
}
