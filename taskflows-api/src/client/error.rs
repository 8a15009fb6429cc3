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
    /// Its id is not known, and what it tells of it cannot be relied on: a request that is signed for an id is good for
    /// whoever has that id.
    #[error("{server} has no known id, and without TLS what it says of that cannot be relied on")]
    Unidentified {
        /// Its name or address.
        server: String,
    },
    /// It says that its id is that of a server which is known to be another.
    #[error("{server} says that it is `{other}`")]
    Impostor {
        /// Its name or address.
        server: String,
        /// The name of the one that has the id.
        other: String,
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

    /// Returns what can be done about it, where that shows in the reason.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { reason, .. } => super::reason::remedy(reason),
            _ => None,
        }
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
