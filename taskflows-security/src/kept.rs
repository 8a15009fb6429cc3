use std::error::Error as StdError;

use thiserror::Error;

/// Why people, sessions, tokens or tries could not be read or changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeptError {
    /// There is none of that name.
    #[error("there is no {what} `{}`", name.escape_debug())]
    NotFound {
        /// `person` or `token`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// There is one of that name already.
    #[error("there is a {what} `{}` already", name.escape_debug())]
    Exists {
        /// `person` or `token`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// What is kept cannot be understood, and is left as it is.
    #[error("`{place}` is damaged: {reason}")]
    Damaged {
        /// Where it is kept.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What it is kept in failed.
    #[error("could not {operation}")]
    Failed {
        /// What was attempted, and where.
        operation: String,
        /// The cause.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl KeptError {
    /// Makes an error of something that was attempted.
    pub fn failed(operation: impl Into<String>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Failed { operation: operation.into(), source: source.into() }
    }

    /// Tells whether there is none of that name.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Tells whether there is one of that name already.
    #[must_use]
    pub fn exists(&self) -> bool {
        matches!(self, Self::Exists { .. })
    }
}
