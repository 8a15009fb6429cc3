use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use serde::Serialize;
use taskflows_core::{NamePattern, ServiceName};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, sleep_until};

/// So many events are kept for who comes back, and wait for who reads slowly.
const KEPT: usize = 1_024;
/// A stream on which nothing happens says so this often, by which a dead peer is found out.
const PULSE: Duration = Duration::from_secs(15);

/// Hands out events to all who read them. Each is written once, whatever their number.
#[derive(Debug)]
pub(crate) struct Hub {
    /// Tells this server from the one that it was before.
    epoch: String,
    ring: Mutex<Ring>,
}

#[derive(Debug)]
struct Ring {
    /// The number of the last event.
    last: u64,
    kept: VecDeque<Arc<Event>>,
    sender: broadcast::Sender<Arc<Event>>,
}

#[derive(Debug)]
struct Event {
    number: u64,
    /// Those that it is about; none where it is for all.
    names: Vec<ServiceName>,
    text: Bytes,
}

/// Where somebody stopped reading: `<epoch>-<number>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    epoch: String,
    number: u64,
}

impl Position {
    /// Reads the id of an event; `None` where it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (epoch, number) = text.split_once('-')?;
        Some(Self { epoch: epoch.to_owned(), number: number.parse().ok()? })
    }
}

impl Default for Hub {
    fn default() -> Self {
        let ring = Ring { last: 0, kept: VecDeque::new(), sender: broadcast::Sender::new(KEPT) };
        Self { epoch: taskflows_security::random_hex::<8>(), ring: Mutex::new(ring) }
    }
}

impl Hub {
    /// Tells all who read of these services, or all at all where there are none, of an event.
    pub(super) fn publish(&self, kind: &str, names: Vec<ServiceName>, data: &impl Serialize) {
        // What is sent can always be written.
        let data = serde_json::to_string(data).unwrap_or_default();
        let mut ring = self.lock();
        ring.last += 1;
        let event = Arc::new(Event { number: ring.last, names, text: self.text(kind, ring.last, &data) });
        if ring.kept.len() == KEPT {
            ring.kept.pop_front();
        }
        ring.kept.push_back(Arc::clone(&event));
        // That nobody reads is no error.
        let _ = ring.sender.send(event);
    }

    /// Begins to read what is about services that one of `patterns` selects, from where somebody stopped; with a resync
    /// where that is not known any more. Where nothing was told yet, that is the first event there is: it is said once the
    /// host is watched, since what changed before would be told to nobody.
    pub(crate) fn read(self: &Arc<Self>, from: Option<&Position>, patterns: Vec<NamePattern>) -> Reader {
        let ring = self.lock();
        let oldest = ring.last + 1 - ring.kept.len() as u64;
        let from = from
            .filter(|from| from.epoch == self.epoch && from.number <= ring.last && from.number + 1 >= oldest);
        let (waiting, is_behind) = match from {
            Some(from) => {
                let missed = ring.kept.iter().filter(|event| event.number > from.number);
                (missed.cloned().collect(), false)
            }
            None => (VecDeque::new(), ring.last > 0),
        };
        let receiver = ring.sender.subscribe();
        drop(ring);
        Reader {
            hub: Arc::clone(self),
            receiver,
            waiting,
            is_behind,
            patterns,
            pulse: Instant::now() + PULSE,
        }
    }

    fn text(&self, kind: &str, number: u64, data: &str) -> Bytes {
        format!("event: {kind}\nid: {}-{number}\ndata: {data}\n\n", self.epoch).into()
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads events one after the other.
#[derive(Debug)]
pub(crate) struct Reader {
    hub: Arc<Hub>,
    receiver: broadcast::Receiver<Arc<Event>>,
    /// What happened before it began.
    waiting: VecDeque<Arc<Event>>,
    /// Whether events are missing that nobody has any more.
    is_behind: bool,
    patterns: Vec<NamePattern>,
    pulse: Instant,
}

impl Reader {
    /// Waits for the next event, or for the time to say that there is none; `None` at the end of the server.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        let text = loop {
            if std::mem::take(&mut self.is_behind) {
                break self.catch_up();
            }
            let event = match self.waiting.pop_front() {
                Some(event) => event,
                None => tokio::select! {
                    event = self.receiver.recv() => match event {
                        Ok(event) => event,
                        Err(RecvError::Closed) => return None,
                        Err(RecvError::Lagged(_)) => { self.is_behind = true; continue }
                    },
                    () = sleep_until(self.pulse) => break Bytes::from_static(b":\n\n"),
                },
            };
            if self.wants(&event) {
                break event.text.clone();
            }
        };
        self.pulse = Instant::now() + PULSE;
        Some(text)
    }

    /// Passes over all that was not read, and says so.
    fn catch_up(&mut self) -> Bytes {
        let ring = self.hub.lock();
        self.receiver = ring.sender.subscribe();
        self.waiting.clear();
        self.hub.text("resync", ring.last, "{}")
    }

    fn wants(&self, event: &Event) -> bool {
        event.names.is_empty()
            || event.names.iter().any(|name| NamePattern::any_matches(&self.patterns, name))
    }
}

#[cfg(test)]
mod tests;
