//! What a command runs in: a Python environment, or a container.

mod container;
mod image;
mod mapping;
mod options;
mod python;

use std::fmt;

pub use container::{Container, ContainerName, EngineName};
pub use image::{BuildSpec, Image, ImageName};
pub use mapping::{Port, Ulimit, Volume};
pub(crate) use options::{BUILD, RUN};
pub use options::{OptionError, OptionKind, OptionRule};
pub use python::{CondaEnvironment, PythonVenv, UvProject};

use crate::words::checked_text;

/// What a command runs in.
///
/// ```
/// use taskflows_core::{Environment, Service, Container};
///
/// let web = Service::builder("web")
///     .environment(Environment::from(Container::new("nginx:1.27")?))
///     .build()?;
/// assert!(web.container().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Environment {
    /// An environment of conda, mamba or micromamba.
    Conda(CondaEnvironment),
    /// A directory that `python -m venv`, virtualenv or uv made.
    Venv(PythonVenv),
    /// A project of uv.
    Uv(UvProject),
    /// A container of docker or podman.
    Container(Box<Container>),
}

impl From<CondaEnvironment> for Environment {
    fn from(conda: CondaEnvironment) -> Self {
        Self::Conda(conda)
    }
}

impl From<PythonVenv> for Environment {
    fn from(venv: PythonVenv) -> Self {
        Self::Venv(venv)
    }
}

impl From<UvProject> for Environment {
    fn from(project: UvProject) -> Self {
        Self::Uv(project)
    }
}

impl From<Container> for Environment {
    fn from(container: Container) -> Self {
        Self::Container(Box::new(container))
    }
}

impl Environment {
    /// Returns one word for what it is: `conda`, `venv`, `uv`, `container`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Conda(_) => "conda",
            Self::Venv(_) => "venv",
            Self::Uv(_) => "uv",
            Self::Container(_) => "container",
        }
    }
}

impl fmt::Display for Environment {
    /// Writes what tells it from others of its kind: a name, a path, an image.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conda(conda) => f.write_str(conda.env_name.as_str()),
            Self::Venv(venv) => venv.path.fmt(f),
            Self::Uv(uv) => uv.project.fmt(f),
            Self::Container(container) => container.image.name().fmt(f),
        }
    }
}

checked_text! {
    /// The name under which an environment is kept for several services.
    ///
    /// Letters, digits, `_`, `.` and `-`, a letter or digit at both ends.
    EnvironmentName, is_environment_name, "is no name for an environment (letters, digits, `_`, `.`, `-`; a letter or digit at both ends)"
}

fn is_environment_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let ends = |c: char| c.is_ascii_alphanumeric();
    let good = text.chars().all(plain) && text.starts_with(ends) && text.ends_with(ends);
    good && !text.contains("..") && text.len() <= 100
}

/// The environment of a service: one of its own, or one that is kept on the host under a name.
///
/// A named one is looked up on the host where the service is installed, when it is planned or installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentChoice {
    pub(crate) name: Option<EnvironmentName>,
    pub(crate) environment: Option<Environment>,
}

impl EnvironmentChoice {
    /// Takes the one that the host keeps under `name`.
    pub fn named(name: EnvironmentName) -> Self {
        Self { name: Some(name), environment: None }
    }

    /// Returns the name, where it is kept under one.
    pub fn name(&self) -> Option<&EnvironmentName> {
        self.name.as_ref()
    }

    /// Returns the environment; `None` where it has yet to be looked up.
    pub fn environment(&self) -> Option<&Environment> {
        self.environment.as_ref()
    }

    /// Puts in what was found under the name.
    #[must_use]
    pub fn found(self, environment: Environment) -> Self {
        Self { environment: Some(environment), ..self }
    }
}

impl From<Environment> for EnvironmentChoice {
    fn from(environment: Environment) -> Self {
        Self { name: None, environment: Some(environment) }
    }
}
