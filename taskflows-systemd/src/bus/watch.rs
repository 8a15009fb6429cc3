use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use taskflows_core::effects::{JobResult, ServiceError};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zbus::message::Type as MessageType;
use zbus::{MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant};

use super::connect::Bus;
use super::unit_path;

/// The interface and the name of the signals that tell of the ends of jobs.
const JOBS: (&str, &str) = ("org.freedesktop.systemd1.Manager", "JobRemoved");

/// And of those that tell of units.
const UNITS: (&str, &str) = ("org.freedesktop.DBus.Properties", "PropertiesChanged");

/// What the manager has told of a unit since the watch began.
pub(crate) type Properties = HashMap<String, OwnedVariant>;

/// Collects what the manager tells of jobs and units from before an action on.
///
/// A short job is over before the answer to `StartUnit` has been read, and an inactive unit is unloaded
/// at once and then shows only defaults; so both are taken from the signals, which come in order.
#[derive(Debug)]
pub(crate) struct Watch {
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    jobs: HashMap<String, JobResult>,
    units: HashMap<String, Properties>,
    ended: bool,
}

impl Watch {
    /// Begins to collect what is told of jobs and of units.
    pub(crate) async fn begin(bus: &Bus) -> Result<Self, ServiceError> {
        Self::over(bus, &[JOBS, UNITS]).await
    }

    /// Begins to collect what is told of jobs alone: of a thousand units the rest is megabytes.
    pub(crate) async fn begin_jobs(bus: &Bus) -> Result<Self, ServiceError> {
        Self::over(bus, &[JOBS]).await
    }

    async fn over(bus: &Bus, rules: &[(&'static str, &'static str)]) -> Result<Self, ServiceError> {
        bus.subscribe().await?;
        let limit = bus.limits.read;
        let operation = "watch the manager's signals";
        let mut streams = Vec::new();
        for &(interface, member) in rules {
            let stream = async {
                let rule = MatchRule::builder()
                    .msg_type(MessageType::Signal)
                    .interface(interface)
                    .member(member)
                    .build()?;
                MessageStream::for_match_rule(rule, &bus.connection, None).await
            };
            streams.push(bus.within(limit, operation, stream).await?);
        }
        let seen = Arc::new(Seen::default());
        let task = tokio::spawn(collect(futures_util::stream::select_all(streams), seen.clone()));
        Ok(Self { seen, task })
    }

    /// Waits at most `limit` until `ready` finds what it looks for; `None` when it did not, or when the
    /// connection ended.
    async fn until<T>(&self, limit: Duration, mut ready: impl FnMut(&State) -> Option<T>) -> Option<T> {
        let wait = async {
            loop {
                let changed = self.seen.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                {
                    let state = self.seen.state.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(found) = ready(&state) {
                        return Some(found);
                    }
                    if state.ended {
                        return None;
                    }
                }
                changed.await;
            }
        };
        timeout(limit, wait).await.ok().flatten()
    }

    fn has_ended(&self) -> bool {
        self.seen.state.lock().unwrap_or_else(PoisonError::into_inner).ended
    }

    /// Waits for the end of a job.
    ///
    /// # Errors
    /// When it does not end within `limit`, or the connection does.
    pub(crate) async fn job(
        &self,
        bus: &Bus,
        operation: &str,
        job: &OwnedObjectPath,
        limit: Duration,
    ) -> Result<JobResult, ServiceError> {
        let result = self.until(limit, |state| state.jobs.get(job.as_str()).cloned()).await;
        result.ok_or_else(|| self.silence(bus, operation, limit))
    }

    /// Waits at most `limit` until the properties of `unit` satisfy `ready`; `None` when they do not.
    pub(crate) async fn unit(
        &self,
        unit: &str,
        limit: Duration,
        mut ready: impl FnMut(&Properties) -> bool,
    ) -> Option<Properties> {
        let path = unit_path(unit);
        self.until(limit, |state| state.units.get(&path).filter(|seen| ready(seen)).map(copy)).await
    }

    /// Returns what has been told of `unit` so far.
    pub(crate) fn seen(&self, unit: &str) -> Properties {
        let state = self.seen.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.units.get(&unit_path(unit)).map(copy).unwrap_or_default()
    }

    /// Says why nothing more will come.
    pub(crate) fn silence(&self, bus: &Bus, operation: &str, limit: Duration) -> ServiceError {
        let operation = operation.to_owned();
        if self.has_ended() {
            let source = "the manager closed it".into();
            return ServiceError::ConnectionLost { what: bus.what(), operation, source };
        }
        ServiceError::TimedOut { operation, limit }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn copy(properties: &Properties) -> Properties {
    let clone = |(name, value): (&String, &OwnedVariant)| Some((name.clone(), value.try_clone().ok()?));
    properties.iter().filter_map(clone).collect()
}

async fn collect(mut messages: impl StreamExt<Item = zbus::Result<Message>> + Unpin, seen: Arc<Seen>) {
    while let Some(Ok(message)) = messages.next().await {
        note(&message, &mut seen.state.lock().unwrap_or_else(PoisonError::into_inner));
        seen.changed.notify_waiters();
    }
    seen.state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
    seen.changed.notify_waiters();
}

/// Keeps what a signal says. One of another shape is not ours to judge and is passed over.
fn note(message: &Message, state: &mut State) {
    let header = message.header();
    let (Some(member), Some(path)) = (header.member(), header.path()) else { return };
    if member.as_str() == "JobRemoved" {
        if let Ok((_, job, _, result)) =
            message.body().deserialize::<(u32, OwnedObjectPath, String, String)>()
        {
            state.jobs.insert(job.as_str().to_owned(), result.as_str().into());
        }
        return;
    }
    type Changed = (String, HashMap<String, OwnedVariant>, Vec<String>);
    if let Ok((_, changed, _)) = message.body().deserialize::<Changed>() {
        state.units.entry(path.as_str().to_owned()).or_default().extend(changed);
    }
}
