use async_trait::async_trait;
use jiff::Timestamp;

use super::ServiceError;
use crate::ServiceName;
use crate::inspect::{Evidence, HostFacts, Questions, Survey};

/// Looks at what is installed and at what the manager says of it, and changes nothing.
#[async_trait]
pub trait Inspector: Send + Sync {
    /// Returns everything that can be seen; what cannot is told in its place, and hides nothing else.
    async fn survey(&self) -> Survey;

    /// Returns what is known of the starts of `name` around `at`, or up to now.
    ///
    /// # Errors
    /// When the name is not installed or not ours, or the manager cannot be asked.
    async fn evidence(&self, name: &ServiceName, at: Option<Timestamp>) -> Result<Evidence, ServiceError>;
}

/// Looks at the host beside its service manager.
#[async_trait]
pub trait HostProbe: Send + Sync {
    /// Returns what the host is like; what cannot be seen is left out.
    async fn look(&self, questions: &Questions) -> HostFacts;
}
