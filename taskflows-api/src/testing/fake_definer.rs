use std::sync::Arc;

use async_trait::async_trait;
use taskflows_core::effects::{Removal, ServiceManager, Wanted};
use taskflows_core::schedule::Zones;
use taskflows_core::testing::FakeServiceManager;
use taskflows_core::{Format, Plan, Service, ServiceName, Source, read_document};

use crate::ports::{DefineError, Definer};
use crate::wire::{Applied, Order};

/// Takes definitions for a service manager in memory. It keeps no alert groups, and prunes by whole files alone.
#[derive(Clone, Debug)]
pub struct FakeDefiner {
    services: Arc<FakeServiceManager>,
}

struct Request {
    services: Vec<Service>,
    removals: Vec<Removal>,
}

impl FakeDefiner {
    /// Takes definitions for `services`.
    #[must_use]
    pub fn over(services: Arc<FakeServiceManager>) -> Self {
        Self { services }
    }

    async fn request(&self, order: &Order) -> Result<Request, DefineError> {
        let zones = Zones::new(jiff::tz::TimeZoneDatabase::bundled(), jiff::tz::TimeZone::UTC);
        let text = serde_json::to_string_pretty(&order.definition).unwrap_or_default();
        let read = read_document(&Source::new("definition", text, Format::Json), &zones);
        let mut services = read.map_err(|error| DefineError::from(&error))?.services;
        for service in &mut services {
            let source = order.sources.get(service.name.as_str()).map(|source| source.parse()).transpose();
            service.source = source.map_err(|error| DefineError::wrong(format!("{error}")))?;
        }
        let removals: Result<Vec<Removal>, _> = order.removals.iter().map(Removal::try_from).collect();
        let mut removals = removals.map_err(|error| DefineError::wrong(error.to_string()))?;
        if order.prune && !order.scope.files.is_empty() {
            let is_defined = |name: &ServiceName| services.iter().any(|service| service.name == *name);
            for origin in self.services.origins(&[]).await? {
                let source = origin.source.filter(|source| order.scope.files.contains(source));
                let gone = source.filter(|_| !is_defined(&origin.name));
                removals.extend(gone.map(|source| Removal { name: origin.name, source }));
            }
        }
        Ok(Request { services, removals })
    }
}

impl Request {
    fn wanted(&self, order: &Order) -> Wanted<'_> {
        Wanted { services: &self.services, removals: &self.removals, edits: order.edits.into() }
    }
}

fn applied(plan: Plan) -> Applied {
    Applied { plan: plan.into(), ..Applied::default() }
}

#[async_trait]
impl Definer for FakeDefiner {
    async fn plan(&self, order: &Order) -> Result<Applied, DefineError> {
        let request = self.request(order).await?;
        Ok(applied(self.services.plan(request.wanted(order)).await?))
    }

    async fn apply(&self, order: &Order) -> Result<Applied, DefineError> {
        let request = self.request(order).await?;
        Ok(applied(self.services.install(request.wanted(order)).await?))
    }

    async fn remove(&self, names: &[ServiceName]) -> Result<Applied, DefineError> {
        Ok(applied(self.services.remove(names).await?))
    }
}
