//! The runs of another host.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use taskflows_core::ServiceName;
use taskflows_core::effects::{RunHistory, RunStore, RunStoreError};
use taskflows_core::task::{Attempt, RunFinish, RunId, RunQuery, RunRecord, Trigger};

use super::{Client, ClientError};
use crate::server::MOST_RUNS;
use crate::wire::{
    LatestParameters, Misfit, RecordedRun, RunParameters, RunSource, RunWithAttempts, SourceParameters,
};

/// The names of so many services are asked about at once.
const NAMES_AT_ONCE: usize = 100;

/// Tells of the runs of another host. Where no limit is asked for, of the newest 20,000.
///
/// They are kept by the host itself: what would keep one is refused. A start is announced by the server that is asked to
/// start, which knows who asks; here that does nothing.
#[derive(Clone, Debug)]
pub struct RemoteRuns {
    client: Client,
    source: RunSource,
}

impl RemoteRuns {
    /// Tells of the runs that `source` of the server knows that `client` asks.
    #[must_use]
    pub fn new(client: Client, source: RunSource) -> Self {
        Self { client, source }
    }

    fn failed(&self, error: ClientError) -> RunStoreError {
        let operation = format!("read the runs of {}", self.client.server());
        RunStoreError::Failed { operation, source: error.into() }
    }

    fn misfit(&self, misfit: &Misfit) -> RunStoreError {
        self.failed(self.client.malformed(misfit.to_string()))
    }

    fn target(&self, path: &str, parameters: &impl Serialize) -> Result<String, RunStoreError> {
        let query = serde_html_form::to_string(parameters);
        let query = query.map_err(|error| self.failed(self.client.malformed(error.to_string())))?;
        Ok(format!("{path}?{query}"))
    }

    async fn runs(&self, target: &str) -> Result<Vec<RunRecord>, RunStoreError> {
        let runs: Vec<RecordedRun> = self.client.get(target).await.map_err(|error| self.failed(error))?;
        let runs = runs.into_iter().map(|run| run.try_into().map_err(|misfit| self.misfit(&misfit)));
        runs.collect()
    }

    fn refused(&self) -> RunStoreError {
        let operation = format!("keep a run on {}", self.client.server());
        RunStoreError::Failed { operation, source: "a host keeps its runs itself".into() }
    }
}

#[async_trait]
impl RunHistory for RemoteRuns {
    async fn recent(&self, query: &RunQuery) -> Result<Vec<RunRecord>, RunStoreError> {
        let prefix = query.id_prefix.as_ref();
        if let Some(prefix) = prefix.filter(|prefix| !is_prefix(prefix)) {
            return Err(RunStoreError::NoId { prefix: prefix.clone() });
        }
        let limit = Some(query.limit.unwrap_or(MOST_RUNS).min(MOST_RUNS));
        let parameters = RunParameters { limit, ..RunParameters::new(query, self.source) };
        self.runs(&self.target("/api/runs", &parameters)?).await
    }

    async fn attempts(&self, run: RunId) -> Result<Vec<Attempt>, RunStoreError> {
        let target = self.target(&format!("/api/runs/{run}"), &SourceParameters { source: self.source })?;
        let found: RunWithAttempts = match self.client.get(&target).await {
            Err(error) if error.code() == Some("no-such-run") => return Ok(Vec::new()),
            found => found.map_err(|error| self.failed(error))?,
        };
        let attempts = found.attempts.into_iter();
        attempts.map(|attempt| attempt.try_into().map_err(|misfit| self.misfit(&misfit))).collect()
    }

    async fn latest(&self, services: &[ServiceName]) -> Result<Vec<RunRecord>, RunStoreError> {
        let mut latest = Vec::new();
        for services in services.chunks(NAMES_AT_ONCE) {
            let name = services.iter().map(ToString::to_string).collect();
            let parameters = LatestParameters { name, source: self.source };
            latest.extend(self.runs(&self.target("/api/runs/latest", &parameters)?).await?);
        }
        Ok(latest)
    }
}

fn is_prefix(text: &str) -> bool {
    text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[async_trait]
impl RunStore for RemoteRuns {
    async fn begin(&self, _: &RunRecord) -> Result<Trigger, RunStoreError> {
        Err(self.refused())
    }

    async fn attempt(&self, _: RunId, _: &Attempt) -> Result<(), RunStoreError> {
        Err(self.refused())
    }

    async fn finish(&self, _: RunId, _: &RunFinish) -> Result<(), RunStoreError> {
        Err(self.refused())
    }

    async fn announce(&self, _: &ServiceName, _: &Trigger, _: Timestamp) -> Result<(), RunStoreError> {
        Ok(())
    }

    async fn restore(&self, _: &[(RunRecord, Vec<Attempt>)]) -> Result<usize, RunStoreError> {
        Err(self.refused())
    }
}
