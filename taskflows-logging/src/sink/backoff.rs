use std::time::Duration;

/// Waits between tries: each about twice as long as the one before, up to a bound, and none exactly as long as another
/// program's.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
    tries: u32,
}

impl Backoff {
    pub(super) fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, tries: 0 }
    }

    /// Begins with the shortest again.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }

    /// Returns the next wait: between half of it and all of it, by chance.
    pub(super) fn next(&mut self) -> Duration {
        let whole = self.first.saturating_mul(1 << self.tries.min(20)).min(self.most);
        self.tries = self.tries.saturating_add(1);
        whole.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(30))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_begin_anew() {
        let mut backoff = Backoff::default();
        let mut whole = 0.1_f64;
        for _ in 0..100 {
            let wait = backoff.next().as_secs_f64();
            assert!(wait >= whole / 2.0 - 1e-6 && wait <= whole + 1e-6, "{wait} of {whole}");
            whole = (whole * 2.0).min(30.0);
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(100));
    }
}
