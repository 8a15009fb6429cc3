//! The client of one server.

pub mod apply;
mod desk;
mod environments;
mod error;
mod event_parser;
mod events;
mod keys;
mod logs;
mod path;
mod reason;
mod request;
mod runs;
mod services;
mod tls;
mod translate;

pub use apply::RemoteDefiner;
pub use desk::RemoteDesk;
pub use environments::RemoteEnvironments;
pub use error::ClientError;
pub use events::{Patience, ServerEvent};
pub use logs::RemoteLogReader;
pub use reason::remedy;
pub use request::{Client, Credentials};
pub use runs::RemoteRuns;
pub use services::RemoteServiceManager;
