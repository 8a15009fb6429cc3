use async_trait::async_trait;

use crate::task::RunEvent;

/// Is told what happens to runs: records, alerts, logs, metrics. It cannot fail a run, and what it waits for delays it.
#[async_trait]
pub trait RunObserver: Send + Sync {
    /// Takes note of `event`.
    async fn observe(&self, event: &RunEvent);
}
