//! What may wait for a disk, apart from what answers requests: one slow disk keeps nobody else waiting.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use taskflows_core::effects::{
    EnvironmentError, EnvironmentStore, NamedEnvironment, RunHistory, RunStore, RunStoreError,
};
use taskflows_core::task::{Attempt, RunFinish, RunId, RunQuery, RunRecord, Trigger};
use taskflows_core::{EnvironmentName, ServiceName};
use tokio::runtime::Handle;
use tokio::task::{JoinError, spawn_blocking};

use crate::Host;

type Environments = dyn EnvironmentStore;
type Runs = dyn RunStore;

/// Has each call worked on by a thread that may block. A call that has begun is carried to its end, whoever asked goes away.
struct Apart<T: ?Sized>(Arc<T>);

impl<T: ?Sized> fmt::Debug for Apart<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Apart").finish()
    }
}

impl Host {
    /// Has what is kept in files read and written apart.
    pub(super) fn apart(self) -> Self {
        Self { runs: Arc::new(Apart(self.runs)), environments: Arc::new(Apart(self.environments)), ..self }
    }
}

/// Does some work on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await.map_err(JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => resume_unwind(panic),
        // The runtime ends, and nobody is told anything any more.
        Err(Err(_)) => std::future::pending().await,
    }
}

impl<T: ?Sized + Send + Sync + 'static> Apart<T> {
    async fn call<R: Send + 'static>(&self, work: impl AsyncFnOnce(&T) -> R + Send + 'static) -> R {
        let (inner, handle) = (Arc::clone(&self.0), Handle::current());
        blocking(move || handle.block_on(work(&inner))).await
    }
}

#[async_trait]
impl EnvironmentStore for Apart<Environments> {
    async fn list(&self) -> Result<Vec<NamedEnvironment>, EnvironmentError> {
        self.call(async |store: &Environments| store.list().await).await
    }

    async fn create(&self, environment: NamedEnvironment) -> Result<(), EnvironmentError> {
        self.call(async move |store: &Environments| store.create(environment).await).await
    }

    async fn replace(&self, name: &EnvironmentName, with: NamedEnvironment) -> Result<(), EnvironmentError> {
        let name = name.clone();
        self.call(async move |store: &Environments| store.replace(&name, with).await).await
    }

    async fn remove(&self, name: &EnvironmentName) -> Result<(), EnvironmentError> {
        let name = name.clone();
        self.call(async move |store: &Environments| store.remove(&name).await).await
    }
}

#[async_trait]
impl RunHistory for Apart<Runs> {
    async fn recent(&self, query: &RunQuery) -> Result<Vec<RunRecord>, RunStoreError> {
        let query = query.clone();
        self.call(async move |store: &Runs| store.recent(&query).await).await
    }

    async fn attempts(&self, run: RunId) -> Result<Vec<Attempt>, RunStoreError> {
        self.call(async move |store: &Runs| store.attempts(run).await).await
    }

    async fn latest(&self, services: &[ServiceName]) -> Result<Vec<RunRecord>, RunStoreError> {
        let services = services.to_vec();
        self.call(async move |store: &Runs| store.latest(&services).await).await
    }

    async fn told(&self, since: Option<Timestamp>) -> Result<Vec<(RunRecord, Vec<Attempt>)>, RunStoreError> {
        self.call(async move |store: &Runs| store.told(since).await).await
    }
}

#[async_trait]
impl RunStore for Apart<Runs> {
    async fn begin(&self, run: &RunRecord) -> Result<Trigger, RunStoreError> {
        let run = run.clone();
        self.call(async move |store: &Runs| store.begin(&run).await).await
    }

    async fn attempt(&self, run: RunId, attempt: &Attempt) -> Result<(), RunStoreError> {
        let attempt = attempt.clone();
        self.call(async move |store: &Runs| store.attempt(run, &attempt).await).await
    }

    async fn finish(&self, run: RunId, end: &RunFinish) -> Result<(), RunStoreError> {
        let end = end.clone();
        self.call(async move |store: &Runs| store.finish(run, &end).await).await
    }

    async fn announce(
        &self,
        service: &ServiceName,
        trigger: &Trigger,
        now: Timestamp,
    ) -> Result<(), RunStoreError> {
        let (service, trigger) = (service.clone(), trigger.clone());
        self.call(async move |store: &Runs| store.announce(&service, &trigger, now).await).await
    }

    async fn restore(&self, runs: &[(RunRecord, Vec<Attempt>)]) -> Result<usize, RunStoreError> {
        let runs = runs.to_vec();
        self.call(async move |store: &Runs| store.restore(&runs).await).await
    }
}
