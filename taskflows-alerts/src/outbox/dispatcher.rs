use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep_until, timeout};

use super::pacing::{Bucket, Pacing};
use super::{AlertStoreError, ChannelStatus, Claim, Entry, EntryKind, NewEntry, Next, Outbox, Settlement};
use crate::{Component, Delivery, Field, Message, Notifier, NotifyError, Receipt, Severity, Tone};

/// What people are told of a broken channel is not told again for this long, unless it worked in between.
const REPORT_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// A channel that has nothing is looked at again so often while others are busy.
const AGAIN: Duration = Duration::from_secs(1);

/// What fails for so long is told elsewhere, while it is still tried.
const STUCK: SignedDuration = SignedDuration::from_mins(5);

const STUCK_AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// So many titles of what a channel was not told go along.
const TITLES: usize = 10;

/// What tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Sends what waits in an outbox.
///
/// Channels are sent to at once, each in order and at its pace: a slow one delays no other. Dropping what
/// [`Dispatcher::drain_until_idle`] returned ends it at any moment; a message that was on its way then is sent again once
/// its lease is over, with the same key.
#[derive(Clone)]
pub struct Dispatcher {
    outbox: Arc<dyn Outbox>,
    channels: BTreeMap<String, Arc<dyn Notifier>>,
    fallbacks: BTreeMap<String, Vec<String>>,
    pacing: Pacing,
    clock: Clock,
    chance: Arc<dyn Fn() -> f64 + Send + Sync>,
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher").field("channels", &self.channels.keys()).finish_non_exhaustive()
    }
}

/// What was sent, and what still waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// How many messages arrived.
    pub sent: u64,
    /// How many needed no sending.
    pub skipped: u64,
    /// How many were given up.
    pub undelivered: u64,
    /// What waits, by channel.
    pub waiting: BTreeMap<String, Waiting>,
}

/// What waits in a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// How many messages.
    pub messages: u64,
    /// Until when, and nothing where no channel of this id is known any more.
    pub until: Option<Timestamp>,
}

/// Why nothing, or not all, could be sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DispatchError {
    /// The outbox could not be read or written.
    #[error("could not work through the queue of alerts")]
    Outbox {
        /// The cause.
        #[from]
        source: AlertStoreError,
    },
    /// A notifier ended in a panic.
    #[error("a channel stopped in the middle: {reason}")]
    Stopped {
        /// What is known of it.
        reason: String,
    },
}

impl Dispatcher {
    /// Returns one for these channels. `chance` returns numbers from 0 to 1, of which waits get longer or shorter.
    pub fn new(
        outbox: Arc<dyn Outbox>,
        channels: BTreeMap<String, Arc<dyn Notifier>>,
        clock: Clock,
        chance: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        let (fallbacks, pacing) = (BTreeMap::new(), Pacing::default());
        Self { outbox, channels, fallbacks, pacing, clock, chance: Arc::new(chance) }
    }

    /// Tells the channels of the second ids what the first could not be told.
    #[must_use]
    pub fn with_fallbacks(self, fallbacks: BTreeMap<String, Vec<String>>) -> Self {
        Self { fallbacks, ..self }
    }

    /// Sends at another pace.
    #[must_use]
    pub fn with_pacing(self, pacing: Pacing) -> Self {
        Self { pacing, ..self }
    }

    /// Sends what waits until nothing is left that can be sent before `deadline`, waiting for what may be sent by then.
    ///
    /// # Errors
    /// When the outbox fails; what was sent until then is settled.
    pub async fn drain_until_idle(&self, deadline: Instant) -> Result<Drained, DispatchError> {
        let mut drained = Drained::default();
        let mut buckets = BTreeMap::new();
        loop {
            let before = (drained.sent, drained.skipped, drained.undelivered);
            self.drain_channels(deadline, &mut buckets, &mut drained).await?;
            // What is told of losses is queued in other channels, which may be done by now.
            let reported = self.report_losses().await?;
            let moved = before != (drained.sent, drained.skipped, drained.undelivered);
            if !reported && !moved || Instant::now() >= deadline {
                break;
            }
        }
        drained.waiting = self.waiting().await?;
        Ok(drained)
    }

