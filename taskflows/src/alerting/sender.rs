use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use taskflows_alerts::incident::{Rules, tick};
use taskflows_alerts::outbox::Dispatcher;
use taskflows_alerts::{Channel, Destination, Notifier};

use super::here::kept;

/// How long one look at the queue may last.
const LOOK: Duration = Duration::from_secs(60);

/// How long the thread rests where nothing wakes it: another process may have left something for our channels.
const REST: Duration = Duration::from_secs(30);

/// The thread that sends what the tasks of this process queue.
struct Sender {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    channels: BTreeMap<String, Arc<dyn Notifier>>,
    groups: BTreeMap<String, Rules>,
    /// How often it was woken, and how often of these it has looked since.
    woken: u64,
    looked: u64,
    /// Whether the last look left something that may still be sent.
    waits: bool,
}

static SENDER: OnceLock<Option<Arc<Sender>>> = OnceLock::new();

impl Sender {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends what waits for these destinations, now and from now on.
pub(super) fn wake(destinations: &[Destination], group: &str, rules: &Rules) {
    let Some(sender) = SENDER.get_or_init(start) else { return };
    let mut state = sender.state();
    if !state.groups.contains_key(group) {
        // What cannot be built now may be later: a token that is set, a file that is there.
        let (channels, is_whole) = channels(destinations);
        state.channels.extend(channels.into_iter().map(|channel| (channel.id, channel.notifier)));
        if is_whole {
            state.groups.insert(group.to_owned(), rules.clone());
        }
    }
    state.woken += 1;
    drop(state);
    sender.changed.notify_all();
}

/// Returns the channels that can be built, and whether that is all of them.
fn channels(destinations: &[Destination]) -> (Vec<Channel>, bool) {
    let (mut channels, mut is_whole) = (Vec::new(), true);
    for destination in destinations {
        match destination.channels(&|name| std::env::var(name).ok()) {
            Ok(found) => channels.extend(found),
            // What is queued for it waits until somebody mends it.
            Err(error) => {
                tracing::error!(%error, "alerts of tasks cannot be sent");
                is_whole = false;
            }
        }
    }
    (channels, is_whole)
}

/// Waits until what the tasks of this process told so far is sent, at most `limit`, and tells whether it is.
///
/// What is not is on disk, and the next process with the same destinations sends it. A program whose `main` is not run by
/// [`block_on`](crate::block_on) calls it at its end.
///
/// ```
/// // Nothing was told, so nothing is waited for.
/// assert!(taskflows::flush_alerts(std::time::Duration::from_secs(10)));
/// ```
pub fn flush_alerts(limit: Duration) -> bool {
    let end = Instant::now() + limit;
    if !taskflows_runtime::flush_observers(limit) {
        return false;
    }
    let Some(Some(sender)) = SENDER.get() else { return true };
    let mut state = sender.state();
    let wanted = state.woken;
    while state.looked < wanted || state.waits {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        let waited = sender.changed.wait_timeout(state, left);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
    true
}

fn start() -> Option<Arc<Sender>> {
    let sender = Arc::new(Sender { state: Mutex::default(), changed: Condvar::new() });
    let own = Arc::clone(&sender);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let started = runtime.and_then(|runtime| {
        let thread = std::thread::Builder::new().name("taskflows-alerts".to_owned());
        thread.spawn(move || serve(&own, &runtime))
    });
    match started {
        Ok(_) => Some(sender),
        Err(error) => {
            tracing::error!(%error, "could not start the thread that sends alerts");
            None
        }
    }
}

fn serve(sender: &Sender, runtime: &tokio::runtime::Runtime) {
    loop {
        let mut state = sender.state();
        let (woken, channels, groups) = (state.woken, state.channels.clone(), state.groups.clone());
        // A flush that begins now waits for this look, also where it finds nothing new.
        state.waits = true;
        drop(state);
        let pause = runtime.block_on(look(channels, &groups));
        let mut state = sender.state();
        state.looked = woken;
        state.waits = pause.is_some();
        sender.changed.notify_all();
        let pause = pause.unwrap_or(REST);
        if state.woken == woken {
            drop(sender.changed.wait_timeout_while(state, pause, |state| state.woken == woken));
        }
    }
}

/// Sends what can be sent, and returns how long to wait for the rest, where there is any.
async fn look(
    channels: BTreeMap<String, Arc<dyn Notifier>>,
    groups: &BTreeMap<String, Rules>,
) -> Option<Duration> {
    let now = Timestamp::now();
    if let Err(error) = tick(&*kept().alerts, groups, now) {
        tracing::error!(%error, "incidents could not be looked at");
    }
    let outbox = Arc::clone(&kept().outbox);
    let dispatcher = Dispatcher::new(outbox, channels.clone(), Arc::new(Timestamp::now), fastrand::f64);
    match dispatcher.drain_until_idle(tokio::time::Instant::now() + LOOK).await {
        Ok(drained) => {
            let ours = drained.waiting.iter().filter(|(id, _)| channels.contains_key(*id));
            let next = ours.filter_map(|(_, waiting)| waiting.until).min()?;
            let pause = Duration::try_from(next.duration_since(Timestamp::now())).unwrap_or_default();
            Some(pause.max(Duration::from_millis(50)))
        }
        Err(error) => {
            tracing::error!(%error, "alerts could not be sent");
            Some(REST)
        }
    }
}
