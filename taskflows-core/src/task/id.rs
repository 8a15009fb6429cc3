use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Which run: 128 bits, written as 32 lower-case hexadecimal digits.
///
/// The run of a service has the invocation id that systemd gave it, so its lines in the journal are found by
/// `_SYSTEMD_INVOCATION_ID`. Source: systemd.exec(5), `$INVOCATION_ID`.
///
/// ```
/// use taskflows_core::task::RunId;
///
/// let id: RunId = "0123456789abcdef0123456789abcdef".parse()?;
/// assert_eq!(id, RunId::from_bits(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(u128);

impl RunId {
    /// Takes 128 bits of chance.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// Returns the bits.
    pub const fn bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunId({self})")
    }
}

/// A text that is no run id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{}` is not the id of a run: that is 32 hexadecimal digits", .0.escape_debug())]
pub struct ParseRunIdError(String);

impl FromStr for RunId {
    type Err = ParseRunIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseRunIdError(text.chars().take(40).collect());
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| wrong())
    }
}
