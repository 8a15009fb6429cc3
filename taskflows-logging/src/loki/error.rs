use reqwest::StatusCode;
use taskflows_core::effects::LogError;
use thiserror::Error;

/// Why there is no answer of Loki. None of the texts holds the password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LokiError {
    /// The settings name nothing that can be asked.
    #[error("{reason}")]
    Unusable {
        /// Why.
        reason: String,
    },
    /// It does not answer, or not to the end.
    #[error("could not reach Loki at {address}: {reason}")]
    Unreachable {
        /// Its address, without a user or a password.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// It answers, and says no.
    #[error("{}", refused(address, *status, said))]
    Refused {
        /// Its address, without a user or a password.
        address: String,
        /// The status of HTTP.
        status: u16,
        /// What it said, in one line, or nothing.
        said: String,
    },
    /// The answer is larger than is taken.
    #[error("Loki at {address} answered with more than {} MiB", most >> 20)]
    TooLarge {
        /// Its address, without a user or a password.
        address: String,
        /// So many bytes are taken.
        most: usize,
    },
    /// What is answered is not what Loki answers: something else may listen there.
    #[error("the answer is not what Loki answers at {path}: {reason}")]
    Stranger {
        /// What was asked for.
        path: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

impl LokiError {
    /// Tells whether Loki sends no so many entries at once. Source: `validateMaxEntriesLimits` of Loki.
    pub(super) fn is_too_many(&self) -> bool {
        matches!(self, Self::Refused { said, .. } if said.contains("max entries limit per query exceeded"))
    }
}

impl From<LokiError> for LogError {
    fn from(error: LokiError) -> Self {
        match error {
            LokiError::Unreachable { address, reason } => {
                Self::Unavailable { operation: format!("ask Loki at {address}"), source: reason.into() }
            }
            error => Self::Failed { reason: error.to_string() },
        }
    }
}

fn refused(address: &str, status: u16, said: &str) -> String {
    let words = StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |status| status.to_string());
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    match status {
        401 => format!("Loki at {address} does not know the user or the password (401){said}"),
        403 => format!("Loki at {address} forbids it to this user or tenant (403){said}"),
        300..=399 => {
            format!("Loki at {address} answered {words}, which is not followed: correct the address")
        }
        _ => format!("Loki at {address} answered {words}{said}"),
    }
}
