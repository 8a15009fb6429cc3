//! Definition files: TOML, YAML or JSON into services, with every problem at its place.

mod decode;
mod env_file;
mod json;
mod nearest;
mod node;
mod problem;
mod schema;
mod shape;
mod source;
mod toml;
mod write;
mod yaml;

pub use decode::{
    AlertGroupUse, Definition, EnvironmentUse, OpenIncluded, Surroundings, read, read_alert_group,
    read_document, read_environment, read_in,
};
pub use env_file::{EnvFileError, EnvFileReader, check_env_file};
pub use nearest::nearest;
pub use problem::{DefinitionError, Problem, Severity};
pub use schema::schema;
pub use source::{Format, Source};
pub use write::write_document;
