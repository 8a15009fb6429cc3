use std::fmt;

use async_trait::async_trait;
use taskflows_core::effects::ServiceError;
use taskflows_core::{DefinitionError, ServiceName};
use thiserror::Error;

use crate::wire::{Applied, Fault, Order};

/// Takes definitions that arrive as data: this host, another one, or a fake.
///
/// An order is carried out as a whole or not at all. It reads no file by which a definition could say more than it says,
/// and runs nothing of it.
#[async_trait]
pub trait Definer: fmt::Debug + Send + Sync {
    /// Returns what [`Definer::apply`] would change, and changes nothing.
    ///
    /// # Errors
    /// When the definition is wrong, and as [`taskflows_core::effects::ServiceManager::plan`].
    async fn plan(&self, order: &Order) -> Result<Applied, DefineError>;

    /// Installs and removes what is ordered.
    ///
    /// # Errors
    /// As [`Definer::plan`], and as [`taskflows_core::effects::ServiceManager::install`].
    async fn apply(&self, order: &Order) -> Result<Applied, DefineError>;

    /// Stops and removes services, with the alert groups that were theirs alone.
    ///
    /// # Errors
    /// As [`taskflows_core::effects::ServiceManager::remove`].
    async fn remove(&self, names: &[ServiceName]) -> Result<Applied, DefineError>;
}

/// Why definitions were not applied. Nothing was changed then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DefineError {
    /// The definition, or what is said beside it, is wrong.
    #[error("{}", .0.report)]
    Definition(Box<Fault>),
    /// The services could not be changed.
    #[error(transparent)]
    Services(#[from] ServiceError),
    /// Something else failed on the way.
    #[error("{reason}")]
    Failed {
        /// What.
        reason: String,
    },
}

impl DefineError {
    /// Says what is wrong with what was sent, where that has no place.
    pub fn wrong(report: impl Into<String>) -> Self {
        Self::Definition(Box::new(Fault { report: report.into(), flaws: Vec::new() }))
    }
}

impl From<&DefinitionError> for DefineError {
    fn from(error: &DefinitionError) -> Self {
        Self::Definition(Box::new(error.into()))
    }
}
