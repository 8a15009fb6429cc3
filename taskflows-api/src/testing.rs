//! What stands in for who asks, and a server on loopback, in tests.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::request::Parts;
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use taskflows_core::schedule::Zones;
use taskflows_core::testing::{FakeServiceManager, MemoryEnvironmentStore, MemoryLogReader, MemoryRunStore};
use taskflows_security::{
    MemoryPeople, MemorySessions, MemoryThrottle, MemoryTokens, Role, TokenKey, random_secret,
};

use crate::server::{Api, Authority, Identity, Refusal};
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

/// Returns a host of fakes that keep state, each reachable by its field.
#[must_use]
pub fn host() -> Host {
    let runs = Arc::new(MemoryRunStore::default());
    Host {
        services: Arc::new(FakeServiceManager::default()),
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
    let listener = tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let service = api.router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    Ok(address)
}
