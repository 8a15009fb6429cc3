//! A host of fakes behind a server, and who asks it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use taskflows_api::Host;
use taskflows_api::client::{Client, Credentials, RemoteServiceManager};
use taskflows_api::server::{Api, Authority, Identity, Refusal};
use taskflows_api::testing::{Everybody, host, serve};
use taskflows_core::alerting::AlertMark;
use taskflows_core::effects::{
    Action, Began, Depth, Details, Listing, Origin, Performed, ServiceError, ServiceManager, Start, Target,
    Wanted,
};
use taskflows_core::testing::{FakeServiceManager, MemoryRunStore};
use taskflows_core::{NamePattern, Plan, Service, ServiceName, UnitFiles};
use taskflows_security::Role;

/// When it is.
pub(crate) fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// A server, and what is behind it.
pub(crate) struct Served {
    pub(crate) fake: Arc<FakeServiceManager>,
    pub(crate) runs: Arc<MemoryRunStore>,
    pub(crate) address: SocketAddr,
}

impl Served {
    /// Serves a host to somebody who has `role`.
    pub(crate) async fn to(role: Role) -> Self {
        Self::with(Arc::new(Everybody(role)), Duration::ZERO).await
    }

    /// Serves a host whose actions take some time.
    pub(crate) async fn slow(takes: Duration) -> Self {
        Self::with(Arc::new(Everybody(Role::Operator)), takes).await
    }

    /// Serves a host to whom `authority` recognises.
    pub(crate) async fn with(authority: Arc<dyn Authority>, takes: Duration) -> Self {
        let fake = Arc::new(FakeServiceManager::at(now() - SignedDuration::from_mins(1)));
        let runs = Arc::new(MemoryRunStore::default());
        let services =
            Arc::new(Between { changes: Arc::clone(&fake) as _, rest: Arc::clone(&fake) as _, takes });
        let host = Host {
            services,
            runs: Arc::clone(&runs) as _,
            journal_runs: Arc::clone(&runs) as _,
            feed: Arc::clone(&fake) as _,
            now: Arc::new(now),
            ..host()
        };
        let address = serve(Api::new(host, authority)).await.unwrap();
        Self { fake, runs, address }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new("web1", &format!("http://{}", self.address), Credentials::None).unwrap()
    }

    pub(crate) fn remote(&self) -> RemoteServiceManager {
        RemoteServiceManager::new(self.client())
    }

    /// Installs services that run these commands.
    pub(crate) async fn install(&self, services: &[(&str, &str)]) {
        let build =
            |(name, command): &(&str, &str)| Service::builder(*name).start_command(*command).build().unwrap();
        let services: Vec<Service> = services.iter().map(build).collect();
        self.fake.install(Wanted::services(&services)).await.unwrap();
    }
}

/// Recognises nobody.
#[derive(Debug)]
pub(crate) struct Nobody;

#[async_trait]
impl Authority for Nobody {
    async fn identify(&self, _: Option<IpAddr>, _: &Parts, _: &[u8]) -> Result<Identity, Refusal> {
        Err(Refusal("a test".to_owned()))
    }
}

/// Asks one manager for plans and changes of what is installed, and another for the rest; actions take some time.
pub(crate) struct Between {
    pub(crate) changes: Arc<dyn ServiceManager>,
    pub(crate) rest: Arc<dyn ServiceManager>,
    pub(crate) takes: Duration,
}

#[async_trait]
impl ServiceManager for Between {
    async fn plan(&self, wanted: Wanted<'_>) -> Result<Plan, ServiceError> {
        self.changes.plan(wanted).await
    }

    async fn install(&self, wanted: Wanted<'_>) -> Result<Plan, ServiceError> {
        self.changes.install(wanted).await
    }

    async fn remove(&self, names: &[ServiceName]) -> Result<Plan, ServiceError> {
        self.changes.remove(names).await
    }

    async fn perform(
        &self,
        names: &[ServiceName],
        action: Action,
        target: Target,
    ) -> Result<Vec<Performed>, ServiceError> {
        tokio::time::sleep(self.takes).await;
        self.rest.perform(names, action, target).await
    }

    async fn names(&self, patterns: &[NamePattern]) -> Result<Vec<ServiceName>, ServiceError> {
        self.rest.names(patterns).await
    }

    async fn origins(&self, patterns: &[NamePattern]) -> Result<Vec<Origin>, ServiceError> {
        self.rest.origins(patterns).await
    }

    async fn alerts(
        &self,
        patterns: &[NamePattern],
    ) -> Result<BTreeMap<ServiceName, AlertMark>, ServiceError> {
        self.rest.alerts(patterns).await
    }

    async fn began(&self, name: &ServiceName) -> Result<Option<Began>, ServiceError> {
        self.rest.began(name).await
    }

    async fn ensure_support_units(&self) -> Result<bool, ServiceError> {
        self.rest.ensure_support_units().await
    }

    fn is_interrupted(&self) -> bool {
        self.rest.is_interrupted()
    }

    async fn list(&self, patterns: &[NamePattern]) -> Result<Vec<Listing>, ServiceError> {
        self.rest.list(patterns).await
    }

    async fn upcoming(&self, patterns: &[NamePattern], count: usize) -> Result<Vec<Start>, ServiceError> {
        self.rest.upcoming(patterns, count).await
    }

    async fn details(&self, patterns: &[NamePattern], depth: Depth) -> Result<Vec<Details>, ServiceError> {
        self.rest.details(patterns, depth).await
    }

    async fn files(&self, name: &ServiceName) -> Result<UnitFiles, ServiceError> {
        self.rest.files(name).await
    }

    async fn drop_ins(&self, name: &ServiceName) -> Result<BTreeMap<String, String>, ServiceError> {
        self.rest.drop_ins(name).await
    }
}
