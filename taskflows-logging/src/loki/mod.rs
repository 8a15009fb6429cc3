//! Loki: where it is, and how it is read and written.

mod client;
mod reader;
mod runs;
mod settings;

pub(crate) use client::{client, endpoint, unanswered};
pub use reader::LokiReader;
pub use runs::LokiRuns;
pub use settings::LokiSettings;
