//! Actions that take longer than a request.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use crate::wire::{Performed, ServiceFailure};

/// How many actions are under way, or over and not told yet, at once.
const MOST: usize = 256;

/// How long an action is remembered that nobody asks for: who lost the answer can ask again.
const KEPT: Duration = Duration::from_secs(300);

/// What became of an action.
pub(crate) type Ended = Result<Vec<Performed>, ServiceFailure>;

/// Actions by their ids.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    entries: Mutex<HashMap<String, Entry>>,
}

#[derive(Debug)]
struct Entry {
    owner: String,
    asked: Instant,
    ended: watch::Receiver<Option<Ended>>,
    /// Its end was told at least once, so it makes room for others.
    is_told: bool,
    /// Ends the wait, where the action goes on without it.
    waiting: Option<AbortHandle>,
}

/// What is known of an action.
#[derive(Debug)]
pub(crate) enum Known {
    /// It is over.
    Over(Ended),
    /// It is not.
    Pending,
    /// It is not known here, or not any more.
    Unknown,
}

impl Waits {
    /// Begins an action for `owner`, and returns its id; `None` where too many are under way.
    ///
    /// It goes on when nobody waits for it, unless it `only_waits` for the end of what goes on by itself.
    pub(crate) fn begin(
        &self,
        owner: &str,
        only_waits: bool,
        action: impl Future<Output = Ended> + Send + 'static,
    ) -> Option<String> {
        let mut entries = self.entries();
        entries.retain(|_, entry| !entry.is_forgotten());
        if entries.len() >= MOST {
            let told = entries.iter().filter(|(_, entry)| entry.is_told);
            let oldest = told.min_by_key(|(_, entry)| entry.asked).map(|(id, _)| id.clone())?;
            entries.remove(&oldest);
        }
        let (sender, ended) = watch::channel(None);
        let task = tokio::spawn(async move {
            let _ = sender.send(Some(action.await));
        });
        let id = taskflows_security::random_hex::<16>();
        let waiting = only_waits.then(|| task.abort_handle());
        let entry = Entry { owner: owner.to_owned(), asked: Instant::now(), ended, is_told: false, waiting };
        entries.insert(id.clone(), entry);
        Some(id)
    }

    /// Waits for the end of an action of `owner`, up to a limit. What is over is told again to who asks again soon.
    pub(crate) async fn end(&self, owner: &str, id: &str, limit: Duration) -> Known {
        let Some(mut ended) = self.touch(owner, id) else { return Known::Unknown };
        let over = match timeout(limit, ended.wait_for(Option::is_some)).await {
            Ok(Ok(over)) => over.clone(),
            // Its task is gone without a word.
            Ok(Err(_)) => None,
            Err(_) => {
                self.touch(owner, id);
                return Known::Pending;
            }
        };
        if let Some(entry) = self.entries().get_mut(id) {
            entry.is_told = true;
        }
        over.map_or(Known::Unknown, Known::Over)
    }

    /// Forgets an action whose id nobody was told.
    pub(crate) fn forget(&self, id: &str) {
        self.entries().remove(id);
    }

    /// Waits for the end of what would not go on without this server.
    pub(crate) async fn finish(&self) {
        let own = |entry: &Entry| entry.waiting.is_none().then(|| entry.ended.clone());
        let under_way: Vec<_> = self.entries().values().filter_map(own).collect();
        for mut ended in under_way {
            // A task that is gone without a word is at its end as well.
            let _ = ended.wait_for(Option::is_some).await;
        }
    }

    fn touch(&self, owner: &str, id: &str) -> Option<watch::Receiver<Option<Ended>>> {
        let mut entries = self.entries();
        let entry = entries.get_mut(id).filter(|entry| entry.owner == owner)?;
        entry.asked = Instant::now();
        Some(entry.ended.clone())
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Tells whether nobody asked for it for long, and ends its wait then.
    fn is_forgotten(&self) -> bool {
        if self.asked.elapsed() < KEPT {
            return false;
        }
        if let Some(waiting) = &self.waiting {
            waiting.abort();
            return true;
        }
        self.ended.borrow().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_action_is_waited_for_in_several_requests_by_who_began_it() {
        let waits = Waits::default();
        let action = async {
            tokio::time::sleep(Duration::from_secs(40)).await;
            Ok(Vec::new())
        };
        let id = waits.begin("ann", false, action).unwrap();
        let limit = Duration::from_secs(25);
        assert!(matches!(waits.end("bob", &id, limit).await, Known::Unknown));
        assert!(matches!(waits.end("ann", &id, limit).await, Known::Pending));
        assert!(matches!(waits.end("ann", &id, limit).await, Known::Over(Ok(_))));
        // The answer may have been lost.
        assert!(matches!(waits.end("ann", &id, limit).await, Known::Over(Ok(_))));
        tokio::time::advance(KEPT).await;
        waits.begin("ann", false, std::future::pending()).unwrap();
        assert!(matches!(waits.end("ann", &id, limit).await, Known::Unknown));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_told_makes_room_and_what_was_not_does_not() {
        let waits = Waits::default();
        let over = || waits.begin("ann", false, std::future::ready(Ok(Vec::new())));
        let mut ids = Vec::new();
        for _ in 0..MOST {
            ids.push(over().unwrap());
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert!(over().is_none());
        for id in [&ids[1], &ids[0]] {
            assert!(matches!(waits.end("ann", id, KEPT).await, Known::Over(_)));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert!(over().is_some());
        assert!(matches!(waits.end("ann", &ids[1], KEPT).await, Known::Unknown), "it was told first");
        assert!(matches!(waits.end("ann", &ids[0], KEPT).await, Known::Over(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_waits_for_what_would_not_go_on_without_it() {
        let waits = Waits::default();
        let action = async {
            tokio::time::sleep(Duration::from_secs(40)).await;
            Ok(Vec::new())
        };
        waits.begin("ann", false, action).unwrap();
        waits.begin("ann", true, std::future::pending()).unwrap();
        let began = Instant::now();
        waits.finish().await;
        assert_eq!(began.elapsed(), Duration::from_secs(40));
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_asks_for_makes_room() {
        let waits = Waits::default();
        for _ in 0..MOST {
            assert!(waits.begin("ann", true, std::future::pending()).is_some());
        }
        assert!(waits.begin("ann", true, std::future::pending()).is_none());
        tokio::time::advance(KEPT).await;
        assert!(waits.begin("ann", true, std::future::pending()).is_some());
        assert_eq!(waits.entries().len(), 1);
    }
}
