use std::cmp::Ordering;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use taskflows_alerts::task_events::with_log;
use taskflows_alerts::{Component, Delivery, Message, Notifier, NotifyError, Receipt};
use taskflows_core::effects::{LogEntry, LogOrigin, LogQuery, LogReader, RunStore};
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
            None => self.journal(&record, attempt).await.filter(|lines| !lines.is_empty()),
        }
    }

    /// Returns the lines of the attempt, where the journal knows of any; else those of the run, with those of its time of
    /// which nobody knows the run: the last words of a process are among them.
    async fn journal(&self, record: &RunRecord, attempt: Option<u32>) -> Option<Vec<String>> {
        let of_run = LogQuery { run: Some(record.id), ..LogQuery::default() };
        if attempt.is_some() {
            let lines = self.written(record, LogQuery { attempt, ..of_run.clone() }).await?;
            if !lines.is_empty() {
                return Some(last(lines));
            }
        }
        let (since, until) = span_of_lines(&*self.runs, record).await;
        let mut lines = self.written(record, LogQuery { since, until, ..of_run.clone() }).await?;
        let known = self.written(record, of_run).await?;
        // A busy journal notes some of them only when the next run is under way.
        let late: Vec<LogEntry> = known.into_iter().filter(|line| !lines.contains(line)).collect();
        lines.extend(late);
        lines.sort_by_key(|line| line.time);
        Some(last(lines))
    }

    /// Reads what its processes wrote.
    async fn written(&self, record: &RunRecord, query: LogQuery) -> Option<Vec<LogEntry>> {
        // systemd's own lines are among them, and are left out below.
        let query = LogQuery { services: vec![record.service.clone()?], lines: Some(LINES * 2), ..query };
        let entries = self.logs.read(&query).await.ok()?.into_iter();
        Some(entries.filter(|entry| entry.origin == LogOrigin::Process).collect())
    }

    async fn kept(&self, record: &RunRecord, number: Option<u32>) -> Option<Vec<String>> {
        let mut attempts = self.runs.attempts(record.id).await.ok()?.into_iter();
        let attempt = attempts.rfind(|attempt| number.is_none_or(|number| attempt.number == number))?;
        let lines: Vec<&str> = attempt.tail.lines().collect();
        let last = &lines[lines.len().saturating_sub(LINES)..];
        (!last.is_empty()).then(|| last.iter().map(|line| (*line).to_owned()).collect())
    }
}

fn last(mut lines: Vec<LogEntry>) -> Vec<String> {
    let lines = lines.split_off(lines.len().saturating_sub(LINES));
    lines.into_iter().map(|line| line.message).collect()
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

#[cfg(test)]
mod tests {
    use taskflows_core::Outcome;
    use taskflows_core::task::{RunFinish, RunId};
    use taskflows_core::testing::run_store::a_service_run;
    use taskflows_core::testing::{MemoryLogReader, MemoryRunStore};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Two runs, of the seconds 1000 to 1020 and 1010 to 1030, and the lines that were written meanwhile.
    async fn stage(lines: &[(i64, Option<u128>, Option<u32>, &str)]) -> WithLog {
        let (logs, runs) = (MemoryLogReader::default(), MemoryRunStore::default());
        for (id, start) in [(1, 1000), (2, 1010)] {
            let mut run = a_service_run(id, "a", start);
            (run.started, run.outcome, run.ended) = (at(start), Outcome::Running, None);
            runs.begin(&run).await.unwrap();
            let (ended, outcome) = (at(start + 20), Outcome::Succeeded);
            let finish = RunFinish { ended, outcome, attempts: 1, error: None };
            runs.finish(RunId::from_bits(id), &finish).await.unwrap();
        }
        for (second, run, attempt, message) in lines {
            logs.write(LogEntry {
                time: at(*second),
                service: "a".parse().unwrap(),
                origin: LogOrigin::Process,
                run: run.map(RunId::from_bits),
                attempt: *attempt,
                priority: 6,
                message: (*message).to_owned(),
            });
        }
        WithLog { inner: Arc::new(Nobody), logs: Arc::new(logs), runs: Arc::new(runs) }
    }

    struct Nobody;

    #[async_trait]
    impl Notifier for Nobody {
        async fn notify(&self, _: &Delivery<'_>) -> Result<Receipt, NotifyError> {
            unreachable!("nothing is sent")
        }

        async fn amend(&self, _: &Receipt, _: &Delivery<'_>) -> Result<Receipt, NotifyError> {
            unreachable!("nothing is sent")
        }
    }

    #[tokio::test]
    async fn lines_of_runs_that_overlap_are_told_apart() {
        let lines = [
            (1005, Some(1), None, "one"),
            (1012, Some(2), None, "two"),
            (1015, Some(1), None, "one again"),
            (1016, Some(2), None, "two again"),
            (1025, Some(1), None, "one, late"),
        ];
        let log = stage(&lines).await;
        let of = async |run: u128| log.lines(&RunId::from_bits(run).to_string(), None).await.unwrap();
        assert_eq!(of(1).await, ["one", "one again", "one, late"]);
        assert_eq!(of(2).await, ["two", "two again"]);
    }

    #[tokio::test]
    async fn of_a_run_with_several_attempts_those_of_the_attempt_are_taken() {
        let lines = [(1001, Some(1), Some(1), "first"), (1003, Some(1), Some(2), "second")];
        let log = stage(&lines).await;
        let of = async |attempt| log.lines(&RunId::from_bits(1).to_string(), attempt).await.unwrap();
        assert_eq!(of(Some(1)).await, ["first"]);
        assert_eq!(of(None).await, ["first", "second"]);
        assert_eq!(of(Some(3)).await, ["first", "second"]);
    }
}
