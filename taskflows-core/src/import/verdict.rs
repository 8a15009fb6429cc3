use std::fmt;

/// How much of something old a definition keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// All of it.
    Exact,
    /// All but what is told with it.
    Approximate,
    /// It cannot be said in a definition.
    Impossible,
}

impl Verdict {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Approximate => "approximate",
            Self::Impossible => "impossible",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What became of one part: of a field of a crontab line, of a directive of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The part, such as `MAILTO` or `Service.ExecStart`.
    pub part: String,
    /// How much of it is kept.
    pub verdict: Verdict,
    /// What is different, or how it is kept; empty where there is nothing to say.
    pub text: String,
    /// The column of a mistake in the line, in characters counted from 1.
    pub column: Option<usize>,
}

impl Finding {
    pub(super) fn new(part: impl Into<String>, verdict: Verdict, text: impl Into<String>) -> Self {
        Self { part: part.into(), verdict, text: text.into(), column: None }
    }

    pub(super) fn exact(part: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(part, Verdict::Exact, text)
    }

    pub(super) fn approximate(part: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(part, Verdict::Approximate, text)
    }

    pub(super) fn impossible(part: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(part, Verdict::Impossible, text)
    }
}
