//! The environments that another host keeps.

use async_trait::async_trait;
use http::Method;
use serde_json::value::to_raw_value;
use taskflows_core::EnvironmentName;
use taskflows_core::effects::{EnvironmentError, EnvironmentStore, NamedEnvironment};

use super::{Client, ClientError};
use crate::wire::{EnvironmentToKeep, KeptEnvironment};

const PATH: &str = "/api/environments";

/// Keeps environments on another host.
#[derive(Clone, Debug)]
pub struct RemoteEnvironments {
    client: Client,
}

impl RemoteEnvironments {
    /// Keeps them on the server that `client` asks.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Says what became of `name`; `with` is the name that is to be kept.
    fn failed(&self, error: ClientError, name: &str, with: &str) -> EnvironmentError {
        match error.code() {
            Some("no-such-environment") => EnvironmentError::NotFound { name: name.to_owned(), near: None },
            Some("environment-exists") => EnvironmentError::Exists { name: with.to_owned() },
            _ => self.unavailable(error),
        }
    }

    fn unavailable(&self, error: ClientError) -> EnvironmentError {
        let operation = format!("use the environments of {}", self.client.server());
        EnvironmentError::Unavailable { operation, source: error.into() }
    }

    fn sent(&self, one: NamedEnvironment) -> Result<EnvironmentToKeep, EnvironmentError> {
        let definition = to_raw_value(&one.definition);
        let definition =
            definition.map_err(|error| self.unavailable(self.client.malformed(error.to_string())))?;
        Ok(EnvironmentToKeep {
            name: Some(one.name.to_string()),
            description: one.description.map(|text| text.to_string()),
            definition,
            created_at: Some(one.created_at),
            updated_at: Some(one.updated_at),
        })
    }
}

/// A name has no character that a path may not hold.
fn target(name: &EnvironmentName) -> String {
    format!("{PATH}/{name}")
}

#[async_trait]
impl EnvironmentStore for RemoteEnvironments {
    async fn list(&self) -> Result<Vec<NamedEnvironment>, EnvironmentError> {
        let kept: Vec<KeptEnvironment> =
            self.client.get(PATH).await.map_err(|error| self.unavailable(error))?;
        let misfit =
            |misfit: crate::wire::Misfit| self.unavailable(self.client.malformed(misfit.to_string()));
        kept.into_iter().map(|one| one.try_into().map_err(misfit)).collect()
    }

    async fn create(&self, environment: NamedEnvironment) -> Result<(), EnvironmentError> {
        let name = environment.name.to_string();
        let sent = self.sent(environment)?;
        let created = self.client.send::<_, KeptEnvironment>(Method::POST, PATH, Some(&sent)).await;
        created.map(drop).map_err(|error| self.failed(error, &name, &name))
    }

    async fn replace(&self, name: &EnvironmentName, with: NamedEnvironment) -> Result<(), EnvironmentError> {
        let after = with.name.to_string();
        let sent = self.sent(with)?;
        let replaced = self.client.send::<_, KeptEnvironment>(Method::PUT, &target(name), Some(&sent)).await;
        replaced.map(drop).map_err(|error| self.failed(error, name.as_str(), &after))
    }

    async fn remove(&self, name: &EnvironmentName) -> Result<(), EnvironmentError> {
        let removed = self.client.send::<(), ()>(Method::DELETE, &target(name), None).await;
        removed.map_err(|error| self.failed(error, name.as_str(), name.as_str()))
    }
}
