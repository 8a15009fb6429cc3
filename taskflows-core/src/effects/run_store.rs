use std::error::Error;

use async_trait::async_trait;
use thiserror::Error;

use crate::task::{Attempt, RunFinish, RunId, RunQuery, RunRecord};

/// Keeps what is known of runs: SQLite, a remote server, memory.
#[async_trait]
pub trait RunStore: Send + Sync {
    /// Keeps a run before it starts. A run that is kept already is left as it is.
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
}

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
    /// The store failed.
    #[error("could not {operation}")]
    Failed {
        /// What was tried, with the place of the store.
        operation: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}
