//! Names of services and the patterns that select them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The longest service name, in bytes.
///
/// A unit name has at most 255 bytes (`UNIT_NAME_MAX` less the terminator), and the longest unit of a
/// service is `restart-taskflows-<name>.service`.
pub const MAX_SERVICE_NAME: usize = 255 - "restart-taskflows-.service".len();

/// Suffixes that would make a name look like a unit file.
const UNIT_SUFFIXES: [&str; 11] = [
    ".service",
    ".timer",
    ".socket",
    ".target",
    ".device",
    ".mount",
    ".automount",
    ".swap",
    ".path",
    ".slice",
    ".scope",
];

/// The name of a service: `nightly-backup`, installed as `taskflows-nightly-backup.service`.
///
/// One to 229 bytes of `A-Z a-z 0-9 . _ -`; neither the first nor the last is `.` or `-`, there is no
/// `..`, no unit suffix such as `.timer`, and it is none of `systemd`, `init`, `system`, `user`. Spaces
/// in the text become `_`, so `a b` and `a_b` are the same service.
///
/// ```
/// use taskflows_core::ServiceName;
///
/// let name: ServiceName = "nightly backup".parse()?;
/// assert_eq!(name.as_str(), "nightly_backup");
/// assert!("../etc".parse::<ServiceName>().is_err());
/// # Ok::<(), taskflows_core::ParseServiceNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceName(String);

impl ServiceName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for ServiceName {
    type Err = ParseServiceNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.replace(' ', "_");
        check_service_name(&name)
            .map_err(|reason| ParseServiceNameError { text: text.to_owned(), reason })?;
        Ok(Self(name))
    }
}

/// Why a text is not a service name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} is not a service name: {reason}", Quoted(text))]
pub struct ParseServiceNameError {
    text: String,
    reason: String,
}

/// Text shown so that no control character reaches a terminal.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0.escape_debug())
    }
}

fn check_service_name(name: &str) -> Result<(), String> {
    let bad = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if name.is_empty() {
        return Err("it is empty".into());
    }
    if name.len() > MAX_SERVICE_NAME {
        return Err(format!("it has {} bytes, at most {MAX_SERVICE_NAME} fit a unit name", name.len()));
    }
    if let Some(c) = name.chars().find(|&c| bad(c)) {
        return Err(format!("`{}` is not one of A-Z a-z 0-9 . _ -", c.escape_debug()));
    }
    if name.starts_with(['.', '-']) || name.ends_with(['.', '-']) {
        return Err("it begins or ends with `.` or `-`".into());
    }
    if name.contains("..") {
        return Err("it holds `..`".into());
    }
    let lower = name.to_ascii_lowercase();
    if ["systemd", "init", "system", "user"].contains(&lower.as_str()) {
        return Err("this name is systemd's own".into());
    }
    match UNIT_SUFFIXES.iter().find(|suffix| lower.ends_with(*suffix)) {
        Some(suffix) => Err(format!("leave out the unit suffix `{suffix}`")),
        None => Ok(()),
    }
}

/// Selects services: a name, or a shell pattern with `*`, `?` and `[…]`.
///
/// ```
/// use taskflows_core::NamePattern;
///
/// let web: NamePattern = "web-*".parse()?;
/// assert!(web.matches(&"web-1".parse()?));
/// assert!(!web.is_exact());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    pattern: glob::Pattern,
    exact: bool,
}

impl NamePattern {
    /// Tells whether one of `patterns` selects `name`; no pattern at all selects every name.
    pub fn any_matches(patterns: &[Self], name: &ServiceName) -> bool {
        patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(name))
    }

    /// Tells whether `name` is selected.
    pub fn matches(&self, name: &ServiceName) -> bool {
        if self.exact { self.as_str() == name.as_str() } else { self.pattern.matches(name.as_str()) }
    }

    /// Tells whether the pattern is a plain name, which can match one service at most.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Returns the pattern as it was written, spaces as `_`.
    pub fn as_str(&self) -> &str {
        self.pattern.as_str()
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&ServiceName> for NamePattern {
    fn from(name: &ServiceName) -> Self {
        // A name holds no pattern character, so it is its own pattern.
        Self { pattern: glob::Pattern::new(name.as_str()).unwrap_or_default(), exact: true }
    }
}

impl FromStr for NamePattern {
    type Err = ParseNamePatternError;

    /// Accepts a name or a pattern; a unit name such as `taskflows-web.service` selects its service.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = service_part(text).replace(' ', "_");
        let error = |reason: String| ParseNamePatternError { text: text.to_owned(), reason };
        let exact = !name.contains(['*', '?', '[']);
        if exact {
            check_service_name(&name).map_err(error)?;
        }
        let pattern = glob::Pattern::new(&name).map_err(|e| error(e.msg.to_owned()))?;
        Ok(Self { pattern, exact })
    }
}

/// People paste what systemctl shows them: `taskflows-web.service` is the service `web`.
fn service_part(text: &str) -> &str {
    match text.strip_prefix("taskflows-") {
        Some(rest) => rest.strip_suffix(".service").or_else(|| rest.strip_suffix(".timer")).unwrap_or(text),
        None => text,
    }
}

/// Why a text is not a pattern for service names.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} is not a service name or pattern: {reason}", Quoted(text))]
pub struct ParseNamePatternError {
    text: String,
    reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, reason: &str) {
        let error = text.parse::<ServiceName>().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn names_keep_their_text_and_spaces_become_underscores() {
        for (text, name) in [("a", "a"), ("web.api_2-x", "web.api_2-x"), ("night job", "night_job")] {
            assert_eq!(text.parse::<ServiceName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_that_could_leave_the_unit_directory_are_refused() {
        refused("", "empty");
        refused("../x", "not one of");
        refused("a..b", "`..`");
        refused("-x", "begins or ends");
        refused("x.", "begins or ends");
        refused("a/b", "`/`");
        refused("x\n[Service]", "`\\n`");
        refused("größe", "`ö`");
        refused("SystemD", "systemd's own");
        refused("x.timer", "unit suffix");
    }

    #[test]
    fn the_longest_name_makes_the_longest_unit_name() {
        let longest = "x".repeat(MAX_SERVICE_NAME);
        assert_eq!(format!("restart-taskflows-{longest}.service").len(), 255);
        assert!(longest.parse::<ServiceName>().is_ok());
        refused(&"x".repeat(MAX_SERVICE_NAME + 1), "at most 229");
    }

    #[test]
    fn a_pattern_without_wildcards_must_be_a_name() {
        let web: NamePattern = "taskflows-web.service".parse().unwrap();
        assert!(web.is_exact() && web.matches(&"web".parse().unwrap()));
        assert!("a/b".parse::<NamePattern>().is_err());
        assert!("a[".parse::<NamePattern>().is_err());
        assert!("w?b*".parse::<NamePattern>().unwrap().matches(&"web-1".parse().unwrap()));
    }
}
