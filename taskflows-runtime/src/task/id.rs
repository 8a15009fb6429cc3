use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use taskflows_core::task::RunId;

/// Chance of the operating system, drawn once: the generator below is seeded by clock and thread alone, which two
/// hosts may have in common.
static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));

/// Returns an id that no other run has. It is no secret.
pub fn new_run_id() -> RunId {
    RunId::from_bits(fastrand::u128(..) ^ (u128::from(*PROCESS) << 64))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_ids_are_the_same_also_between_threads() {
        let draw = || std::thread::spawn(|| (0..10_000).map(|_| new_run_id()).collect::<Vec<_>>());
        let threads: Vec<_> = (0..4).map(|_| draw()).collect();
        let ids: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(ids.len(), 40_000);
    }
}
