use std::time::Duration;

use taskflows_core::effects::ServiceError;
use tokio::time::timeout;
use zbus::connection::Builder;

use super::Limits;
use crate::Scope;

/// A connection to a manager.
#[derive(Clone, Debug)]
pub(crate) struct Bus {
    pub(super) connection: zbus::Connection,
    pub(super) limits: Limits,
    scope: Scope,
}

impl Bus {
    /// Connects to the manager of `scope` through the message bus at `address`.
    ///
    /// systemctl prefers the manager's private socket. zbus cannot: the manager signs there with a name
    /// that is no unique name, which zbus refuses to read.
    pub(crate) async fn connect(address: &str, scope: Scope, limits: Limits) -> Result<Self, ServiceError> {
        let limit = limits.read;
        let connected = timeout(limit, async { Builder::address(address).build().await }).await;
        let connection = connected
            .map_err(|_| ServiceError::TimedOut {
                operation: format!("connect to the {scope} manager"),
                limit,
            })?
            .map_err(|source| ServiceError::Unreachable { what: manager_of(scope), source: source.into() })?;
        Ok(Self { connection, limits, scope })
    }

    /// Tells whether the other end is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.connection.is_closed()
    }

    /// Returns how long a job may take.
    pub(crate) fn job_limit(&self) -> Duration {
        self.limits.job
    }

    /// Returns how long a service that was started is watched for a failure at once.
    pub(crate) fn settle(&self) -> Duration {
        self.limits.settle
    }

    /// Names the manager in words.
    pub(super) fn what(&self) -> String {
        manager_of(self.scope)
    }

    /// Waits for `call` at most `limit`.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        operation: &str,
        call: impl Future<Output = zbus::Result<T>>,
    ) -> Result<T, ServiceError> {
        match timeout(limit, call).await {
            Ok(result) => result.map_err(|error| self.translate(operation, error)),
            Err(_) => Err(ServiceError::TimedOut { operation: operation.to_owned(), limit }),
        }
    }
}

fn manager_of(scope: Scope) -> String {
    format!("the systemd {scope} manager")
}
