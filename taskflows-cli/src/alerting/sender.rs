use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use taskflows_alerts::outbox::{Dispatcher, Drained};
use taskflows_alerts::{Channel, Delivery, Notifier, NotifyError, Receipt};
use taskflows_core::effects::{LogReader, RunStore};
use taskflows_store::Store;
use tokio::time::Instant;

use super::AlertDesk;
use super::with_log::WithLog;
use crate::error::chain;
use crate::{App, CliError, Exit, Variable};

/// How long one look at the queue may last: what waits longer is looked at again, with what came meanwhile.
const LOOK: Duration = Duration::from_secs(15);

/// What was sent, and what could not be.
#[derive(Debug, Default)]
pub(crate) struct SendReport {
    /// The count of each.
    pub(crate) drained: Drained,
    /// What is wrong with groups and channels.
    pub(crate) troubles: Vec<String>,
}

/// A channel that cannot be, so that what waits for it is given up and told through the fallback, not kept for days.
struct Unusable {
    place: String,
    reason: String,
}

impl Unusable {
    fn refuse(&self) -> Result<Receipt, NotifyError> {
        Err(NotifyError::Permanent { place: self.place.clone(), reason: self.reason.clone() })
    }
}

#[async_trait]
impl Notifier for Unusable {
    async fn notify(&self, _: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        self.refuse()
    }

    async fn amend(&self, _: &Receipt, _: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        self.refuse()
    }
}

/// Sends what waits in the outbox of this host.
pub(crate) struct Sender {
    desk: AlertDesk,
    store: Store,
    logs: Arc<dyn LogReader>,
    runs: Arc<dyn RunStore>,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Sender {
    /// Opens the store.
    ///
    /// # Errors
    /// When it, or the groups, cannot be read.
    pub(crate) fn open(app: &App) -> Result<Self, CliError> {
        let desk = AlertDesk::open(&app.data_directory)?;
        let store = desk.store()?;
        let (logs, runs) = (Arc::clone(&app.logs), Arc::clone(&app.runs));
        Ok(Self { desk, store, logs, runs, now: Arc::new(Timestamp::now) })
    }

    /// Sends until nothing is left that can be sent before `patience` is over; where `lingers`, also what time brings in
    /// the next minute and a half.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn send(
        &mut self,
        variable: &Variable,
        patience: Duration,
        lingers: bool,
    ) -> Result<SendReport, CliError> {
        let mut report = SendReport { troubles: self.desk.troubles().to_vec(), ..SendReport::default() };
        let channels = self.channels(variable, &mut report.troubles);
        let mut dispatcher = self.dispatcher(channels);
        let end = Instant::now() + patience;
        loop {
            if let Some(desk) = self.desk.renewed() {
                self.desk = desk;
                dispatcher = self.dispatcher(self.channels(variable, &mut report.troubles));
            }
            let next = self.desk.tick(&self.store, (self.now)())?;
            let deadline = end.min(Instant::now() + LOOK);
            let drained = dispatcher.drain_until_idle(deadline).await;
            let drained = drained.map_err(|error| CliError::new(Exit::Failed, chain(&error)))?;
            report.drained.sent += drained.sent;
            report.drained.skipped += drained.skipped;
            report.drained.undelivered += drained.undelivered;
            report.drained.waiting = drained.waiting;
            match self.pause(&report.drained, next, lingers) {
                Some(pause) if Instant::now() + pause < end => tokio::time::sleep(pause).await,
                Some(_) => return Ok(report),
                None => break,
            }
        }
        self.desk.rest();
        // What was queued after the last look and before the file went is not to wait for the monitor.
        self.desk.wake_if_due(&self.store, (self.now)())?;
        Ok(report)
    }

    /// Returns how long to wait for what is to be done next, where anything is soon.
    fn pause(&self, drained: &Drained, next: Option<Timestamp>, lingers: bool) -> Option<Duration> {
        let now = (self.now)();
        let soon = now.checked_add(SignedDuration::from_secs(90)).unwrap_or(now);
        let ticks = next.filter(|next| lingers && *next <= soon);
        let waits = drained.waiting.values().filter_map(|waiting| waiting.until);
        let next = waits.chain(ticks).min()?;
        let pause = Duration::try_from(next.duration_since(now)).unwrap_or_default();
        // What is queued meanwhile is not to wait for it.
        Some(pause.clamp(Duration::from_millis(50), Duration::from_secs(1)))
    }

    fn dispatcher(&self, channels: Vec<Channel>) -> Dispatcher {
        let mut notifiers: BTreeMap<String, Arc<dyn Notifier>> = BTreeMap::new();
        for channel in channels {
            let notifier = WithLog {
                inner: channel.notifier,
                logs: Arc::clone(&self.logs),
                runs: Arc::clone(&self.runs),
            };
            notifiers.insert(channel.id, Arc::new(notifier));
        }
        let mut fallbacks: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for group in self.desk.groups().values().filter(|group| !group.rules.fallback.is_empty()) {
            for channel in &group.rules.channels {
                fallbacks.entry(channel.clone()).or_default().extend(group.rules.fallback.iter().cloned());
            }
        }
        let clock = Arc::clone(&self.now);
        Dispatcher::new(Arc::new(self.store.clone()), notifiers, clock, fastrand::f64)
            .with_fallbacks(fallbacks)
    }

    /// Returns the channels of all groups, each once.
    fn channels(&self, variable: &Variable, troubles: &mut Vec<String>) -> Vec<Channel> {
        let mut channels: BTreeMap<String, Channel> = BTreeMap::new();
        let mut unusable = Vec::new();
        for (key, group) in self.desk.groups() {
            for destination in &group.destinations {
                match destination.channels(&|name| variable(name)) {
                    Ok(found) => channels.extend(found.into_iter().map(|one| (one.id.clone(), one))),
                    Err(error) => {
                        let reason = chain(&error);
                        troubles.push(format!("the group of alerts `{key}`: {reason}"));
                        let ids = destination.channel_ids().into_iter();
                        unusable.extend(ids.map(|id| (id, reason.clone())));
                    }
                }
            }
        }
        // A channel that another group can use works.
        for (id, reason) in unusable {
            let notifier = Arc::new(Unusable { place: id.clone(), reason });
            channels.entry(id.clone()).or_insert(Channel { id, notifier });
        }
        channels.into_values().collect()
    }
}
