use crate::{Line, UnitPath};

/// An environment of conda, mamba or micromamba, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CondaEnvironment {
    /// The name, or the path, of the environment.
    pub env_name: Line,
    /// The program that manages it; one that is found where such programs usually are, where none is told.
    pub custom_path: Option<UnitPath>,
}

/// A directory with a Python of its own, as `python -m venv` makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonVenv {
    /// The directory, in which there is `bin/python`.
    pub path: UnitPath,
}

/// A project of uv, whose environment `uv run` keeps as its lock file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UvProject {
    /// The directory with the `pyproject.toml`.
    pub project: UnitPath,
}
