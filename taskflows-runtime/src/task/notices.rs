//! The thread on which observers are told what happened.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use taskflows_core::effects::RunObserver;
use taskflows_core::task::RunEvent;
use tokio::sync::oneshot;

/// How many notices may wait. More mean an observer that does not keep up, and memory has an end.
const WAITING: usize = 1024;
/// How long one observer may take over one event.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) type Observers = Arc<[Arc<dyn RunObserver>]>;

enum Notice {
    Event(Observers, RunEvent),
    /// All before it were told.
    Mark(oneshot::Sender<()>),
}

/// Started by the first event. `None` where no thread could be had: observers are told nothing then, and runs go on.
static THREAD: OnceLock<Option<SyncSender<Notice>>> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);

pub(crate) fn tell(observers: &Observers, event: RunEvent) {
    send(Notice::Event(Arc::clone(observers), event));
}

/// Returns what is done once all that was told so far has been taken note of.
pub(crate) fn told() -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    send(Notice::Mark(sender));
    receiver
}

/// Waits until observers have taken note of all that happened so far, at most `limit`. Returns whether they have.
///
/// For the end of a program; [`block_on`](crate::block_on) does it by itself. It blocks the thread.
pub fn flush_observers(limit: Duration) -> bool {
    // Without a first event there is no thread, and nothing to wait for.
    match THREAD.get() {
        None | Some(None) => true,
        Some(Some(_)) => wait_for(told(), limit),
    }
}

/// Blocks the thread until `told` is done, at most `limit`. Returns whether it is.
pub(crate) fn wait_for(mut told: oneshot::Receiver<()>, limit: Duration) -> bool {
    let until = std::time::Instant::now() + limit;
    loop {
        match told.try_recv() {
            Ok(()) => return true,
            Err(oneshot::error::TryRecvError::Closed) => return false,
            Err(oneshot::error::TryRecvError::Empty) if std::time::Instant::now() >= until => return false,
            Err(oneshot::error::TryRecvError::Empty) => std::thread::sleep(Duration::from_micros(100)),
        }
    }
}

fn start() -> Option<SyncSender<Notice>> {
    let (sender, receiver) = mpsc::sync_channel(WAITING);
    let thread = std::thread::Builder::new().name("taskflows-observers".into());
    match thread.spawn(move || tell_all(&receiver)) {
        Ok(_) => Some(sender),
        Err(error) => {
            tracing::error!(%error, "could not start the thread that observers of tasks are told on");
            None
        }
    }
}

fn send(notice: Notice) {
    let Some(thread) = THREAD.get_or_init(start) else { return };
    match thread.try_send(notice) {
        Ok(()) => {}
        Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn tell_all(notices: &Receiver<Notice>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "could not start the runtime that observers of tasks are told on");
            return;
        }
    };
    while let Ok(notice) = notices.recv() {
        match notice {
            Notice::Event(observers, event) => {
                for observer in &*observers {
                    runtime.block_on(tell_one(&**observer, &event));
                }
            }
            // Whoever asked may have given up by now.
            Notice::Mark(told) => drop(told.send(())),
        }
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "an observer of tasks did not keep up: it was not told everything");
        }
    }
}

async fn tell_one(observer: &dyn RunObserver, event: &RunEvent) {
    let observed = AssertUnwindSafe(async { observer.observe(event).await }).catch_unwind();
    match tokio::time::timeout(LIMIT, observed).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) => tracing::error!(task = event.task, "an observer of tasks panicked"),
        Err(_) => tracing::error!(task = event.task, "an observer of tasks took longer than 30s"),
    }
}
