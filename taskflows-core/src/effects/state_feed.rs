use futures_util::stream::BoxStream;
use jiff::Timestamp;

use super::{ServiceError, State};
use crate::ServiceName;

/// Tells what changes on a host as it happens: D-Bus signals, a remote server's events, a fake.
pub trait StateFeed: Send + Sync {
    /// Begins to watch, at the latest when the stream is first polled. The stream does not end.
    ///
    /// Its first item is [`StateChange::Resync`]: what changes from then on is told, in order. Whoever keeps a picture of
    /// the services looks at them all at each `Resync` and follows what is told after it. Who reads too slowly misses
    /// changes and is told so by a `Resync`, as is everybody once a lost manager has come back. That it was lost is an
    /// error, one each time.
    fn watch(&self) -> BoxStream<'static, Result<StateChange, ServiceError>>;
}

/// A change on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// How an installed service stands has changed. What it was only for a moment may be passed over.
    State {
        /// The service.
        name: ServiceName,
        /// How it stands now.
        state: State,
        /// How it stood as far as was told, where that is known.
        previous: Option<State>,
        /// When it changed.
        at: Timestamp,
    },
    /// Something else of a service changed: it ran so shortly that its state shows nothing of it, or its timer elapsed.
    Touched {
        /// The service.
        name: ServiceName,
        /// When.
        at: Timestamp,
    },
    /// The installed services changed. No service is in two of the lists, and each list is sorted.
    Services {
        /// Those that are new.
        installed: Vec<ServiceName>,
        /// Those that are gone.
        removed: Vec<ServiceName>,
        /// Those of which files changed, or whether they start by themselves.
        changed: Vec<ServiceName>,
    },
    /// Changes may have been missed, or the watch begins: nothing that was told before is to be relied on.
    Resync,
}

impl StateChange {
    /// Returns the services that it is about; of a resync none.
    pub fn names(&self) -> Vec<&ServiceName> {
        match self {
            Self::State { name, .. } | Self::Touched { name, .. } => vec![name],
            Self::Services { installed, removed, changed } => {
                installed.iter().chain(removed).chain(changed).collect()
            }
            Self::Resync => Vec::new(),
        }
    }
}
