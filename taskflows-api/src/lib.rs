#![doc = include_str!("../README.md")]

mod access;
pub mod client;
mod host;
pub mod ports;
pub mod server;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
pub mod wire;

pub use access::Access;
pub use host::Host;
