use std::time::Duration;

use thiserror::Error;

use super::{Backoff, BackoffError};

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

impl TaskPolicy {
    /// Returns how many attempts there are at most.
    pub const fn max_attempts(&self) -> u32 {
        self.retries.saturating_add(1)
    }

    /// Tells why nothing can be done by this policy, if so.
    ///
    /// # Errors
    /// When a limit leaves no time at all, or the waits are none ([`Backoff::check`]).
    pub fn check(&self) -> Result<(), TaskPolicyError> {
        for (limit, name) in [(self.timeout, "timeout"), (self.deadline, "deadline")] {
            if limit.is_some_and(|limit| limit.is_zero()) {
                return Err(TaskPolicyError::NoTime { limit: name });
            }
        }
        self.backoff.check().map_err(TaskPolicyError::Backoff)
    }
}

/// Why nothing can be done by a policy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TaskPolicyError {
    /// A limit leaves no time at all.
    #[error("a {limit} of 0 leaves no time for an attempt")]
    NoTime {
        /// `timeout` or `deadline`.
        limit: &'static str,
    },
    /// The waits between attempts are none.
    #[error("its backoff cannot be kept")]
    Backoff(#[source] BackoffError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_without_time_and_impossible_waits_are_refused() {
        let none = Some(Duration::ZERO);
        let error = |policy: TaskPolicy| policy.check().unwrap_err();
        let timeout = error(TaskPolicy { timeout: none, ..TaskPolicy::default() });
        assert_eq!(timeout.to_string(), "a timeout of 0 leaves no time for an attempt");
        let deadline = error(TaskPolicy { deadline: none, ..TaskPolicy::default() });
        assert_eq!(deadline, TaskPolicyError::NoTime { limit: "deadline" });
        let backoff = Backoff { factor: 0, ..Backoff::default() };
        let waits = error(TaskPolicy { backoff, ..TaskPolicy::default() });
        assert_eq!(waits, TaskPolicyError::Backoff(BackoffError::ZeroFactor));
        assert_eq!(TaskPolicy::default().check(), Ok(()));
    }

    #[test]
    fn there_is_one_attempt_more_than_there_are_retries() {
        let attempts = |retries| TaskPolicy { retries, ..TaskPolicy::default() }.max_attempts();
        assert_eq!([attempts(0), attempts(3), attempts(u32::MAX)], [1, 4, u32::MAX]);
    }
}
