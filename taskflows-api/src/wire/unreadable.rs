use thiserror::Error;

/// What came over the line is no value of ours.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what} is not as it should be: {reason}")]
pub struct Unreadable {
    what: String,
    reason: String,
}

impl Unreadable {
    /// Says what is wrong with `what`.
    pub(crate) fn new(what: impl Into<String>, reason: impl ToString) -> Self {
        Self { what: what.into(), reason: reason.to_string() }
    }
}
