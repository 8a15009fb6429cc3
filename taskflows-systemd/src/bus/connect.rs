use std::io;
use std::sync::Arc;
use std::time::Duration;

use taskflows_core::effects::ServiceError;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use zbus::connection::Builder;

use super::Limits;
use crate::Scope;

/// A connection to a manager.
#[derive(Clone, Debug)]
pub(crate) struct Bus {
    pub(super) connection: zbus::Connection,
    pub(super) limits: Limits,
    /// As many calls as may wait for an answer at the same time.
    calls: Arc<Semaphore>,
    scope: Scope,
}

/// So many calls wait for an answer at the same time: enough that the manager never waits for us, fewer than
/// the 128 a system bus allows one connection, and few enough for our memory.
const AT_ONCE: usize = 100;

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
            .map_err(|source| unreachable(scope, source))?;
        Ok(Self { connection, limits, calls: Arc::new(Semaphore::new(AT_ONCE)), scope })
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

    /// Waits for `call` at most `limit` from when its turn has come.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        operation: &str,
        call: impl Future<Output = zbus::Result<T>>,
    ) -> Result<T, ServiceError> {
        // It is never closed.
        let _turn = self.calls.acquire().await;
        match timeout(limit, call).await {
            Ok(result) => result.map_err(|error| self.translate(operation, error)),
            Err(_) => Err(ServiceError::TimedOut { operation: operation.to_owned(), limit }),
        }
    }
}

fn unreachable(scope: Scope, error: zbus::Error) -> ServiceError {
    let kind = match &error {
        zbus::Error::InputOutput(cause) => Some(cause.kind()),
        zbus::Error::Connection(cause, _) => Some(cause.kind()),
        _ => None,
    };
    if kind == Some(io::ErrorKind::PermissionDenied) {
        let operation = format!("connect to {}", manager_of(scope));
        return ServiceError::PermissionDenied { operation, source: error.into() };
    }
    ServiceError::Unreachable { what: manager_of(scope), source: error.into() }
}

fn manager_of(scope: Scope) -> String {
    format!("the systemd {scope} manager")
}
