use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};
use taskflows_core::effects::{LogEntry, LogError, LogQuery, LogReader};

use super::LokiSettings;

/// Reads what services wrote from Loki.
#[derive(Clone, Debug)]
pub struct LokiReader {
    settings: LokiSettings,
}

impl LokiReader {
    /// Reads from there.
    pub fn new(settings: LokiSettings) -> Self {
        Self { settings }
    }

    fn unbuilt(&self) -> LogError {
        LogError::Failed { reason: format!("{}: not built yet", self.settings.url) }
    }
}

#[async_trait]
impl LogReader for LokiReader {
    async fn read(&self, _: &LogQuery) -> Result<Vec<LogEntry>, LogError> {
        Err(self.unbuilt())
    }

    fn follow(&self, _: &LogQuery) -> BoxStream<'static, Result<LogEntry, LogError>> {
        stream::iter([Err(self.unbuilt())]).boxed()
    }
}
