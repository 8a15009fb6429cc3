//! The client of one server.

mod environments;
mod error;
mod event_parser;
mod events;
mod logs;
mod request;
mod runs;

pub use environments::RemoteEnvironments;
pub use error::ClientError;
pub use events::{Patience, ServerEvent};
pub use logs::RemoteLogReader;
pub use request::{Client, Credentials};
pub use runs::RemoteRuns;
