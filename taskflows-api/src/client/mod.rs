//! The client of one server.

pub mod apply;
mod error;
mod request;

pub use apply::RemoteDefiner;
pub use error::ClientError;
pub use request::{Client, Credentials};
