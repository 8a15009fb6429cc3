//! The configuration of the pipeline: Fluent Bit, Loki, Grafana, and how they are started.
//!
//! [`Pipeline`] is the one model of it, and [`Pipeline::files`] turns it into files. Nothing here reads or writes any:
//! the same model is the same bytes.

mod alerts;
mod compose;
mod dashboard;
mod file;
mod fluent_bit;
mod grafana;
mod label;
mod loki;
mod pipeline;
mod query;

pub use file::{Decision, KitFile, Manifest, ParseManifestError};
pub use label::Label;
pub use pipeline::{Images, JournalSources, LokiAddress, Part, Pipeline, PipelineError, Ports, Profile};
pub use query::NamedQuery;

#[cfg(test)]
mod tests;
