use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use jiff::Timestamp;
use thiserror::Error;

use super::ServiceManager;
use crate::{Environment, EnvironmentName, Line, Service, ServiceName};

/// Keeps environments under names, so that several services share one: a file of this host, a server, memory.
#[async_trait]
pub trait EnvironmentStore: fmt::Debug + Send + Sync {
    /// Returns all of them, sorted by name.
    ///
    /// # Errors
    /// When what is kept cannot be read, or is damaged.
    async fn list(&self) -> Result<Vec<NamedEnvironment>, EnvironmentError>;

    /// Keeps a new environment.
    ///
    /// # Errors
    /// When there is one of that name already, or it cannot be written.
    async fn create(&self, environment: NamedEnvironment) -> Result<(), EnvironmentError>;

    /// Puts an environment in the place of the one called `name`, whose name may change; when it was created stays.
    ///
    /// # Errors
    /// When there is none called `name`, when another has the new name, or it cannot be written.
    async fn replace(&self, name: &EnvironmentName, with: NamedEnvironment) -> Result<(), EnvironmentError>;

    /// Forgets an environment.
    ///
    /// # Errors
    /// When there is none of that name, or it cannot be written.
    async fn remove(&self, name: &EnvironmentName) -> Result<(), EnvironmentError>;
}

/// An environment that is kept under a name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedEnvironment {
    /// The name.
    pub name: EnvironmentName,
    /// One line about it.
    pub description: Option<Line>,
    /// The environment as its author wrote it, which is what is kept.
    pub definition: serde_json::Value,
    /// What that means.
    pub environment: Environment,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Why environments could not be read or changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// There is none of that name.
    #[error("there is no environment `{name}`{}", near.as_ref().map_or_else(String::new, |near| format!(", did you mean `{near}`?")))]
    NotFound {
        /// The name.
        name: String,
        /// The one that may be meant.
        near: Option<String>,
    },
    /// There is one of that name already.
    #[error("there is an environment `{name}` already")]
    Exists {
        /// The name.
        name: String,
    },
    /// Services use it, so that it can neither go nor be called otherwise.
    #[error("`{name}` is used by {}", users.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(", "))]
    InUse {
        /// The name.
        name: String,
        /// Who uses it.
        users: Vec<ServiceName>,
    },
    /// Who keeps them could not be asked, or refused.
    #[error("could not {operation}")]
    Unavailable {
        /// What was tried.
        operation: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is kept cannot be understood, and is left as it is.
    #[error("`{}` is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("could not {operation} `{}`", path.display())]
    File {
        /// What was tried.
        operation: Cow<'static, str>,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl EnvironmentError {
    /// Tells whether there is no such environment.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Says that there is no environment `name` among `known`.
    pub fn not_found<'a>(name: &EnvironmentName, known: impl Iterator<Item = &'a EnvironmentName>) -> Self {
        let near = crate::nearest(name.as_str(), known.map(EnvironmentName::as_str)).map(str::to_owned);
        Self::NotFound { name: name.to_string(), near }
    }
}

/// Which services use the environments that a host keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvironmentUsers(BTreeMap<String, Vec<ServiceName>>);

impl EnvironmentUsers {
    /// Asks `services` for them.
    ///
    /// # Errors
    /// When the installed services cannot be read.
    pub async fn find(services: &dyn ServiceManager) -> Result<Self, super::ServiceError> {
        let mut users: BTreeMap<String, Vec<ServiceName>> = BTreeMap::new();
        for origin in services.origins(&[]).await? {
            if let Some(environment) = origin.environment {
                users.entry(environment).or_default().push(origin.name);
            }
        }
        Ok(Self(users))
    }

    /// Returns those of one environment, sorted by name.
    pub fn of(&self, name: &EnvironmentName) -> &[ServiceName] {
        self.0.get(name.as_str()).map_or(&[], Vec::as_slice)
    }

    /// Tells whether an environment may go, or get another name: no service uses it.
    ///
    /// # Errors
    /// When one does.
    pub fn check_unused(&self, name: &EnvironmentName) -> Result<(), EnvironmentError> {
        match self.of(name) {
            [] => Ok(()),
            users => Err(EnvironmentError::InUse { name: name.to_string(), users: users.to_vec() }),
        }
    }
}

impl NamedEnvironment {
    /// Puts the environments that `services` name in them, out of `kept`.
    ///
    /// # Errors
    /// Tells, with the service, of a name that none has, and of a service that does not fit what it names.
    pub fn resolve(services: &mut [Service], kept: &[Self]) -> Result<(), super::ServiceError> {
        for service in services {
            let Some(choice) = service.environment.take() else { continue };
            let failed = |reason: String| super::ServiceError::Render { name: service.name.clone(), reason };
            let choice = match (choice.name(), choice.environment()) {
                (Some(name), None) => {
                    let Some(found) = kept.iter().find(|one| one.name == *name) else {
                        let error = EnvironmentError::not_found(name, kept.iter().map(|one| &one.name));
                        return Err(failed(error.to_string()));
                    };
                    choice.found(found.environment.clone())
                }
                _ => choice,
            };
            service.environment = Some(choice);
            service.check().map_err(|error| super::ServiceError::Render {
                name: service.name.clone(),
                reason: error.to_string(),
            })?;
        }
        Ok(())
    }
}
