use std::fmt;

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
