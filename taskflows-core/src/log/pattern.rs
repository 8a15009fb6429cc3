use std::fmt;
use std::str::FromStr;

use regex_lite::Regex;
use thiserror::Error;

/// A regular expression that is looked for in messages.
///
/// Capitals differ from small letters unless it begins with `(?i)`. It is found in time that grows with the message
/// alone, whatever it is. Source: the syntax of the crate `regex-lite`, which knows no classes of Unicode.
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
    /// Where the text is no regular expression, or one that would take too much memory.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, message: &str, is_in: bool) {
        let pattern: LogPattern = pattern.parse().unwrap();
        assert_eq!(pattern.is_in(message), is_in, "{pattern} in {message:?}");
    }

    #[test]
    fn a_pattern_is_looked_for_anywhere_in_the_message() {
        check("", "anything", true);
        check("copied [0-9]+", "well, copied 12 files", true);
        check("^copied", "well, copied 12 files", false);
        check("Copied", "copied", false);
        check("(?i)Copied", "copied", true);
        check("^b$", "a\nb\nc", false);
        check("(?m)^b$", "a\nb\nc", true);
        check("a.c", "a\nc", false);
        check("größe", "die größe", true);
        check("\u{fffd}", "caf\u{fffd}", true);
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for text in ["(", "[a", "*", "a{2,1}", "(?P<n>a", "\\"] {
            let error = text.parse::<LogPattern>().unwrap_err().to_string();
            assert!(error.starts_with("not a regular expression: ") && error.len() > 30, "{text}: {error}");
        }
        assert!("(a{1000}){1000}".parse::<LogPattern>().is_err(), "nor one that needs all memory");
    }
}
