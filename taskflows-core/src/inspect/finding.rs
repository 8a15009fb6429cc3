use std::fmt;

use jiff::{SignedDuration, Timestamp};

/// A watch that is older has stopped: it is kept each minute.
const STALE: SignedDuration = SignedDuration::from_mins(5);

/// How much a [`Finding`] matters; the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// It was looked at, and it is as it should be.
    Ok,
    /// Worth to know; nothing is to be done.
    Info,
    /// It may hurt one day.
    Warning,
    /// Something does not work, or will not.
    Error,
}

impl Severity {
    /// Returns the word: `error`, `warning`, `info`, `ok`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Ok => "ok",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that was looked at, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What was checked, one stable word: `manager`, `linger`, `drift`, …
    pub check: &'static str,
    /// What it is about: a unit, a path, a program.
    pub subject: String,
    /// What was found, a fragment without a full stop.
    pub message: String,
    /// What to do about it, with the command to type where there is one.
    pub remedy: Option<String>,
}

impl Finding {
    /// Says that the environments which this host keeps under names cannot be read.
    pub fn unreadable_environments(path: impl Into<String>, reason: impl fmt::Display) -> Self {
        let path = path.into();
        let remedy = format!("mend {path}, or move it away and define them again with tf env create");
        Self::error("environments", path, format!("cannot be read, so that every tf env fails: {reason}"))
            .remedy(remedy)
    }

    /// Judges the watch for missed runs by when it last looked; it looks each minute.
    pub fn of_monitor(unit: &str, last_look: Option<Timestamp>, now: Timestamp) -> Self {
        let age = last_look.map(|last| now.duration_since(last));
        match age {
            Some(age) if age < STALE => Self::ok("monitor", unit, "looks for missed runs"),
            Some(age) => Self::error(
                "monitor",
                unit,
                format!("last looked for missed runs {} min ago, so nobody is told of them", age.as_mins()),
            )
            .remedy("tf monitor install"),
            None => Self::warning("monitor", unit, "has not yet looked for missed runs")
                .remedy("wait a minute, then tf monitor check"),
        }
    }

    fn new(
        severity: Severity,
        check: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { severity, check, subject: subject.into(), message: message.into(), remedy: None }
    }

    pub(super) fn error(check: &'static str, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, check, subject, message)
    }

    pub(super) fn warning(
        check: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, check, subject, message)
    }

    pub(super) fn info(check: &'static str, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Info, check, subject, message)
    }

    pub(super) fn ok(check: &'static str, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Ok, check, subject, message)
    }

    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_that_stopped_is_an_error() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let severity = |ago: Option<i64>| {
            let last = ago.map(|ago| Timestamp::from_second(1_000_000 - ago).unwrap());
            Finding::of_monitor("own-taskflows-monitor.timer", last, now).severity
        };
        assert_eq!(severity(Some(90)), Severity::Ok);
        assert_eq!(severity(Some(301)), Severity::Error);
        assert_eq!(severity(None), Severity::Warning);
    }
}