    async fn drain_channels(
        &self,
        deadline: Instant,
        buckets: &mut BTreeMap<String, Bucket>,
        drained: &mut Drained,
    ) -> Result<(), DispatchError> {
        let mut workers = JoinSet::new();
        for (id, notifier) in &self.channels {
            let bucket = buckets.remove(id).unwrap_or_else(|| Bucket::new(&self.pacing, Instant::now()));
            workers.spawn(self.worker(id, notifier, bucket).drain(deadline));
        }
        let mut failed = None;
        loop {
            let looks_again = failed.is_none() && Instant::now() < deadline;
            let pause = if looks_again { AGAIN } else { Duration::MAX };
            let Ok(ended) = timeout(pause, workers.join_next()).await else {
                // What comes for a channel that has nothing is not to wait for another that is slow.
                for (id, notifier) in &self.channels {
                    if let Some(bucket) = buckets.remove(id) {
                        workers.spawn(self.worker(id, notifier, bucket).drain(deadline));
                    }
                }
                // Nor is what was lost there.
                if let Err(error) = self.report_losses().await {
                    failed = Some(error);
                }
                continue;
            };
            match ended {
                None => break,
                Some(Ok((channel, bucket, Ok(part)))) => {
                    drained.sent += part.sent;
                    drained.skipped += part.skipped;
                    drained.undelivered += part.undelivered;
                    buckets.insert(channel, bucket);
                }
                Some(Ok((_, _, Err(error)))) => failed = Some(error),
                Some(Err(error)) => failed = Some(DispatchError::Stopped { reason: error.to_string() }),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn worker(&self, channel: &str, notifier: &Arc<dyn Notifier>, bucket: Bucket) -> Worker {
        Worker { all: self.clone(), channel: channel.to_owned(), notifier: notifier.clone(), bucket }
    }

    /// Queues a message for what each channel lost and nobody was told of, and tells whether there was any.
    async fn report_losses(&self) -> Result<bool, DispatchError> {
        let now = (self.clock)();
        let mut any = false;
        for status in self.call(|outbox| outbox.channels()).await? {
            if !is_to_report(&status, now) {
                continue;
            }
            let channel = status.channel.clone();
            let titles = self.call(move |outbox| titles(outbox, &channel)).await?;
            let entries = self.report(&status, &titles, now);
            if !entries.is_empty() {
                any = true;
                self.call(move |outbox| outbox.report(&status.channel, status.unreported, &entries, now))
                    .await?;
            }
        }
        Ok(any)
    }

    fn report(&self, status: &ChannelStatus, titles: &[String], now: Timestamp) -> Vec<NewEntry> {
        let fallback = self.fallbacks.get(&status.channel).map(Vec::as_slice).unwrap_or_default();
        let others: BTreeSet<&String> = fallback.iter().filter(|id| **id != status.channel).collect();
        let lost_so_far = status.dropped + status.undelivered;
        let key = match status.unreported {
            0 => format!("stuck/{}/{lost_so_far}/{}", status.channel, now.as_second()),
            _ => format!("lost/{}/{lost_so_far}", status.channel),
        };
        let message = lost(status, titles, now);
        others.iter().map(|id| NewEntry::send(id, &key, message.clone(), now)).collect()
    }

    async fn waiting(&self) -> Result<BTreeMap<String, Waiting>, DispatchError> {
        let waiting = self.call(|outbox| outbox.channels()).await?.into_iter();
        let waiting = waiting.filter(|status| status.queued > 0).map(|status| {
            let known = self.channels.contains_key(&status.channel);
            let until = status.next_attempt.filter(|_| known);
            (status.channel, Waiting { messages: status.queued, until })
        });
        Ok(waiting.collect())
    }

    /// Makes one call of the outbox where it may block.
    async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Outbox) -> Result<T, AlertStoreError> + Send + 'static,
    ) -> Result<T, DispatchError> {
        let outbox = Arc::clone(&self.outbox);
        match tokio::task::spawn_blocking(move || call(&*outbox)).await {
            Ok(answer) => Ok(answer?),
            Err(error) => Err(DispatchError::Stopped { reason: error.to_string() }),
        }
    }
}

fn is_to_report(status: &ChannelStatus, now: Timestamp) -> bool {
    let worked_since = |told: Timestamp| status.last_success.is_some_and(|at| at > told);
    let long_ago = |told: Timestamp| now.duration_since(told) >= REPORT_EVERY;
    let is_stuck = status.last_error.is_some()
        && status.oldest.is_some_and(|oldest| now.duration_since(oldest) >= STUCK);
    let is_due = status.reported_at.is_none_or(|told| worked_since(told) || long_ago(told));
    // That it still is, is told once a day.
    let again = |told: Timestamp| worked_since(told) || now.duration_since(told) >= STUCK_AGAIN;
    status.unreported > 0 && is_due || is_stuck && status.reported_at.is_none_or(again)
}

/// Returns what the newest alerts said that a channel was not told, those that wait last.
fn titles(outbox: &dyn Outbox, channel: &str) -> Result<Vec<String>, AlertStoreError> {
    let given_up = outbox.undelivered(channel)?;
    let all = given_up.into_iter().chain(outbox.queued(channel)?);
    let mut titles: Vec<String> = all.map(|entry| entry.new.message.title).collect();
    titles.dedup();
    Ok(titles.split_off(titles.len().saturating_sub(TITLES)))
}

/// Returns what is told of a channel's losses.
fn lost(status: &ChannelStatus, titles: &[String], now: Timestamp) -> Message {
    let field = |name: &str, value: String| Field { name: name.to_owned(), value };
    let mut fields = vec![
        field("Given up so far", status.undelivered.to_string()),
        field("Dropped so far", status.dropped.to_string()),
        field("Waiting", status.queued.to_string()),
    ];
    if let Some(error) = &status.last_error {
        fields.push(field("Last error", error.clone()));
    }
    let alerts = |count: u64| if count == 1 { "1 alert".to_owned() } else { format!("{count} alerts") };
    let title = match status.unreported {
        0 => format!("{} cannot reach {} so far", alerts(status.queued), status.channel),
        lost => format!("{} did not reach {}", alerts(lost), status.channel),
    };
    let body = match titles {
        [] => Vec::new(),
        titles => vec![
            Component::Text { text: "What was not told there:".to_owned(), tone: Tone::Neutral },
            Component::List { items: titles.to_vec(), ordered: false },
        ],
    };
    Message { severity: Severity::Error, title, body, fields, at: Some(now), ..Message::default() }
}

/// Sends what waits in one channel.
struct Worker {
    all: Dispatcher,
    channel: String,
    notifier: Arc<dyn Notifier>,
    bucket: Bucket,
}

impl Worker {
    async fn drain(mut self, deadline: Instant) -> (String, Bucket, Result<Drained, DispatchError>) {
        let mut drained = Drained::default();
        let ended = self.run(deadline, &mut drained).await;
        (self.channel, self.bucket, ended.map(|()| drained))
    }

