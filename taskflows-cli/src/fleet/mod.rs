//! One `tf` for many servers: which there are, which a command asks, and their answers as one result.

mod address;
mod choose;
mod define;
mod engine;
mod gathered;
mod merge;
mod narrow;
mod opening;
mod own_key;
mod reach;
mod registry;
mod remove;
mod selection;
mod verdict;

pub use address::{Address, ParseAddressError};
pub(crate) use choose::Registered;
pub use choose::{Choice, Chosen, choose, run_on_one};
pub use engine::{Asking, Closed, Way, run_on_servers};
pub use gathered::Gathered;
pub use own_key::OwnKey;
pub use registry::{Server, Servers, ServersFile};
pub use selection::{Asked, Known, Selection, ServerChoice};

pub(crate) use registry::{check_group, check_name};
pub(crate) use selection::no_such_server;
