use std::time::Duration;

use super::Backoff;

/// How a task is tried, and what its failure means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskPolicy {
    /// Whether its failure is an error for whoever called it.
    pub required: bool,
    /// How many attempts may follow the first.
    pub retries: u32,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// How long all attempts and the waits between them may take together.
    pub deadline: Option<Duration>,
    /// The waits between attempts.
    pub backoff: Backoff,
}
