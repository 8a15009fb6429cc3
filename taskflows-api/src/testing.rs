//! What stands in for who asks, and a server on loopback, in tests.

mod fake_definer;
mod probes;

pub use probes::probes;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::http::request::Parts;
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use taskflows_core::schedule::Zones;
use taskflows_core::testing::{FakeServiceManager, MemoryEnvironmentStore, MemoryLogReader, MemoryRunStore};
use taskflows_security::{
    MemoryPeople, MemorySessions, MemoryThrottle, MemoryTokens, Role, TokenKey, random_secret,
};

pub use fake_definer::FakeDefiner;

use crate::server::{
    Api, Audit, AuditError, AuditOutcome, AuditRecord, Authority, Identity, Listener, Refusal, Server,
};
use crate::{Access, Host};

/// Takes everybody for the same person.
#[derive(Clone, Copy, Debug)]
pub struct Everybody(pub Role);

#[async_trait]
impl Authority for Everybody {
    async fn identify(&self, _: Option<IpAddr>, _: &Parts, _: &[u8]) -> Result<Identity, Refusal> {
        Ok(Identity { name: "somebody".to_owned(), role: self.0, by_cookie: false })
    }
}

/// Knows the bearer tokens `viewer`, `operator` and `admin`, each of that role.
#[derive(Clone, Copy, Debug)]
pub struct RoleTokens;

#[async_trait]
impl Authority for RoleTokens {
    async fn identify(&self, _: Option<IpAddr>, request: &Parts, _: &[u8]) -> Result<Identity, Refusal> {
        let header = request.headers.get("authorization").and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer "));
        let token = token.ok_or_else(|| Refusal("no credentials".to_owned()))?;
        let role = token.parse().map_err(|_| Refusal(format!("no such token: {token}")))?;
        Ok(Identity { name: token.to_owned(), role, by_cookie: false })
    }
}

/// A record, and what became of it; `None` where it was written before the change.
pub type Kept = (AuditRecord, Option<AuditOutcome>);

/// Keeps records in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryAudit(Arc<Mutex<Vec<Kept>>>);

impl MemoryAudit {
    /// Returns the records so far: the beginning of each change without an outcome, and each end with one.
    #[must_use]
    pub fn records(&self) -> Vec<Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, record: &AuditRecord, outcome: Option<AuditOutcome>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((record.clone(), outcome));
    }
}

#[async_trait]
impl Audit for MemoryAudit {
    async fn begin(&self, record: &AuditRecord) -> Result<(), AuditError> {
        self.push(record, None);
        Ok(())
    }

    async fn end(&self, record: &AuditRecord, outcome: &AuditOutcome) {
        self.push(record, Some(outcome.clone()));
    }
}

/// Returns a host of fakes that keep state, each reachable by its field.
#[must_use]
pub fn host() -> Host {
    host_over(Arc::new(FakeServiceManager::default()))
}

/// Does as [`host`] with these services.
#[must_use]
pub fn host_over(services: Arc<FakeServiceManager>) -> Host {
    let runs = Arc::new(MemoryRunStore::default());
    Host {
        definer: Arc::new(FakeDefiner::over(Arc::clone(&services))),
        feed: Arc::clone(&services) as _,
        services,
        logs: Arc::new(MemoryLogReader::default()),
        journal_runs: Arc::clone(&runs) as _,
        runs,
        environments: Arc::new(MemoryEnvironmentStore::default()),
        access: access(),
        zones: Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC),
        now: Arc::new(Timestamp::now),
        name: "web1".to_owned(),
        server_id: "0123456789abcdef".to_owned(),
    }
}

/// Returns what is known of who may ask, in memory: nobody, with a key of its own.
#[must_use]
pub fn access() -> Access {
    Access {
        people: Arc::new(MemoryPeople::new(TokenKey::new(&random_secret()))),
        sessions: Arc::new(MemorySessions::default()),
        tokens: Arc::new(MemoryTokens::default()),
        throttle: Arc::new(MemoryThrottle::default()),
        secure_cookies: false,
    }
}

/// Serves `api` on a free port of loopback for as long as the runtime lives, and returns its address.
///
/// # Errors
/// When no port is free.
pub async fn serve(api: Api) -> std::io::Result<SocketAddr> {
    let listener = Listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.address().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    tokio::spawn(Server::new(api).serve(vec![listener], std::future::pending()));
    Ok(address)
}
