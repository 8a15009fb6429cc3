//! Stands where the adapters of `taskflows_api::client` will, and says that this `tf` has none. To be deleted with them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, once};
use jiff::Timestamp;
use taskflows_api::client::Client;
use taskflows_core::effects::{
    Action, Depth, Details, EnvironmentError, EnvironmentStore, Listing, LogEntry, LogError, LogQuery,
    LogReader, NamedEnvironment, Origin, Performed, RunHistory, RunStore, RunStoreError, ServiceError,
    ServiceManager, Start, Target, Wanted,
};
use taskflows_core::task::{Attempt, RunFinish, RunId, RunQuery, RunRecord, Trigger};
use taskflows_core::{EnvironmentName, NamePattern, Plan, ServiceName, UnitFiles};

#[derive(Debug)]
pub(super) struct Pending {
    server: String,
}

impl Pending {
    pub(super) fn of(client: &Client) -> Self {
        Self { server: client.server().to_owned() }
    }

    fn reason(&self) -> String {
        format!("this tf cannot ask {} for it yet", self.server)
    }

    fn services<T>(&self) -> Result<T, ServiceError> {
        Err(ServiceError::Refused { operation: "ask another server".to_owned(), reason: self.reason() })
    }

    fn runs<T>(&self) -> Result<T, RunStoreError> {
        Err(RunStoreError::Failed { operation: "read runs".to_owned(), source: self.reason().into() })
    }

    fn environments<T>(&self) -> Result<T, EnvironmentError> {
        let path = "environments.json".into();
        Err(EnvironmentError::Damaged { path, reason: self.reason() })
    }
}

#[async_trait]
impl ServiceManager for Pending {
    async fn plan(&self, _: Wanted<'_>) -> Result<Plan, ServiceError> {
        self.services()
    }
    async fn install(&self, _: Wanted<'_>) -> Result<Plan, ServiceError> {
        self.services()
    }
    async fn remove(&self, _: &[ServiceName]) -> Result<Plan, ServiceError> {
        self.services()
    }
    async fn perform(&self, _: &[ServiceName], _: Action, _: Target) -> Result<Vec<Performed>, ServiceError> {
        self.services()
    }
    async fn names(&self, _: &[NamePattern]) -> Result<Vec<ServiceName>, ServiceError> {
        self.services()
    }
    async fn origins(&self, _: &[NamePattern]) -> Result<Vec<Origin>, ServiceError> {
        self.services()
    }
    async fn list(&self, _: &[NamePattern]) -> Result<Vec<Listing>, ServiceError> {
        self.services()
    }
    async fn upcoming(&self, _: &[NamePattern], _: usize) -> Result<Vec<Start>, ServiceError> {
        self.services()
    }
    async fn details(&self, _: &[NamePattern], _: Depth) -> Result<Vec<Details>, ServiceError> {
        self.services()
    }
    async fn files(&self, _: &ServiceName) -> Result<UnitFiles, ServiceError> {
        self.services()
    }
    async fn drop_ins(&self, _: &ServiceName) -> Result<BTreeMap<String, String>, ServiceError> {
        self.services()
    }
}

#[async_trait]
impl LogReader for Pending {
    async fn read(&self, _: &LogQuery) -> Result<Vec<LogEntry>, LogError> {
        Err(LogError::Failed { reason: self.reason() })
    }
    fn follow(&self, _: &LogQuery) -> BoxStream<'static, Result<LogEntry, LogError>> {
        let error = LogError::Failed { reason: self.reason() };
        once(async { Err(error) }).boxed()
    }
}

#[async_trait]
impl RunHistory for Pending {
    async fn recent(&self, _: &RunQuery) -> Result<Vec<RunRecord>, RunStoreError> {
        self.runs()
    }
    async fn attempts(&self, _: RunId) -> Result<Vec<Attempt>, RunStoreError> {
        self.runs()
    }
}

#[async_trait]
impl RunStore for Pending {
    async fn begin(&self, _: &RunRecord) -> Result<Trigger, RunStoreError> {
        self.runs()
    }
    async fn attempt(&self, _: RunId, _: &Attempt) -> Result<(), RunStoreError> {
        self.runs()
    }
    async fn finish(&self, _: RunId, _: &RunFinish) -> Result<(), RunStoreError> {
        self.runs()
    }
    async fn announce(&self, _: &ServiceName, _: &Trigger, _: Timestamp) -> Result<(), RunStoreError> {
        self.runs()
    }
    async fn restore(&self, _: &[(RunRecord, Vec<Attempt>)]) -> Result<usize, RunStoreError> {
        self.runs()
    }
}

#[async_trait]
impl EnvironmentStore for Pending {
    async fn list(&self) -> Result<Vec<NamedEnvironment>, EnvironmentError> {
        self.environments()
    }
    async fn create(&self, _: NamedEnvironment) -> Result<(), EnvironmentError> {
        self.environments()
    }
    async fn replace(&self, _: &EnvironmentName, _: NamedEnvironment) -> Result<(), EnvironmentError> {
        self.environments()
    }
    async fn remove(&self, _: &EnvironmentName) -> Result<(), EnvironmentError> {
        self.environments()
    }
}
