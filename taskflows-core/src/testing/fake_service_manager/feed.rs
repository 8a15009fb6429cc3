use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures_util::Stream;
use futures_util::stream::BoxStream;

use super::{FakeServiceManager, Host};
use crate::effects::{Listing, ServiceError, State, StateChange, StateFeed};
use crate::{ServiceName, UnitFiles};

/// So many changes wait for a watcher at most.
const MOST_WAITING: usize = 1_024;

type Item = Result<StateChange, ServiceError>;

/// Who watches, and what they were told last.
#[derive(Debug, Default)]
pub(super) struct Feed {
    watchers: Vec<Weak<Mutex<Watcher>>>,
    told: BTreeMap<ServiceName, (UnitFiles, Listing)>,
}

#[derive(Debug, Default)]
struct Watcher {
    waiting: VecDeque<Item>,
    waker: Option<Waker>,
}

impl Watcher {
    fn push(&mut self, item: Item) {
        if self.waiting.len() >= MOST_WAITING {
            self.waiting.clear();
            self.waiting.push_back(Ok(StateChange::Resync));
        } else if self.waiting.len() > 1 || self.waiting.front().is_none_or(|one| !is_resync(one)) {
            self.waiting.push_back(item);
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Nothing is to be told after a resync that nobody has read yet.
fn is_resync(item: &Item) -> bool {
    matches!(item, Ok(StateChange::Resync))
}

impl FakeServiceManager {
    /// Tells all who watch of a change, or that the manager is lost.
    pub fn announce(&self, item: Result<StateChange, ServiceError>) {
        let mut host = self.host();
        host.feed.watchers.retain(|watcher| watcher.strong_count() > 0);
        let mut watchers = host.feed.watchers.iter().filter_map(Weak::upgrade);
        match item {
            Ok(change) => watchers.for_each(|watcher| lock(&watcher).push(Ok(change.clone()))),
            // An error cannot be copied: the first to watch is told.
            Err(error) => {
                if let Some(watcher) = watchers.next() {
                    lock(&watcher).push(Err(error));
                }
            }
        }
    }
}

impl Host {
    /// Tells those who watch what is otherwise than they were told last.
    pub(super) fn tell(&mut self) {
        let now = self.now;
        let of = |one: &super::Installed| (one.service.name.clone(), (one.files(), one.listing(now)));
        let after: BTreeMap<_, _> = self.services.values().map(of).collect();
        let before = std::mem::replace(&mut self.feed.told, after);
        let mut changes: Vec<StateChange> = services(&before, &self.feed.told).into_iter().collect();
        for (name, (_, listing)) in &self.feed.told {
            let was = before.get(name).map(|(_, listing)| listing);
            let previous = was.map(|listing| listing.state);
            let (name, state) = (name.clone(), listing.state);
            if previous.unwrap_or(State::Stopped) != state {
                changes.push(StateChange::State { name, state, previous, at: now });
            } else if was.is_some_and(|was| was.last != listing.last || was.next != listing.next) {
                changes.push(StateChange::Touched { name, at: now });
            }
        }
        self.feed.watchers.retain(|watcher| watcher.strong_count() > 0);
        for watcher in self.feed.watchers.iter().filter_map(Weak::upgrade) {
            changes.iter().for_each(|change| lock(&watcher).push(Ok(change.clone())));
        }
    }
}

fn services(
    before: &BTreeMap<ServiceName, (UnitFiles, Listing)>,
    after: &BTreeMap<ServiceName, (UnitFiles, Listing)>,
) -> Option<StateChange> {
    let missing_in = |one: &BTreeMap<ServiceName, _>, other: &BTreeMap<ServiceName, _>| {
        one.keys().filter(|name| !other.contains_key(*name)).cloned().collect::<Vec<_>>()
    };
    let (installed, removed) = (missing_in(after, before), missing_in(before, after));
    let is_changed = |(name, (files, listing)): &(&ServiceName, &(UnitFiles, Listing))| {
        before.get(*name).is_some_and(|(was, listed)| was != files || listed.enabled != listing.enabled)
    };
    let changed: Vec<_> = after.iter().filter(is_changed).map(|(name, _)| name.clone()).collect();
    let is_same = installed.is_empty() && removed.is_empty() && changed.is_empty();
    (!is_same).then_some(StateChange::Services { installed, removed, changed })
}

impl StateFeed for FakeServiceManager {
    fn watch(&self) -> BoxStream<'static, Item> {
        let watcher = Arc::new(Mutex::new(Watcher::default()));
        // Where it is the first to watch, what is there by now is no news to it.
        let mut host = self.host();
        host.tell();
        host.feed.watchers.push(Arc::downgrade(&watcher));
        Box::pin(Watching { watcher, begun: false })
    }
}

struct Watching {
    watcher: Arc<Mutex<Watcher>>,
    begun: bool,
}

impl Stream for Watching {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>> {
        if !std::mem::replace(&mut self.begun, true) {
            return Poll::Ready(Some(Ok(StateChange::Resync)));
        }
        let mut watcher = lock(&self.watcher);
        match watcher.waiting.pop_front() {
            Some(item) => Poll::Ready(Some(item)),
            None => {
                watcher.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

fn lock(watcher: &Mutex<Watcher>) -> MutexGuard<'_, Watcher> {
    watcher.lock().unwrap_or_else(PoisonError::into_inner)
}
