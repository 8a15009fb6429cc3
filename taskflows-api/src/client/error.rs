use thiserror::Error;

use crate::server::Problem;

/// Why a server did not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There was no answer.
    #[error("{server} did not answer: {reason}")]
    Unreachable {
        /// Its name or address.
        server: String,
        /// `connection refused`, `no answer within 10 s`, and so on.
        reason: String,
    },
    /// It answered, and refused.
    #[error("{}", refused(.server, .problem))]
    Refused {
        /// Its name or address.
        server: String,
        /// What it said.
        problem: Problem,
    },
    /// It said something that is no answer of this API.
    #[error("{server} gave an answer that could not be read: {reason}")]
    Malformed {
        /// Its name or address.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Says what a server refused; what names the server already says it once.
fn refused(server: &str, problem: &Problem) -> String {
    let told = problem.detail.as_deref().unwrap_or(&problem.title);
    if told.starts_with(server) { told.to_owned() } else { format!("{server}: {told}") }
}

impl ClientError {
    /// Tells whether there was no answer.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Returns the status of a refusal.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { problem, .. } => Some(problem.status),
            _ => None,
        }
    }

    /// Returns the word for programs of a refusal, such as `no-such-service`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { problem, .. } => problem.code.as_deref(),
            _ => None,
        }
    }
}