    async fn run(&mut self, deadline: Instant, drained: &mut Drained) -> Result<(), DispatchError> {
        loop {
            // Before anything is claimed: a lease is not to run while its turn has not come.
            if !wait_until(self.bucket.ready_at(), deadline).await {
                return Ok(());
            }
            let (channel, now) = (self.channel.clone(), (self.all.clock)());
            let lease = lease(&self.all.pacing);
            match self.all.call(move |outbox| outbox.claim(&channel, now, lease)).await? {
                Next::Nothing => return Ok(()),
                Next::Wait(until) => {
                    let wait = until.duration_since((self.all.clock)()).unsigned_abs();
                    if !wait_until(Instant::now() + wait, deadline).await {
                        return Ok(());
                    }
                }
                Next::Send(claim) => self.send(claim, drained).await?,
            }
        }
    }

    async fn send(&mut self, claim: Claim, drained: &mut Drained) -> Result<(), DispatchError> {
        let settlement = match self.attempt(&claim).await {
            None => Settlement::Skipped,
            Some(Ok(receipt)) => Settlement::Sent(receipt),
            Some(Err(error)) => self.after(&error, &claim.entry),
        };
        let counted = match &settlement {
            Settlement::Sent(_) => &mut drained.sent,
            Settlement::Skipped => &mut drained.skipped,
            Settlement::GiveUp { .. } => &mut drained.undelivered,
            Settlement::Retry { .. } => &mut 0,
        };
        let now = (self.all.clock)();
        match self.all.call(move |outbox| outbox.settle(&claim.entry, &settlement, now)).await {
            // Another sender took it over and will have said how it went.
            Err(DispatchError::Outbox { source }) if source.is_lease_lost() => Ok(()),
            other => {
                *counted += 1;
                other
            }
        }
    }

    /// Makes one attempt; nothing where there is nothing to be sent.
    async fn attempt(&mut self, claim: &Claim) -> Option<Result<Receipt, NotifyError>> {
        let new = &claim.entry.new;
        let thread = claim.receipt.as_ref().filter(|_| matches!(new.kind, EntryKind::Reply { .. }));
        let delivery = Delivery { message: &new.message, key: &new.key, thread };
        let sending = match (&new.kind, &claim.receipt) {
            (EntryKind::Amend { .. }, Some(receipt)) if self.notifier.amends_in_place() => {
                self.notifier.amend(receipt, &delivery)
            }
            (EntryKind::Amend { .. }, _) => return None,
            _ => self.notifier.notify(&delivery),
        };
        self.bucket.take(Instant::now());
        let late = || NotifyError::Transient {
            place: self.channel.clone(),
            reason: "it took too long".to_owned(),
            retry_after: None,
        };
        Some(timeout(self.all.pacing.attempt, sending).await.unwrap_or_else(|_| Err(late())))
    }

    fn after(&self, error: &NotifyError, entry: &Entry) -> Settlement {
        let text = error.to_string();
        let NotifyError::Transient { retry_after, .. } = error else {
            return Settlement::GiveUp { error: text };
        };
        let wait = retry_after.unwrap_or_else(|| self.all.pacing.wait(entry.attempts, (self.all.chance)()));
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        let at = (self.all.clock)().checked_add(wait).unwrap_or(Timestamp::MAX);
        // At its end it is dropped and counted; nothing is gained by looking later.
        Settlement::Retry { at: at.min(entry.new.expires_at), error: text }
    }
}

/// How long a message belongs to a sender: what an attempt may take and a third more, in which its end is kept. What a
/// sender that died had is sent within a minute.
fn lease(pacing: &Pacing) -> SignedDuration {
    let attempt = pacing.attempt;
    SignedDuration::try_from(attempt.saturating_add(attempt / 3)).unwrap_or(SignedDuration::MAX)
}

/// Waits until a moment, and tells whether it comes before the deadline.
async fn wait_until(moment: Instant, deadline: Instant) -> bool {
    if moment.max(Instant::now()) > deadline {
        return false;
    }
    sleep_until(moment).await;
    true
}

#[cfg(test)]
mod tests;
