use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::EnvironmentName;
use crate::effects::{EnvironmentError, EnvironmentStore, NamedEnvironment};

/// Environments in memory.
#[derive(Debug, Default)]
pub struct MemoryEnvironmentStore {
    kept: Mutex<BTreeMap<EnvironmentName, NamedEnvironment>>,
}

impl MemoryEnvironmentStore {
    fn kept(&self) -> MutexGuard<'_, BTreeMap<EnvironmentName, NamedEnvironment>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EnvironmentStore for MemoryEnvironmentStore {
    async fn list(&self) -> Result<Vec<NamedEnvironment>, EnvironmentError> {
        Ok(self.kept().values().cloned().collect())
    }

    async fn create(&self, environment: NamedEnvironment) -> Result<(), EnvironmentError> {
        let mut kept = self.kept();
        if kept.contains_key(&environment.name) {
            return Err(EnvironmentError::Exists { name: environment.name.to_string() });
        }
        kept.insert(environment.name.clone(), environment);
        Ok(())
    }

    async fn replace(&self, name: &EnvironmentName, with: NamedEnvironment) -> Result<(), EnvironmentError> {
        let mut kept = self.kept();
        let Some(before) = kept.get(name) else { return Err(EnvironmentError::not_found(name, kept.keys())) };
        if with.name != *name && kept.contains_key(&with.name) {
            return Err(EnvironmentError::Exists { name: with.name.to_string() });
        }
        let created_at = before.created_at;
        kept.remove(name);
        kept.insert(with.name.clone(), NamedEnvironment { created_at, ..with });
        Ok(())
    }

    async fn remove(&self, name: &EnvironmentName) -> Result<(), EnvironmentError> {
        let mut kept = self.kept();
        match kept.remove(name) {
            Some(_) => Ok(()),
            None => Err(EnvironmentError::not_found(name, kept.keys())),
        }
    }
}
