use async_trait::async_trait;
use taskflows_core::effects::{RunHistory, RunStoreError};
use taskflows_core::task::{Attempt, RunId, RunQuery, RunRecord};

use super::LokiSettings;

/// The runs that Loki knows of.
#[derive(Clone, Debug)]
pub struct LokiRuns {
    settings: LokiSettings,
}

impl LokiRuns {
    /// Reads from there.
    pub fn new(settings: LokiSettings) -> Self {
        Self { settings }
    }

    fn unbuilt(&self) -> RunStoreError {
        RunStoreError::Failed {
            operation: format!("read {}", self.settings.url),
            source: "not built yet".into(),
        }
    }
}

#[async_trait]
impl RunHistory for LokiRuns {
    async fn recent(&self, _: &RunQuery) -> Result<Vec<RunRecord>, RunStoreError> {
        Err(self.unbuilt())
    }

    async fn attempts(&self, _: RunId) -> Result<Vec<Attempt>, RunStoreError> {
        Err(self.unbuilt())
    }
}
