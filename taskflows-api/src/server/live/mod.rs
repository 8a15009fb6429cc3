//! What is known of this host as it changes: a picture of its services that is kept true, and the events that tell of it.

mod follow;
mod hub;
mod snapshot;

use std::sync::{Arc, OnceLock};

pub(crate) use hub::{Hub, Position};
pub(crate) use snapshot::{Snapshot, Written};

use crate::Host;
use follow::Following;

/// Follows what changes on a host, from when somebody first asks.
pub(crate) struct Live {
    snapshot: Arc<Snapshot>,
    hub: Arc<Hub>,
    host: Host,
    following: OnceLock<Following>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("snapshot", &self.snapshot).finish_non_exhaustive()
    }
}

impl Live {
    /// Makes one that does nothing yet.
    pub(crate) fn new(host: &Host) -> Self {
        Self {
            snapshot: Arc::new(Snapshot::new(host)),
            hub: Arc::new(Hub::default()),
            host: host.clone(),
            following: OnceLock::new(),
        }
    }

    /// Returns the picture of the services.
    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        self.follow();
        &self.snapshot
    }

    /// Returns what hands out events.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        self.follow();
        &self.hub
    }

    /// Notes that a change was made here, of which the host may tell only later.
    pub(crate) fn changed(&self) {
        self.snapshot.changed();
    }

    fn follow(&self) {
        self.following.get_or_init(|| Following::begin(&self.host, &self.snapshot, &self.hub));
    }
}
