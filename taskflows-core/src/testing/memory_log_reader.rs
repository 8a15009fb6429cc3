use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::effects::{LogEntry, LogError, LogQuery, LogReader};

/// A log in memory. Following it ends with its last entry.
#[derive(Debug, Default)]
pub struct MemoryLogReader {
    entries: Mutex<Vec<LogEntry>>,
    failure: Mutex<Option<LogError>>,
}

impl MemoryLogReader {
    /// Appends an entry.
    pub fn write(&self, entry: LogEntry) {
        lock(&self.entries).push(entry);
    }

    /// Makes the next call fail.
    pub fn fail_next(&self, error: LogError) {
        *lock(&self.failure) = Some(error);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl LogReader for MemoryLogReader {
    async fn read(&self, query: &LogQuery) -> Result<Vec<LogEntry>, LogError> {
        self.select(query)
    }

    fn follow(&self, query: &LogQuery) -> BoxStream<'static, Result<LogEntry, LogError>> {
        let items = match self.select(query) {
            Ok(entries) => entries.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        stream::iter(items).boxed()
    }
}

impl MemoryLogReader {
    fn select(&self, query: &LogQuery) -> Result<Vec<LogEntry>, LogError> {
        if let Some(error) = lock(&self.failure).take() {
            return Err(error);
        }
        let wanted = |entry: &&LogEntry| query.selects(entry);
        let mut found: Vec<LogEntry> = lock(&self.entries).iter().filter(wanted).cloned().collect();
        found.sort_by_key(|entry| entry.time);
        let passed_over = query.lines.map_or(0, |lines| found.len().saturating_sub(lines));
        Ok(found.split_off(passed_over))
    }
}
