//! The client of one server.

mod error;
mod keys;
mod reason;
mod request;
mod tls;

pub use error::ClientError;
pub use request::{Client, Credentials};
