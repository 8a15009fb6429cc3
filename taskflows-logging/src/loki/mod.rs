//! Loki: where it is, and how it is read and written.

mod answer;
mod client;
mod entry;
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

pub(crate) use client::{client, endpoint, unanswered};
pub use probe::LokiProbe;
pub use reader::LokiReader;
pub use runs::LokiRuns;
pub use settings::LokiSettings;
