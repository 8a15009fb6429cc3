use async_trait::async_trait;

use super::ServiceError;
use crate::ServiceName;
use crate::monitor::{CloserLook, MonitorFacts};

/// Looks at scheduled services for those who watch over them, each minute, and so does little.
#[async_trait]
pub trait ServiceWatch: Send + Sync {
    /// Returns what files and one list of the manager's units tell of every service with a start timer. No service has
    /// a closer look or runs in it.
    ///
    /// # Errors
    /// When the manager cannot be asked, or the unit directory not be read.
    async fn glance(&self) -> Result<MonitorFacts, ServiceError>;

    /// Asks the manager about each of `names`; one it does not know has nothing in it.
    ///
    /// # Errors
    /// When the manager cannot be asked.
    async fn look_closer(&self, names: &[ServiceName]) -> Result<Vec<CloserLook>, ServiceError>;
}
