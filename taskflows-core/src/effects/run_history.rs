use async_trait::async_trait;
use jiff::Timestamp;

use crate::ServiceName;
use crate::task::{Attempt, RunId, RunQuery, RunRecord};

use super::RunStoreError;

/// Tells of runs that were: a store, the journal, Loki.
#[async_trait]
pub trait RunHistory: Send + Sync {
    /// Returns the runs that are wanted, the newest first. A run whose process is gone without a word is
    /// [`Outcome::Interrupted`](crate::Outcome::Interrupted).
    ///
    /// # Errors
    /// When they cannot be read.
    async fn recent(&self, query: &RunQuery) -> Result<Vec<RunRecord>, RunStoreError>;

    /// Returns the attempts of a run, the first one first.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn attempts(&self, run: RunId) -> Result<Vec<Attempt>, RunStoreError>;

    /// Returns the newest run of each of `services` that has one, in no particular order; otherwise as
    /// [`RunHistory::recent`].
    ///
    /// # Errors
    /// When they cannot be read.
    async fn latest(&self, services: &[ServiceName]) -> Result<Vec<RunRecord>, RunStoreError> {
        let mut latest = Vec::new();
        for service in services {
            let query = RunQuery { tasks: vec![service.to_string()], limit: Some(1), ..RunQuery::default() };
            latest.extend(self.recent(&query).await?);
        }
        Ok(latest)
    }

    /// Returns all runs that began since a time, the newest first, each with its attempts.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn told(&self, since: Option<Timestamp>) -> Result<Vec<(RunRecord, Vec<Attempt>)>, RunStoreError> {
        let mut told = Vec::new();
        for run in self.recent(&RunQuery { since, ..RunQuery::default() }).await? {
            let attempts = self.attempts(run.id).await?;
            told.push((run, attempts));
        }
        Ok(told)
    }
}
