use std::error::Error;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::ServiceName;
use crate::task::{Attempt, RunFinish, RunId, RunQuery, RunRecord, Trigger};

/// Keeps what is known of runs: SQLite, a remote server, memory.
#[async_trait]
pub trait RunStore: Send + Sync {
    /// Keeps a run before it starts. A run that is kept already is left as it is.
    ///
    /// Where a start of its service was [announced](Self::announce) in the minute before, what started the run is
    /// what was announced, and the next run of the service finds the announcement no more.
    ///
    /// # Errors
    /// When it could not be kept.
    async fn begin(&self, run: &RunRecord) -> Result<(), RunStoreError>;

    /// Keeps an attempt of a run that was begun. One of the same number is replaced.
    ///
    /// # Errors
    /// When it could not be kept, or there is no such run.
    async fn attempt(&self, run: RunId, attempt: &Attempt) -> Result<(), RunStoreError>;

    /// Keeps the end of a run that was begun. One that is over stays as it is, unless it is only known to have been
    /// cut off.
    ///
    /// # Errors
    /// When it could not be kept, or there is no such run.
    async fn finish(&self, run: RunId, end: &RunFinish) -> Result<(), RunStoreError>;

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
    /// [`RunStore::recent`].
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

    /// Says at `now` what is about to start a service, for [`RunStore::begin`] in another process.
    ///
    /// # Errors
    /// When it could not be kept.
    async fn announce(
        &self,
        service: &ServiceName,
        trigger: &Trigger,
        now: Timestamp,
    ) -> Result<(), RunStoreError>;
}

/// For how long an announced start waits for its run.
pub const ANNOUNCED_FOR: SignedDuration = SignedDuration::from_mins(1);

/// Why a run could not be kept or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunStoreError {
    /// No run of this id was begun.
    #[error("no run {run} is known")]
    NotFound {
        /// The id.
        run: RunId,
    },
    /// What is asked for is no beginning of a run's id.
    #[error("`{}` is no id of a run: that is up to 32 hexadecimal digits", .prefix.escape_debug())]
    NoId {
        /// What was asked for.
        prefix: String,
    },
    /// The store failed.
    #[error("could not {operation}")]
    Failed {
        /// What was tried, with the place of the store.
        operation: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}
