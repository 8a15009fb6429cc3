use thiserror::Error;

/// What was sent has the right form and says what cannot be: a name that is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct MalformedError(String);

impl MalformedError {
    pub(crate) fn of(error: &dyn std::error::Error) -> Self {
        Self(error.to_string())
    }
}
