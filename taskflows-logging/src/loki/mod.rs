//! Loki: where it is, and how it is read and written.

mod answer;
mod client;
mod entry;
mod error;
#[cfg(test)]
mod fake;
mod follow;
mod http;
mod literal;
pub mod logql;
mod pages;
mod probe;
mod reader;
mod runs;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use client::{client, endpoint};
pub use error::LokiError;
pub use probe::{LokiProbe, Readiness};
pub use reader::LokiReader;
pub use runs::LokiRuns;
pub use settings::LokiSettings;
