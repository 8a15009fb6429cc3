//! Loki: where it is, and how it is read and written.

mod reader;
mod runs;
mod settings;

pub use reader::LokiReader;
pub use runs::LokiRuns;
pub use settings::LokiSettings;
