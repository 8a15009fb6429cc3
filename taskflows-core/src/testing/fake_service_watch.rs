use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::FakeServiceManager;
use crate::effects::{Listing, Next, ServiceError, ServiceManager, ServiceWatch, State};
use crate::monitor::{CloserLook, MonitorFacts, TimerState, TimerWatch, WatchRules, Watched};
use crate::{NamePattern, ServiceName};

type Change<T> = Box<dyn Fn(&mut T) + Send + Sync>;

/// Watches over the services of a [`FakeServiceManager`], which all have alerts of the group `ops`. What that does not
/// know can be put there with `alter` and `alter_closer`, which stay in force.
pub struct FakeServiceWatch {
    manager: Arc<FakeServiceManager>,
    facts: Mutex<Vec<Change<MonitorFacts>>>,
    closer: Mutex<Vec<Change<CloserLook>>>,
}

impl FakeServiceWatch {
    /// Makes one that looks at `manager`.
    pub fn over(manager: Arc<FakeServiceManager>) -> Self {
        Self { manager, facts: Mutex::default(), closer: Mutex::default() }
    }

    /// Changes all facts from now on.
    pub fn alter(&self, change: impl Fn(&mut MonitorFacts) + Send + Sync + 'static) {
        lock(&self.facts).push(Box::new(change));
    }

    /// Changes every closer look from now on.
    pub fn alter_closer(&self, change: impl Fn(&mut CloserLook) + Send + Sync + 'static) {
        lock(&self.closer).push(Box::new(change));
    }

    /// Forgets every change.
    pub fn restore(&self) {
        lock(&self.facts).clear();
        lock(&self.closer).clear();
    }
}

impl std::fmt::Debug for FakeServiceWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeServiceWatch").field("manager", &self.manager).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watched(listing: Listing) -> Watched {
    let state = match listing.next {
        Next::Off => TimerState::Dead,
        Next::Never => TimerState::Elapsed,
        _ => TimerState::Waiting,
    };
    Watched {
        service: listing.name,
        groups: Some(vec!["ops".to_owned()]),
        rules: WatchRules::default(),
        timer: TimerWatch {
            has_file: true,
            is_linked: listing.enabled,
            state,
            changed: Some(jiff::Timestamp::UNIX_EPOCH),
            is_persistent: true,
            slack: Duration::from_millis(1),
            ..TimerWatch::default()
        },
        is_running: matches!(listing.state, State::Running | State::Starting | State::Stopping),
        closer: None,
        runs: Vec::new(),
    }
}

#[async_trait]
impl ServiceWatch for FakeServiceWatch {
    async fn glance(&self) -> Result<MonitorFacts, ServiceError> {
        let listed = self.manager.list(&[]).await?.into_iter();
        let scheduled = listed.filter(|listing| listing.next != Next::Unscheduled);
        let mut facts = MonitorFacts {
            manager_began: Some(jiff::Timestamp::UNIX_EPOCH),
            services: scheduled.map(watched).collect(),
            ..MonitorFacts::default()
        };
        lock(&self.facts).iter().for_each(|change| change(&mut facts));
        Ok(facts)
    }

    async fn look_closer(&self, names: &[ServiceName]) -> Result<Vec<CloserLook>, ServiceError> {
        let mut looks = Vec::new();
        for name in names {
            let listed = self.manager.list(&[NamePattern::from(name)]).await?;
            let last = listed.into_iter().next().and_then(|listing| listing.last);
            let mut look = CloserLook {
                active_since: Some(jiff::Timestamp::UNIX_EPOCH),
                run_started: last.as_ref().and_then(|run| run.started),
                run_ended: last.as_ref().and_then(|run| run.ended),
                ..CloserLook::default()
            };
            lock(&self.closer).iter().for_each(|change| change(&mut look));
            looks.push(look);
        }
        Ok(looks)
    }
}
