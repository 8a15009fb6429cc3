//! Fakes that keep state, and the contracts that fakes and real adapters both pass.
//!
//! A fake is told what to do wrong with `fail_next`; nothing is expected of how it is called.
//!
//! ```
//! use taskflows_core::effects::{Action, ServiceManager, State, Target, Wanted};
//! use taskflows_core::testing::{FakeServiceManager, ready};
//! use taskflows_core::Service;
//!
//! let manager = FakeServiceManager::default();
//! let web = Service::builder("web").start_command("sleep infinity").build()?;
//! ready(manager.install(Wanted::services(&[web.clone()])))?;
//! ready(manager.perform(&[web.name], Action::Start, Target::Service))?;
//! assert_eq!(ready(manager.list(&[]))?[0].state, State::Running);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![expect(clippy::unwrap_used, reason = "a contract panics where it is not kept")]

pub mod contract;
mod fake_inspector;
mod fake_service_manager;
mod fake_service_watch;
pub mod feeding;
mod fixed_toolbox;
pub mod inspection;
mod log_reading;
mod memory_environment_store;
mod memory_log_reader;
mod memory_run_store;
pub mod run_store;
pub mod watching;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

pub use fake_inspector::{FakeHostProbe, FakeInspector};
pub use fake_service_manager::FakeServiceManager;
pub use fake_service_watch::FakeServiceWatch;
pub use fixed_toolbox::FixedToolbox;
pub use memory_environment_store::MemoryEnvironmentStore;
pub use memory_log_reader::MemoryLogReader;
pub use memory_run_store::MemoryRunStore;

/// Returns what `future` yields at its first poll: the fakes never wait.
///
/// # Panics
/// When it does wait.
pub fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a fake waits for nothing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::{LogEntry, LogOrigin, ServiceError, ServiceManager, StateChange, StateFeed};
    use futures_util::StreamExt;
    use jiff::Timestamp;

    #[test]
    fn the_fake_keeps_to_the_contract_of_a_service_manager() {
        ready(contract::service_manager(&FakeServiceManager::default()));
    }

    #[test]
    fn the_fake_keeps_to_the_contract_of_an_inspector() {
        let manager = std::sync::Arc::new(FakeServiceManager::default());
        let inspector = FakeInspector::over(std::sync::Arc::clone(&manager));
        ready(inspection::inspector(&*manager, &inspector));
    }

    #[test]
    fn the_fake_keeps_to_the_contract_of_a_watch() {
        let manager = std::sync::Arc::new(FakeServiceManager::default());
        let watch = FakeServiceWatch::over(std::sync::Arc::clone(&manager));
        ready(watching::service_watch(&*manager, &watch));
    }

    #[test]
    fn the_fake_keeps_to_the_contract_of_a_state_feed() {
        let manager = FakeServiceManager::default();
        ready(feeding::state_feed(&manager, &manager));
    }

    #[test]
    fn who_reads_a_fake_feed_too_slowly_is_told_to_look_again() {
        let manager = FakeServiceManager::default();
        let mut feed = manager.watch();
        assert_eq!(ready(feed.next()).unwrap().unwrap(), StateChange::Resync);
        let touched = StateChange::Touched { name: "a".parse().unwrap(), at: Timestamp::UNIX_EPOCH };
        (0..10_000).for_each(|_| manager.announce(Ok(touched.clone())));
        assert_eq!(ready(feed.next()).unwrap().unwrap(), StateChange::Resync);
        manager.announce(Ok(touched.clone()));
        assert_eq!(ready(feed.next()).unwrap().unwrap(), touched);
    }

    #[test]
    fn the_fake_keeps_to_the_contract_of_a_log() {
        let (reader, name) = (MemoryLogReader::default(), "a".parse().unwrap());
        for (second, message) in [(1, "one"), (2, "two"), (3, "three")] {
            reader.write(LogEntry {
                time: Timestamp::from_second(second).unwrap(),
                service: "a".parse().unwrap(),
                origin: LogOrigin::Process,
                run: None,
                attempt: None,
                priority: 6,
                message: message.to_owned(),
            });
        }
        ready(contract::log_reader(&reader, &name));
    }

    #[test]
    fn the_fake_keeps_to_the_contract_of_a_log_with_runs() {
        let (reader, run) = (MemoryLogReader::default(), crate::task::RunId::from_bits(7 << 64));
        let written = contract::Written { first: "a".parse().unwrap(), second: "b".parse().unwrap(), run };
        for (index, line) in (0i64..).zip(written.lines()) {
            // What is written at once has one time.
            let second = if line.message.contains("burst") { 4 } else { index };
            reader.write(LogEntry {
                time: Timestamp::from_second(second).unwrap(),
                service: line.service,
                origin: LogOrigin::Process,
                run: line.run,
                attempt: line.attempt,
                priority: line.priority,
                message: line.message,
            });
        }
        ready(contract::log_reader_rich(&reader, &written));
    }

    #[test]
    fn the_fake_keeps_to_the_contract_of_an_environment_store() {
        ready(contract::environment_store(&MemoryEnvironmentStore::default()));
    }

    #[test]
    fn the_fake_keeps_to_the_contract_of_a_run_store() {
        let alive = run_store::somebody();
        let store = MemoryRunStore::default();
        store.live(alive.clone());
        ready(run_store::run_store(&store, &alive));
    }

    #[test]
    fn a_fake_fails_when_told_to() {
        let manager = FakeServiceManager::default();
        manager.fail_next(ServiceError::NotFound { name: "a".into() });
        assert!(ready(manager.list(&[])).unwrap_err().is_not_found());
        assert!(ready(manager.list(&[])).unwrap().is_empty());
        manager.add_foreign("a".parse().unwrap());
        assert!(matches!(ready(manager.files(&"a".parse().unwrap())), Err(ServiceError::NotOurs { .. })));
    }
}
