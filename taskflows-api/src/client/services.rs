use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use serde::de::DeserializeOwned;
use taskflows_core::alerting::AlertMark;
use taskflows_core::effects::{
    self, Action, Depth, Origin, Performed, ServiceError, ServiceManager, Target, Wanted,
};
use taskflows_core::{NamePattern, Plan, ServiceName, UnitFiles};

use super::path::{path, with_query};
use super::translate::{service_error, unreadable};
use super::{Client, ClientError, apply};
use crate::wire;

/// How long a request waits for the end of an action before it is asked for once more.
const WAIT: Duration = Duration::from_secs(20);
/// How much longer the server has to answer such a request.
const GRACE: Duration = Duration::from_secs(8);
/// So many services are acted on with one request.
const MOST_NAMES: usize = 500;

/// The services of another host, by its API.
#[derive(Debug)]
pub struct RemoteServiceManager {
    client: Client,
    who: Option<String>,
    wait: Duration,
    is_interrupted: AtomicBool,
}

impl RemoteServiceManager {
    /// Takes the services of the server that `client` asks.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, who: None, wait: WAIT, is_interrupted: AtomicBool::new(false) }
    }

    /// Says who asks, for the history of the server: its credentials may stand for many.
    #[must_use]
    pub fn for_user(self, who: Option<String>) -> Self {
        Self { who, ..self }
    }

    /// Lets one request wait this long for the end of an action, at most 25 s, before it is asked for once more.
    #[must_use]
    pub fn with_wait(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// Asks whether an earlier change was cut off in the middle, which [`ServiceManager::is_interrupted`] then says.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub async fn look_for_interruption(&self) -> Result<bool, ServiceError> {
        let what = "look for changes that were cut off";
        let found: wire::Interruption = self.get("/api/interruption", what).await?;
        self.is_interrupted.store(found.is_interrupted, Ordering::Relaxed);
        Ok(found.is_interrupted)
    }

    async fn get<T: DeserializeOwned>(&self, target: &str, operation: &str) -> Result<T, ServiceError> {
        self.client.get(target).await.map_err(|error| service_error(error, operation))
    }

    /// Reads what the server has of each service that `target` selects.
    async fn each<W, T>(&self, target: String, operation: &str) -> Result<Vec<T>, ServiceError>
    where
        W: DeserializeOwned,
        T: TryFrom<W, Error = wire::Misfit>,
    {
        let found: Vec<W> = self.get(&target, operation).await?;
        let found = found.into_iter().map(T::try_from).collect::<Result<_, _>>();
        found.map_err(|error| unreadable(&self.client, error))
    }

    /// Acts, and asks for the end until there is one.
    async fn act(&self, body: &wire::BatchBody) -> Result<Vec<Performed>, ServiceError> {
        let client = self.client.clone().with_deadline(self.wait + GRACE);
        let operation = format!("{} services", word(body.action));
        let begun = client.send(Method::POST, "/api/batch", Some(body)).await;
        let mut batch: wire::Batch = begun.map_err(|error| service_error(error, &operation))?;
        while !batch.done {
            let Some(id) = batch.wait else {
                let reason = "an action that goes on has no id".to_owned();
                return Err(service_error(client.malformed(reason), &operation));
            };
            let timeout = self.wait.as_secs_f64().to_string();
            let target = with_query(&path("/api/waits", &[&id]), &[("timeout", &timeout)]);
            let asked = client.get(&target).await;
            batch = asked.map_err(|error| match error {
                // It was begun, and may go on.
                ClientError::Unreachable { server, reason } => ServiceError::ConnectionLost {
                    what: server,
                    operation: operation.clone(),
                    source: reason.into(),
                },
                other => service_error(other, &operation),
            })?;
        }
        let server = client.server();
        let results = batch.results.into_iter().map(|one| one.into_performed(server));
        results.collect::<Result<_, _>>().map_err(|error| unreadable(&client, error))
    }
}

fn word(action: wire::ServiceAction) -> &'static str {
    match action {
        wire::ServiceAction::Start => "start",
        wire::ServiceAction::Stop => "stop",
        wire::ServiceAction::Restart => "restart",
        wire::ServiceAction::Enable => "enable",
        wire::ServiceAction::Disable => "disable",
    }
}

/// Asks for what is at `path` of the services that `patterns` select, of which one may select nothing.
fn selecting(path: &str, patterns: &[NamePattern], more: &[(&str, &str)]) -> String {
    let mut pairs: Vec<_> = patterns.iter().map(|pattern| ("match", pattern.as_str())).collect();
    if !patterns.is_empty() {
        pairs.push(("missing", "ignore"));
    }
    pairs.extend(more);
    with_query(path, &pairs)
}

fn of_service(name: &ServiceName, what: &str) -> String {
    path("/api/services", &[name.as_str(), what])
}

