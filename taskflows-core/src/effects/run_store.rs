use std::error::Error;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::ServiceName;
use crate::task::{Attempt, RunFinish, RunId, RunRecord, Trigger};

use super::RunHistory;

/// Keeps what is known of runs: SQLite, a remote server, memory.
#[async_trait]
pub trait RunStore: RunHistory {
    /// Keeps a run before it starts, and returns what started it. A run that is kept already is left as it is.
    ///
    /// Where a start of its service was [announced](Self::announce) in the minute before it started, what started the
    /// run is what was announced, and the next run of the service finds the announcement no more.
    ///
    /// # Errors
    /// When it could not be kept.
    async fn begin(&self, run: &RunRecord) -> Result<Trigger, RunStoreError>;

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

    /// Keeps runs with their attempts as another source tells of them, all or none, and returns how many were not kept
    /// before. Those that are kept stay as they are.
    ///
    /// # Errors
    /// When they could not be kept.
    async fn restore(&self, runs: &[(RunRecord, Vec<Attempt>)]) -> Result<usize, RunStoreError>;
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
