//! Definition files: TOML, YAML or JSON into services, with every problem at its place.

mod decode;
mod json;
mod nearest;
mod node;
mod problem;
mod source;
mod toml;
mod yaml;

pub use decode::{Definition, read};
pub use nearest::nearest;
pub use problem::{DefinitionError, Problem, Severity};
pub use source::{Format, Source};
