use std::time::Duration;

use tokio::time::Instant;

/// How fast a channel is told, and how patiently.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pacing {
    /// The time between two messages in the long run.
    pub every: Duration,
    /// So many may go at once after a pause.
    pub burst: u32,
    /// The wait after the first failure; each further one doubles it.
    pub first_wait: Duration,
    /// No wait is longer, unless the place asks for it.
    pub longest_wait: Duration,
    /// By how many percent of itself a wait is made shorter or longer by chance, at most.
    pub jitter_percent: u8,
    /// What one attempt may take.
    pub attempt: Duration,
}

impl Default for Pacing {
    /// A message a second and three at once, which every known chat takes; waits of a second up to five minutes, give or
    /// take a tenth; 40 s for an attempt, of which destinations take 30 at most.
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            burst: 3,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(300),
            jitter_percent: 10,
            attempt: Duration::from_secs(40),
        }
    }
}

impl Pacing {
    /// Returns the wait after so many failed attempts; `chance` is from 0 to 1.
    pub(super) fn wait(&self, attempts: u32, chance: f64) -> Duration {
        let doubled = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        let wait = self.first_wait.saturating_mul(doubled).min(self.longest_wait);
        let part = f64::from(self.jitter_percent.min(100)) / 100.0;
        wait.mul_f64(1.0 + part * (2.0 * chance.clamp(0.0, 1.0) - 1.0)).min(self.longest_wait)
    }
}

/// The messages that a channel may be told at once: one is added in each span, up to the burst.
#[derive(Debug)]
pub(super) struct Bucket {
    every: Duration,
    burst: u32,
    /// When the bucket would be full again. As many spans as it lies ahead are missing.
    full_at: Instant,
}

impl Bucket {
    pub(super) fn new(pacing: &Pacing, now: Instant) -> Self {
        Self { every: pacing.every, burst: pacing.burst.max(1), full_at: now }
    }

    /// Returns when the next message may go.
    pub(super) fn ready_at(&self) -> Instant {
        let missing = self.every.saturating_mul(self.burst - 1);
        self.full_at.checked_sub(missing).unwrap_or(self.full_at)
    }

    /// Takes one.
    pub(super) fn take(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now) + self.every;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_doubles_up_to_the_longest_give_or_take_a_tenth() {
        let pacing = Pacing::default();
        for (attempts, chance, millis) in [
            (1, 0.5, 1_000),
            (1, 0.0, 900),
            (1, 1.0, 1_100),
            (4, 0.5, 8_000),
            (9, 0.5, 256_000),
            (10, 0.5, 300_000),
            (10, 1.0, 300_000),
            (500, 0.5, 300_000),
        ] {
            assert_eq!(pacing.wait(attempts, chance), Duration::from_millis(millis), "{attempts} {chance}");
        }
    }

    #[test]
    fn a_bucket_gives_a_burst_and_then_one_in_each_span() {
        let begin = Instant::now();
        let mut bucket = Bucket::new(&Pacing::default(), begin);
        let mut at = Vec::new();
        let mut now = begin;
        for _ in 0..6 {
            now = now.max(bucket.ready_at());
            at.push((now - begin).as_secs());
            bucket.take(now);
        }
        assert_eq!(at, [0, 0, 0, 1, 2, 3]);
    }
}
