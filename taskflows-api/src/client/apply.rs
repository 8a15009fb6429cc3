//! Plans and changes of what is installed on a server.

use taskflows_core::effects::{ServiceError, Wanted};
use taskflows_core::{Plan, ServiceName};

use super::Client;

pub(super) async fn plan(client: &Client, _: Wanted<'_>) -> Result<Plan, ServiceError> {
    Err(unable(client))
}

pub(super) async fn install(client: &Client, _: Wanted<'_>) -> Result<Plan, ServiceError> {
    Err(unable(client))
}

pub(super) async fn remove(client: &Client, _: &[ServiceName]) -> Result<Plan, ServiceError> {
    Err(unable(client))
}

fn unable(client: &Client) -> ServiceError {
    let reason = "this version cannot install or remove services on another server".to_owned();
    ServiceError::Remote { server: client.server().to_owned(), reason }
}
