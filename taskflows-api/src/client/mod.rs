//! The client of one server.

mod error;
mod request;

pub use error::ClientError;
pub use request::{Client, Credentials};
