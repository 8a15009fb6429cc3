use std::sync::Arc;

use jiff::Timestamp;
use taskflows_core::effects::{EnvironmentStore, LogReader, RunHistory, RunStore, ServiceManager, StateFeed};
use taskflows_core::schedule::Zones;

use crate::Access;
use crate::ports::{Definer, Desk};

/// What the API of a host works with: the same traits that its commands work with.
#[derive(Clone)]
pub struct Host {
    /// The services of this host.
    pub services: Arc<dyn ServiceManager>,
    /// What they wrote.
    pub logs: Arc<dyn LogReader>,
    /// The runs that are kept.
    pub runs: Arc<dyn RunStore>,
    /// The runs that the journal tells of.
    pub journal_runs: Arc<dyn RunHistory>,
    /// Takes definitions.
    pub definer: Arc<dyn Definer>,
    /// Alerts, and what is wrong.
    pub desk: Arc<dyn Desk>,
    /// The environments that this host keeps under names.
    pub environments: Arc<dyn EnvironmentStore>,
    /// What changes on it, as it happens.
    pub feed: Arc<dyn StateFeed>,
    /// Who may ask, beside those who sign.
    pub access: Access,
    /// The zones that schedules name.
    pub zones: Zones,
    /// The time.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// The name of this host.
    pub name: String,
    /// What makes a request for this host worthless on another.
    pub server_id: String,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("name", &self.name).finish_non_exhaustive()
    }
}
