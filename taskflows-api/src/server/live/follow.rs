use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use taskflows_core::effects::{Listing, State, StateChange, StateFeed};
use taskflows_core::{Outcome, Run, ServiceName};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Hub, Snapshot};
use crate::Host;
use crate::wire::{RunEvent, ServicesEvent, StateEvent};

/// How long the host has to say that it is watched.
const FIRST_WORD: Duration = Duration::from_secs(5);
/// So long after a change it is looked which runs are over,
const FIRST_LOOK: Duration = Duration::from_millis(200);
/// and once more when the journal has had time to know it.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// The tasks that follow a host. They end with the value.
#[derive(Debug)]
pub(super) struct Following([JoinHandle<()>; 2]);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl Following {
    pub(super) fn begin(host: &Host, snapshot: &Arc<Snapshot>, hub: &Arc<Hub>) -> Self {
        let stirred = Arc::new(Notify::new());
        let follow =
            follow(Arc::clone(&host.feed), Arc::clone(snapshot), Arc::clone(hub), Arc::clone(&stirred));
        let runs = tell_of_runs(Arc::clone(snapshot), Arc::clone(hub), stirred);
        Self([tokio::spawn(follow), tokio::spawn(runs)])
    }
}

/// Keeps the picture true, and tells of each change after the picture that is older is gone.
async fn follow(feed: Arc<dyn StateFeed>, snapshot: Arc<Snapshot>, hub: Arc<Hub>, stirred: Arc<Notify>) {
    let mut changes = feed.watch().fuse();
    // Who listens waits for the first word, which is a resync. Where there is none, they look for themselves.
    let mut first = timeout(FIRST_WORD, changes.next()).await.unwrap_or_else(|_| {
        resync(&hub);
        None
    });
    if let Some(Err(_)) = &first {
        resync(&hub);
    }
    while let Some(change) = match first.take() {
        None => changes.next().await,
        first => first,
    } {
        snapshot.changed();
        match change {
            Ok(change) => {
                snapshot.feed(true);
                tell(&hub, &change);
                stirred.notify_one();
            }
            Err(error) => {
                snapshot.feed(false);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "changes of services are not told until the manager is back"
                );
            }
        }
    }
    snapshot.feed(false);
}

fn tell(hub: &Hub, change: &StateChange) {
    let names = || change.names().into_iter().cloned().collect();
    match change {
        StateChange::State { name, state, previous, at } => {
            let previous = previous.map(State::as_str).map(str::to_owned);
            let (name, state) = (name.to_string(), state.as_str().to_owned());
            hub.publish("state", names(), &StateEvent { name, state, previous, at: *at });
        }
        StateChange::Services { installed, removed, changed } => {
            let text = |names: &[ServiceName]| names.iter().map(ToString::to_string).collect();
            let (installed, removed, changed) = (text(installed), text(removed), text(changed));
            hub.publish("services", names(), &ServicesEvent { installed, removed, changed });
        }
        StateChange::Resync => resync(hub),
        // What a list shows of it is told when it has been looked at.
        StateChange::Touched { .. } => {}
    }
}

fn resync(hub: &Hub) {
    hub.publish("resync", Vec::new(), &serde_json::json!({}));
}

/// Tells of the runs that ended, as lists show them.
async fn tell_of_runs(snapshot: Arc<Snapshot>, hub: Arc<Hub>, stirred: Arc<Notify>) {
    let mut known: Option<HashMap<ServiceName, Run>> = None;
    loop {
        look(&snapshot, &hub, &mut known).await;
        stirred.notified().await;
        for wait in [FIRST_LOOK, SECOND_LOOK] {
            tokio::time::sleep(wait).await;
            look(&snapshot, &hub, &mut known).await;
        }
    }
}

async fn look(snapshot: &Snapshot, hub: &Hub, known: &mut Option<HashMap<ServiceName, Run>>) {
    // Who asks for the list is told what is wrong.
    let Ok(picture) = snapshot.picture().await else { return };
    let last = |listing: &Listing| Some((listing.name.clone(), listing.last.clone()?));
    let now: HashMap<ServiceName, Run> = picture.listings.iter().filter_map(last).collect();
    if let Some(known) = known {
        let mut over: Vec<_> = now.iter().filter(|(name, run)| is_over_now(known.get(*name), run)).collect();
        over.sort_by_key(|(_, run)| run.at());
        for (name, run) in over {
            hub.publish("run", vec![name.clone()], &event(name, run));
        }
    }
    *known = Some(now);
}

/// Tells whether a run is over that was not before, or was another.
fn is_over_now(before: Option<&Run>, run: &Run) -> bool {
    let is_same = |before: &&Run| before.started == run.started && before.outcome != Outcome::Running;
    run.outcome != Outcome::Running && before.filter(is_same).is_none()
}

fn event(name: &ServiceName, run: &Run) -> RunEvent {
    let reason = match &run.outcome {
        Outcome::Failed(end) => Some(end.to_string()),
        _ => None,
    };
    RunEvent {
        name: name.to_string(),
        result: run.outcome.word().to_owned(),
        reason,
        started: run.started,
        ended: run.ended,
    }
}
