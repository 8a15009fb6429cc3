//! Texts that are safe to stand in a unit file.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::name::Quoted;

/// The longest argument or variable that Linux hands to a program, in bytes (`MAX_ARG_STRLEN` less the
/// final NUL).
pub const MAX_ARGUMENT: usize = 128 * 1024 - 1;

/// The longest line that systemd reads from a unit file, in bytes (`LONG_LINE_MAX`).
pub const MAX_UNIT_LINE: usize = 1024 * 1024 - 1;

/// Why a text cannot stand in a unit file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} {reason}", Quoted(text))]
pub struct TextError {
    text: String,
    reason: String,
}

impl TextError {
    pub(crate) fn new(text: &str, reason: impl Into<String>) -> Self {
        let mut shown: String = text.chars().take(60).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        Self { text: shown, reason: reason.into() }
    }
}

/// One line of text, as it stands: a description, a directive's value.
///
/// systemd ends a line at LF, CR and NUL, joins lines at a trailing backslash and trims spaces at the
/// ends, so no such text is a `Line` (spaces at the ends are taken off). Control characters, and the
/// Unicode noncharacters that systemd calls invalid, are refused as well. Source: systemd.syntax(7).
///
/// ```
/// use taskflows_core::Line;
///
/// assert_eq!("  Back up /home ".parse::<Line>()?.as_str(), "Back up /home");
/// assert!("x\n[Service]\nExecStartPre=/bin/false".parse::<Line>().is_err());
/// # Ok::<(), taskflows_core::TextError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Line(String);

impl Line {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Line {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let line = text.trim_matches([' ', '\t']);
        check_line(line).map_err(|reason| TextError::new(text, reason))?;
        Ok(Self(line.to_owned()))
    }
}

fn check_line(line: &str) -> Result<(), String> {
    if line.len() > MAX_UNIT_LINE / 2 {
        return Err(format!("is longer than {} bytes", MAX_UNIT_LINE / 2));
    }
    if let Some(c) = line.chars().find(|c| c.is_control() && *c != '\t') {
        return Err(format!("holds the control character `{}`", c.escape_debug()));
    }
    if line.ends_with('\\') {
        return Err("ends with a backslash, which would join it with the next line".into());
    }
    check_characters(line)
}

/// Refuses NUL and the characters that systemd calls invalid UTF-8 (U+FDD0..U+FDEF, U+xxFFFE, U+xxFFFF).
pub(crate) fn check_characters(text: &str) -> Result<(), String> {
    let invalid = |c: &char| {
        let code = *c as u32;
        code == 0 || (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
    };
    match text.chars().find(invalid) {
        Some('\0') => Err("holds a NUL byte, which no argument or variable can".into()),
        Some(c) => Err(format!("holds U+{:04X}, which systemd refuses", c as u32)),
        None => Ok(()),
    }
}

/// A path for a unit file: absolute, or beginning with `~/` for the home directory.
///
/// ```
/// use taskflows_core::UnitPath;
///
/// assert!("/srv/jobs".parse::<UnitPath>().is_ok());
/// assert!("jobs".parse::<UnitPath>().is_err());
/// // Definition files resolve relative paths against their own directory.
/// assert_eq!(UnitPath::resolve("jobs", "/srv")?.as_str(), "/srv/jobs");
/// # Ok::<(), taskflows_core::TextError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitPath(String);

impl UnitPath {
    /// Returns the path as it was given, `~` included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes `text` relative to the absolute directory `base` where it is not absolute itself.
    ///
    /// # Errors
    /// As [`UnitPath::from_str`].
    pub fn resolve(text: &str, base: &str) -> Result<Self, TextError> {
        if text.starts_with('/') || text.is_empty() || home_relative(text) {
            return text.parse();
        }
        let rest = text.strip_prefix("./").unwrap_or(text);
        format!("{}/{rest}", base.trim_end_matches('/')).parse()
    }
}

fn home_relative(text: &str) -> bool {
    text == "~" || text.starts_with("~/")
}

impl fmt::Display for UnitPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for UnitPath {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |reason: String| TextError::new(text, reason);
        check_line(text).map_err(error)?;
        if text.trim() != text {
            return Err(error("begins or ends with a space, which systemd takes off".into()));
        }
        if !text.starts_with('/') && !home_relative(text) {
            return Err(error("is not an absolute path".into()));
        }
        if text.split('/').any(|part| part == "..") {
            return Err(error("holds `..`, which systemd refuses in a path".into()));
        }
        if text.len() > 4095 {
            return Err(error("is longer than a path can be (4095 bytes)".into()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The name of an environment variable: `[A-Za-z_][A-Za-z0-9_]*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VariableName(String);

impl VariableName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VariableName {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let first_ok = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !first_ok || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(TextError::new(
                text,
                "is not a variable name (letters, digits and `_`, no digit first)",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The value of an environment variable, which may hold tabs and newlines.
///
/// systemd drops a variable whose value holds any other control character, so those are refused.
/// Source: systemd.exec(5), `Environment=`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VariableValue(String);

impl VariableValue {
    /// Returns the value.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VariableValue {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check_characters(text).map_err(|reason| TextError::new(text, reason))?;
        if let Some(c) = text.chars().find(|c| c.is_control() && !matches!(c, '\t' | '\n')) {
            let reason = format!(
                "holds the control character `{}`, with which systemd drops the variable",
                c.escape_debug()
            );
            return Err(TextError::new(text, reason));
        }
        if text.len() > MAX_ARGUMENT / 2 {
            return Err(TextError::new(text, format!("is longer than {} bytes", MAX_ARGUMENT / 2)));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_never_become_two_directives() {
        for text in ["a\nb", "a\rb", "a\0b", "a\\", "a\u{7f}", "a\u{85}b", "a\u{fffe}", "\u{fdd0}"] {
            assert!(text.parse::<Line>().is_err(), "{text:?}");
        }
        assert_eq!("a \\ b%h$x".parse::<Line>().unwrap().as_str(), "a \\ b%h$x");
    }

    #[test]
    fn a_path_is_absolute_and_stays_where_it_points() {
        for text in ["/", "/a b/ü", "~", "~/x"] {
            assert!(text.parse::<UnitPath>().is_ok(), "{text:?}");
        }
        for text in ["", "a", "./a", "/a/../b", "/a\n", "/a\\", " /a", "~user/x"] {
            assert!(text.parse::<UnitPath>().is_err(), "{text:?}");
        }
        assert_eq!(UnitPath::resolve("./x/y", "/srv/").unwrap().as_str(), "/srv/x/y");
        assert_eq!(UnitPath::resolve("~/x", "/srv").unwrap().as_str(), "~/x");
    }

    #[test]
    fn variables_are_what_systemd_keeps() {
        assert!("_A1".parse::<VariableName>().is_ok());
        for text in ["", "1A", "A-B", "A=B", "Ä"] {
            assert!(text.parse::<VariableName>().is_err(), "{text:?}");
        }
        assert!("a\tb\nc\"%$\\".parse::<VariableValue>().is_ok());
        for text in ["a\rb", "a\0b", "\u{1b}[0m"] {
            assert!(text.parse::<VariableValue>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_in_the_message() {
        let error = "x\n".repeat(500).parse::<Line>().unwrap_err().to_string();
        assert!(error.len() < 200 && error.contains('…'), "{error}");
    }
}
