//! The client of one server.

mod apply;
mod error;
mod query;
mod request;
mod services;
mod translate;

pub use error::ClientError;
pub use request::{Client, Credentials};
pub use services::RemoteServiceManager;
