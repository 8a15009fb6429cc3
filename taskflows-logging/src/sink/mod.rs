//! Where lines go.

mod backoff;
mod config;
mod file;
mod forward;
mod journald;
mod line;
mod loki;
mod queue;
mod stdout;
mod worker;

pub use config::{SinkConfig, SinkError};
pub use line::{Labels, Line, Sink};
