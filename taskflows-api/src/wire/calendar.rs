use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use taskflows_core::schedule::{Preview, PreviewError};
use utoipa::ToSchema;

/// What an expression of the calendar means, as `tf calendar -o json` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CalendarPreview {
    /// The expression, as it was asked for.
    pub expr: String,
    /// Whether it means anything.
    pub valid: bool,
    /// The expression as systemd writes it, where it is valid.
    pub normalized: Option<String>,
    /// The next times at which it elapses; none where it never does.
    #[schema(value_type = Vec<String>)]
    pub next: Vec<Timestamp>,
    /// What is wrong with it, where it is not valid.
    pub error: Option<CalendarProblem>,
}

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CalendarProblem {
    /// In words.
    pub message: String,
    /// The byte of the expression at which reading stopped.
    pub offset: Option<usize>,
}

impl CalendarPreview {
    /// Tells what became of `expr`.
    #[must_use]
    pub fn new(expr: String, result: Result<Preview, PreviewError>) -> Self {
        match result {
            Ok(Preview { normalized, next }) => {
                Self { expr, valid: true, normalized: Some(normalized), next, error: None }
            }
            Err(PreviewError { message, offset }) => {
                let error = Some(CalendarProblem { message, offset });
                Self { expr, valid: false, normalized: None, next: Vec::new(), error }
            }
        }
    }
}
