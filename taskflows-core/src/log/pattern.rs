use std::fmt;
use std::str::FromStr;

use regex_lite::Regex;
use thiserror::Error;

/// A regular expression that is looked for in messages.
///
/// ```
/// use taskflows_core::log::LogPattern;
///
/// let pattern: LogPattern = "copied [0-9]+ files".parse()?;
/// assert!(pattern.is_in("backup: copied 12 files"));
/// # Ok::<(), taskflows_core::log::ParseLogPatternError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LogPattern(Regex);

impl LogPattern {
    /// Tells whether it is found anywhere in `message`.
    pub fn is_in(&self, message: &str) -> bool {
        self.0.is_match(message)
    }

    /// Returns the expression as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for LogPattern {
    type Err = ParseLogPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Regex::new(text).map(Self).map_err(|error| ParseLogPatternError { reason: error.to_string() })
    }
}

impl PartialEq for LogPattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for LogPattern {}

impl fmt::Display for LogPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no regular expression.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("not a regular expression: {reason}")]
pub struct ParseLogPatternError {
    reason: String,
}
