use std::fmt;

use thiserror::Error;

use crate::{EngineName, UnitPath};

/// Finds the programs that environments need, on the host where a service is installed.
///
/// Units name them by their absolute paths: systemd looks for programs in a few directories only.
pub trait Toolbox: fmt::Debug + Send + Sync {
    /// Finds a container engine: the one that is wanted, else any; `host` is where it listens, if that is told.
    ///
    /// # Errors
    /// When there is none.
    fn engine(&self, wanted: Option<&EngineName>, host: Option<&str>) -> Result<Engine, ToolError>;

    /// Finds conda, mamba or micromamba, unless `custom` tells which one.
    ///
    /// # Errors
    /// When there is none, or it does not say which options it has.
    fn conda(&self, custom: Option<&UnitPath>) -> Result<Conda, ToolError>;

    /// Returns the absolute path of uv.
    ///
    /// # Errors
    /// When there is none.
    fn uv(&self) -> Result<String, ToolError>;
}

/// A container engine's command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// The absolute path of the program.
    pub program: String,
    /// What comes before its verb: where the engine listens.
    pub options: Vec<String>,
    /// Whether it asks a daemon, as docker does.
    pub has_daemon: bool,
}

/// A manager of conda environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conda {
    /// The path of the program, `~` included where it was told so.
    pub program: String,
    /// The options of its `run` that pass output on as it is written.
    pub live: Vec<String>,
}

/// A program that is not there, or does not say what must be known of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}: {remedy}")]
pub struct ToolError {
    /// What is wrong.
    what: String,
    /// What can be done about it.
    remedy: String,
}

impl ToolError {
    /// Says that a program is not installed.
    pub fn missing(what: impl fmt::Display, remedy: impl Into<String>) -> Self {
        Self { what: format!("{what} is not installed here"), remedy: remedy.into() }
    }

    /// Says why the command line `what` gave no answer.
    pub fn silent(what: impl fmt::Display, reason: impl fmt::Display, remedy: impl Into<String>) -> Self {
        Self { what: format!("`{what}` failed: {reason}"), remedy: remedy.into() }
    }
}