#[async_trait]
impl ServiceManager for RemoteServiceManager {
    async fn plan(&self, wanted: Wanted<'_>) -> Result<Plan, ServiceError> {
        apply::plan(&self.client, wanted).await
    }

    async fn install(&self, wanted: Wanted<'_>) -> Result<Plan, ServiceError> {
        apply::install(&self.client, wanted).await
    }

    async fn remove(&self, names: &[ServiceName]) -> Result<Plan, ServiceError> {
        apply::remove(&self.client, names).await
    }

    async fn perform(
        &self,
        names: &[ServiceName],
        action: Action,
        target: Target,
    ) -> Result<Vec<Performed>, ServiceError> {
        let (action, wait) = wire::ServiceAction::of(action);
        let mut performed = Vec::with_capacity(names.len());
        for names in names.chunks(MOST_NAMES) {
            let body = wire::BatchBody {
                names: names.iter().map(ServiceName::to_string).collect(),
                action,
                target: target.into(),
                wait,
                timeout: Some(self.wait.as_secs_f64()),
                who: self.who.clone(),
            };
            let results = self.act(&body).await?;
            if !results.iter().map(|one| &one.name).eq(names) {
                let reason = "the results are not of the services that were asked for".to_owned();
                return Err(service_error(self.client.malformed(reason), word(action)));
            }
            performed.extend(results);
        }
        Ok(performed)
    }

    async fn names(&self, patterns: &[NamePattern]) -> Result<Vec<ServiceName>, ServiceError> {
        let names: Vec<String> = self.get(&selecting("/api/names", patterns, &[]), "list services").await?;
        let names = names.iter().map(|name| name.parse()).collect::<Result<_, _>>();
        names.map_err(|error: taskflows_core::ParseServiceNameError| {
            service_error(self.client.malformed(error.to_string()), "list services")
        })
    }

    async fn origins(&self, patterns: &[NamePattern]) -> Result<Vec<Origin>, ServiceError> {
        let path = selecting("/api/origins", patterns, &[]);
        self.each::<wire::Origin, _>(path, "look where services were defined").await
    }

    async fn alerts(
        &self,
        patterns: &[NamePattern],
    ) -> Result<BTreeMap<ServiceName, AlertMark>, ServiceError> {
        let path = selecting("/api/alert-groups", patterns, &[]);
        let found: Vec<(ServiceName, AlertMark)> =
            self.each::<wire::AlertGroups, _>(path, "look which services have alerts").await?;
        Ok(found.into_iter().collect())
    }

    async fn began(&self, name: &ServiceName) -> Result<Option<effects::Began>, ServiceError> {
        let answer: wire::BeganAnswer = self.get(&of_service(name, "began"), "look at a run").await?;
        let began = answer.began.map(effects::Began::try_from).transpose();
        began.map_err(|error| unreadable(&self.client, error))
    }

    async fn ensure_support_units(&self) -> Result<bool, ServiceError> {
        let operation = "make the units of alerts";
        let asked = self.client.send(Method::POST, "/api/support-units", None::<&()>).await;
        let done: wire::SupportUnits = asked.map_err(|error| service_error(error, operation))?;
        Ok(done.changed)
    }

    /// Says what [`RemoteServiceManager::look_for_interruption`] found last.
    fn is_interrupted(&self) -> bool {
        self.is_interrupted.load(Ordering::Relaxed)
    }

    async fn list(&self, patterns: &[NamePattern]) -> Result<Vec<effects::Listing>, ServiceError> {
        self.each::<wire::Listing, _>(selecting("/api/services", patterns, &[]), "list services").await
    }

    async fn upcoming(
        &self,
        patterns: &[NamePattern],
        count: usize,
    ) -> Result<Vec<effects::Start>, ServiceError> {
        let path = selecting("/api/next", patterns, &[("count", &count.to_string())]);
        self.each::<wire::Start, _>(path, "look at the next starts").await
    }

    async fn details(
        &self,
        patterns: &[NamePattern],
        depth: Depth,
    ) -> Result<Vec<effects::Details>, ServiceError> {
        let depth = match depth {
            Depth::Table => "table",
            Depth::Full => "full",
        };
        let path = selecting("/api/details", patterns, &[("depth", depth)]);
        self.each::<wire::Details, _>(path, "look at services").await
    }

    async fn files(&self, name: &ServiceName) -> Result<UnitFiles, ServiceError> {
        let units: wire::UnitFiles = self.get(&of_service(name, "files"), "read unit files").await?;
        UnitFiles::try_from(units).map_err(|error| unreadable(&self.client, error))
    }

    async fn drop_ins(&self, name: &ServiceName) -> Result<BTreeMap<String, String>, ServiceError> {
        self.get(&of_service(name, "drop-ins"), "read what is added to unit files").await
    }
}
