use std::time::Duration;

/// The waits between attempts: the first, by how much each grows, and what none exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait before the second attempt.
    pub initial: Duration,
    /// What each wait is multiplied by for the next: 1 keeps it constant.
    pub factor: u32,
    /// No wait is longer.
    pub max: Duration,
    /// By how many percent of itself a wait is made shorter or longer by chance, at most.
    pub jitter_percent: u8,
}

impl Default for Backoff {
    /// A second, doubled up to five minutes, give or take a tenth.
    fn default() -> Self {
        Self { initial: Duration::from_secs(1), factor: 2, max: Duration::from_secs(300), jitter_percent: 10 }
    }
}
