use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use taskflows_core::effects::{ServiceError, StateChange};
use tokio::sync::Notify;

/// So many changes wait for who reads them at most.
const MOST_WAITING: usize = 4_096;

type Item = Result<StateChange, ServiceError>;

/// Changes that wait to be read. When there are too many, one resync takes the place of them all.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Item>>,
    filled: Notify,
}

impl Queue {
    pub(super) fn push(&self, item: Item) {
        let mut waiting = self.lock();
        // What comes before a resync that nobody has read yet need not be told.
        if matches!(item, Ok(StateChange::Resync)) || waiting.len() >= MOST_WAITING {
            waiting.clear();
            waiting.push_back(Ok(StateChange::Resync));
        } else {
            waiting.push_back(item);
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// Waits for the next one.
    pub(super) async fn next(&self) -> Item {
        loop {
            if let Some(item) = self.lock().pop_front() {
                return item;
            }
            self.filled.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Item>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn too_many_become_one_resync_and_what_comes_later_is_told() {
        let queue = Queue::default();
        let touched = |name: &str| {
            Ok(StateChange::Touched { name: name.parse().unwrap(), at: jiff::Timestamp::UNIX_EPOCH })
        };
        (0..MOST_WAITING).for_each(|_| queue.push(touched("a")));
        queue.push(touched("b"));
        queue.push(touched("c"));
        assert_eq!(queue.next().await.unwrap(), StateChange::Resync);
        assert_eq!(queue.next().await.unwrap(), touched("c").unwrap());
        assert!(queue.lock().is_empty());
    }
}
