//! Where the context of what runs is kept.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use tokio::task::Id;

use super::Active;

/// Tasks outside of scopes that are remembered, in shards so that they do not wait for each other.
const SHARDS: usize = 16;
const MAX_IN_SHARD: usize = 2048;

type Context = Option<Arc<Active>>;

tokio::task_local! {
    static OF_SCOPE: RefCell<Context>;
}

thread_local! {
    static OF_THREAD: RefCell<Context> = const { RefCell::new(None) };
}

/// Contexts of tasks outside of any scope.
static OF_TASKS: LazyLock<[RwLock<Shard>; SHARDS]> = LazyLock::new(Default::default);
/// How many there are, so that nobody has to look while there are none.
static TASKS: AtomicUsize = AtomicUsize::new(0);

#[derive(Default)]
struct Shard {
    contexts: HashMap<Id, (u64, Arc<Active>)>,
    turn: u64,
}

pub(super) async fn scope<F: Future>(active: Arc<Active>, future: F) -> F::Output {
    OF_SCOPE.scope(RefCell::new(Some(active)), future).await
}

pub(super) fn in_scope<R>(active: Arc<Active>, work: impl FnOnce() -> R) -> R {
    OF_SCOPE.sync_scope(RefCell::new(Some(active)), work)
}

/// Looks at the current context, where there is one.
pub(super) fn with_current<R>(look: impl FnOnce(&Active) -> R) -> Option<R> {
    // Within a scope nothing outside of it counts, even where the scope has been cleared.
    let mut look = Some(look);
    let in_scope = OF_SCOPE.try_with(|cell| look_at(cell, &mut look));
    if let Ok(seen) = in_scope {
        return seen;
    }
    match tokio::task::try_id() {
        Some(id) => of_task(id).zip(look).map(|(active, look)| look(&active)),
        None => OF_THREAD.try_with(|cell| look_at(cell, &mut look)).ok().flatten(),
    }
}

fn look_at<R, L: FnOnce(&Active) -> R>(cell: &RefCell<Context>, look: &mut Option<L>) -> Option<R> {
    // Nobody logs while a context is put in its place, so nothing is missed where it is borrowed.
    let context = cell.try_borrow().ok()?;
    context.as_deref().zip(look.take()).map(|(active, look)| look(active))
}

/// Puts a context in the place of the current one.
pub(super) fn set(context: Context) {
    let mut context = Some(context);
    let in_scope = OF_SCOPE.try_with(|cell| cell.replace(context.take().flatten()));
    if in_scope.is_ok() {
        return;
    }
    match tokio::task::try_id() {
        Some(id) => set_for_task(id, context.flatten()),
        // A thread at its very end needs none any more.
        None => drop(OF_THREAD.try_with(|cell| cell.replace(context.take().flatten()))),
    }
}

fn shard(id: Id) -> &'static RwLock<Shard> {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(id);
    &OF_TASKS[usize::try_from(hash % SHARDS as u64).unwrap_or(0)]
}

fn of_task(id: Id) -> Context {
    if TASKS.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let shard = shard(id).read().unwrap_or_else(PoisonError::into_inner);
    shard.contexts.get(&id).map(|(_, active)| Arc::clone(active))
}

fn set_for_task(id: Id, context: Context) {
    let mut shard = shard(id).write().unwrap_or_else(PoisonError::into_inner);
    let before = shard.contexts.len();
    match context {
        None => drop(shard.contexts.remove(&id)),
        Some(active) => shard.put(id, active),
    }
    let after = shard.contexts.len();
    // The task itself sees what it did: it runs on this thread, or it was moved by something that orders memory.
    TASKS.fetch_add(after.saturating_sub(before), Ordering::Relaxed);
    TASKS.fetch_sub(before.saturating_sub(after), Ordering::Relaxed);
}

impl Shard {
    /// Remembers the context of a task, and forgets the one that was set longest ago where there are too many: a task that
    /// ended without clearing its own must not hold memory for ever.
    fn put(&mut self, id: Id, active: Arc<Active>) {
        self.turn += 1;
        self.contexts.insert(id, (self.turn, active));
        if self.contexts.len() > MAX_IN_SHARD {
            let oldest = self.contexts.iter().min_by_key(|(_, (turn, _))| *turn).map(|(id, _)| *id);
            if let Some(oldest) = oldest {
                self.contexts.remove(&oldest);
            }
        }
    }
}
