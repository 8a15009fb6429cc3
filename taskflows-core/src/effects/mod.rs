//! The effects taskflows has on the world, as traits: what core's rules call and adapters fulfil.
//!
//! Each has a fake that keeps state and a contract that fake and adapter both pass, in `testing` behind
//! the feature `test-util`.

mod environment_store;
mod inspector;
mod last_run;
mod log_reader;
mod run_history;
mod run_observer;
mod run_store;
mod service_error;
mod service_manager;
mod service_watch;
mod state_feed;
mod toolbox;

pub use environment_store::{EnvironmentError, EnvironmentStore, EnvironmentUsers, NamedEnvironment};
pub use inspector::{HostProbe, Inspector};
pub use log_reader::{LogEntry, LogError, LogOrigin, LogQuery, LogReader};
pub use run_history::RunHistory;
pub use run_observer::RunObserver;
pub use run_store::{ANNOUNCED_FOR, RunStore, RunStoreError};
pub use service_error::{JobResult, ServiceError};
pub use service_manager::{
    Action, Began, Depth, Details, Edits, Effect, Listing, Next, Origin, Performed, Removal, ServiceManager,
    Start, State, Target, Wanted,
};
pub use service_watch::ServiceWatch;
pub use state_feed::{StateChange, StateFeed};
pub use toolbox::{Conda, Engine, ToolError, Toolbox};
