use std::fmt::Display;

use thiserror::Error;

/// What was sent has the right form and a value that means nothing here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{field}`: {reason}")]
pub struct Misfit {
    /// Where it stands.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl Misfit {
    pub(crate) fn new(field: &'static str, reason: impl Display) -> Self {
        Self { field, reason: reason.to_string() }
    }

    /// Makes one of the error of parsing `field`.
    pub(crate) fn of<E: Display>(field: &'static str) -> impl Fn(E) -> Self {
        move |error| Self::new(field, error)
    }
}
