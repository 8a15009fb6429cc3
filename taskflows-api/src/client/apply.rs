//! Definitions that are sent to a server.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use taskflows_core::effects::{ServiceError, Wanted};
use taskflows_core::{Plan, Service, ServiceName, write_document};

use super::translate::service_error;
use super::{Client, ClientError};
use crate::ports::{DefineError, Definer};
use crate::server::Problem;
use crate::wire::{Applied, Names, Order, WireRemoval};

/// A change goes on when nobody waits for it any more, so its end is waited for, longer than a server takes for it.
const DEADLINE: Duration = Duration::from_secs(40);

/// Sends definitions to the server of a client.
#[derive(Clone, Debug)]
pub struct RemoteDefiner(pub Client);

#[async_trait]
impl Definer for RemoteDefiner {
    async fn plan(&self, order: &Order) -> Result<Applied, DefineError> {
        sent(&self.0, "/api/plan", order).await
    }

    async fn apply(&self, order: &Order) -> Result<Applied, DefineError> {
        sent(&self.0, "/api/apply", order).await
    }

    async fn remove(&self, names: &[ServiceName]) -> Result<Applied, DefineError> {
        let names = Names { names: names.iter().map(ToString::to_string).collect() };
        sent(&self.0, "/api/remove", &names).await
    }
}

/// Does what [`ServiceManager::plan`](taskflows_core::effects::ServiceManager::plan) does, on a server.
///
/// # Errors
/// As that, and when there is no answer.
pub async fn plan(client: &Client, wanted: Wanted<'_>) -> Result<Plan, ServiceError> {
    planned(client, RemoteDefiner(client.clone()).plan(&order_of(wanted)).await)
}

/// Does what [`ServiceManager::install`](taskflows_core::effects::ServiceManager::install) does, on a server.
///
/// # Errors
/// As that, and when there is no answer.
pub async fn install(client: &Client, wanted: Wanted<'_>) -> Result<Plan, ServiceError> {
    planned(client, RemoteDefiner(client.clone()).apply(&order_of(wanted)).await)
}

/// Does what [`ServiceManager::remove`](taskflows_core::effects::ServiceManager::remove) does, on a server.
///
/// # Errors
/// As that, and when there is no answer.
pub async fn remove(client: &Client, names: &[ServiceName]) -> Result<Plan, ServiceError> {
    planned(client, RemoteDefiner(client.clone()).remove(names).await)
}

/// Writes what is wanted as an order. What is gone from the definitions is known already, so it is named.
fn order_of(wanted: Wanted<'_>) -> Order {
    let source = |service: &Service| Some((service.name.to_string(), service.source.as_ref()?.to_string()));
    Order {
        definition: write_document(wanted.services, &BTreeMap::new()),
        sources: wanted.services.iter().filter_map(source).collect(),
        prune: true,
        removals: wanted.removals.iter().map(WireRemoval::from).collect(),
        edits: wanted.edits.into(),
        ..Order::default()
    }
}

async fn sent<B: serde::Serialize + Sync>(
    client: &Client,
    target: &str,
    body: &B,
) -> Result<Applied, DefineError> {
    let patient = client.clone().with_deadline(DEADLINE);
    patient.send(Method::POST, target, Some(body)).await.map_err(refused)
}

fn planned(client: &Client, applied: Result<Applied, DefineError>) -> Result<Plan, ServiceError> {
    match applied {
        Ok(applied) => Plan::try_from(applied.plan)
            .map_err(|error| service_error(client.malformed(error.to_string()), "change services")),
        Err(DefineError::Services(error)) => Err(error),
        Err(error) => Err(failed(client, error.to_string())),
    }
}

/// Returns the error that the server had.
fn refused(error: ClientError) -> DefineError {
    match error {
        ClientError::Refused { problem: Problem { fault: Some(fault), .. }, .. } => {
            DefineError::Definition(fault)
        }
        error => service_error(error, "change services").into(),
    }
}

fn failed(client: &Client, reason: String) -> ServiceError {
    ServiceError::Refused { operation: format!("change services of {}", client.server()), reason }
}
