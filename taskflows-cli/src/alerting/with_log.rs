use std::cmp::Ordering;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use taskflows_alerts::task_events::with_log;
use taskflows_alerts::{Component, Delivery, Message, Notifier, NotifyError, Receipt};
use taskflows_core::effects::{LogOrigin, LogQuery, LogReader, RunStore};
use taskflows_core::task::{RunQuery, RunRecord};
use tokio::time::{Duration, timeout};

/// How many lines go along.
const LINES: usize = 15;

/// How long the log may take to be read.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs that began so long before one may have ended just before it.
const NEIGHBOURS: SignedDuration = SignedDuration::from_hours(1);

/// Adds to a message about a run, before it is sent, the last lines that the run wrote.
///
/// They are read by who sends, not by who queues: a run waits for no journal.
pub(crate) struct WithLog {
    pub(crate) inner: Arc<dyn Notifier>,
    pub(crate) logs: Arc<dyn LogReader>,
    pub(crate) runs: Arc<dyn RunStore>,
}

#[async_trait]
impl Notifier for WithLog {
    fn amends_in_place(&self) -> bool {
        self.inner.amends_in_place()
    }

    async fn notify(&self, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        match self.complete(delivery.message).await {
            Some(message) => self.inner.notify(&Delivery { message: &message, ..*delivery }).await,
            None => self.inner.notify(delivery).await,
        }
    }

    async fn amend(&self, receipt: &Receipt, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        match self.complete(delivery.message).await {
            Some(message) => self.inner.amend(receipt, &Delivery { message: &message, ..*delivery }).await,
            None => self.inner.amend(receipt, delivery).await,
        }
    }
}

impl WithLog {
    async fn complete(&self, message: &Message) -> Option<Message> {
        let kind = message.labels.get("kind")?;
        let has_log = message.body.iter().any(|part| matches!(part, Component::Code { .. }));
        if has_log || !matches!(kind.as_str(), "failed" | "error") {
            return None;
        }
        let attempt = message.labels.get("attempt").and_then(|number| number.parse().ok());
        let lines = timeout(PATIENCE, self.lines(message.labels.get("run")?, attempt)).await.ok()??;
        let mut message = message.clone();
        with_log(&mut message, &lines, &[]);
        Some(message)
    }

    /// Returns what is kept of the attempt, of the last where none is named; else what the journal has of the run.
    async fn lines(&self, run: &str, attempt: Option<u32>) -> Option<Vec<String>> {
        let query = RunQuery { id_prefix: Some(run.to_owned()), limit: Some(1), ..RunQuery::default() };
        let record = self.runs.recent(&query).await.ok()?.pop()?;
        match self.kept(&record, attempt).await {
            Some(lines) => Some(lines),
            None => self.journal(&record).await.filter(|lines| !lines.is_empty()),
        }
    }

    async fn journal(&self, record: &RunRecord) -> Option<Vec<String>> {
        let (since, until) = span_of_lines(&*self.runs, record).await;
        let query = LogQuery {
            services: vec![record.service.clone()?],
            // systemd's own lines are among them, and are left out below.
            lines: Some(LINES * 2),
            since,
            until,
            ..LogQuery::default()
        };
        let entries = self.logs.read(&query).await.ok()?.into_iter();
        let entries = entries.filter(|entry| entry.origin == LogOrigin::Process);
        let lines: Vec<String> = entries.map(|entry| entry.message).collect();
        Some(lines[lines.len().saturating_sub(LINES)..].to_vec())
    }

    async fn kept(&self, record: &RunRecord, number: Option<u32>) -> Option<Vec<String>> {
        let mut attempts = self.runs.attempts(record.id).await.ok()?.into_iter();
        let attempt = attempts.rfind(|attempt| number.is_none_or(|number| attempt.number == number))?;
        let lines: Vec<&str> = attempt.tail.lines().collect();
        let last = &lines[lines.len().saturating_sub(LINES)..];
        (!last.is_empty()).then(|| last.iter().map(|line| (*line).to_owned()).collect())
    }
}

/// Returns when the lines of a run were written: from a moment before it to a moment after it, since a journal that is busy
/// notes lines late, but not while the run before or after it was under way.
pub(crate) async fn span_of_lines(
    runs: &dyn RunStore,
    record: &RunRecord,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let margin = SignedDuration::from_secs(1);
    let mut since = record.started.checked_sub(margin).ok();
    let mut until = record.ended.and_then(|ended| ended.checked_add(margin).ok());
    let query = RunQuery {
        tasks: vec![record.task.clone()],
        since: record.started.checked_sub(NEIGHBOURS).ok(),
        // What began later than this does not narrow it.
        until: until.or(Some(record.started)),
        limit: Some(100),
        ..RunQuery::default()
    };
    for other in runs.recent(&query).await.unwrap_or_default() {
        match other.started.cmp(&record.started) {
            Ordering::Less => since = since.max(other.ended.filter(|ended| *ended <= record.started)),
            Ordering::Greater => until = until.map(|until| until.min(other.started)),
            Ordering::Equal => {}
        }
    }
    (since, until)
}
