//! What is to be told, until it is: a queue that survives whoever fills and empties it.

#[cfg(any(test, feature = "test-util"))]
pub mod contract;
#[cfg(feature = "deliver")]
mod dispatcher;
mod entry;
mod memory;
#[cfg(feature = "deliver")]
mod pacing;
mod store;

#[cfg(feature = "deliver")]
pub use dispatcher::{Clock, DispatchError, Dispatcher, Drained, Waiting};
pub use entry::{
    ChannelStatus, Claim, Entry, EntryKind, Limits, NewEntry, Next, Pushed, Settlement, longest_wait,
};
pub use memory::MemoryAlertStore;
#[cfg(feature = "deliver")]
pub use pacing::Pacing;
pub use store::{AlertStore, AlertStoreError, Ledger, Outbox, Work};
