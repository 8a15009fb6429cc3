use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::effects::{ANNOUNCED_FOR, RunHistory, RunStore, RunStoreError};
use crate::task::{Attempt, ProcessMark, RunFinish, RunId, RunQuery, RunRecord, Trigger};
use crate::{Outcome, ServiceName};

/// A store of runs in memory. Of the processes that drive runs, it takes those for alive that it was told of.
#[derive(Debug, Default)]
pub struct MemoryRunStore {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    runs: Vec<RunRecord>,
    attempts: BTreeMap<(RunId, u32), Attempt>,
    announced: BTreeMap<(ServiceName, Timestamp), Trigger>,
    alive: Vec<ProcessMark>,
    failure: Option<RunStoreError>,
}

impl MemoryRunStore {
    /// Takes a process for alive from now on.
    pub fn live(&self, process: ProcessMark) {
        self.kept().alive.push(process);
    }

    /// Takes no process for alive any more.
    pub fn reboot(&self) {
        self.kept().alive.clear();
    }

    /// Makes the next call fail.
    pub fn fail_next(&self, error: RunStoreError) {
        self.kept().failure = Some(error);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a call: it fails where it was told to.
    fn call(&self) -> Result<MutexGuard<'_, Kept>, RunStoreError> {
        let mut kept = self.kept();
        match kept.failure.take() {
            Some(error) => Err(error),
            None => Ok(kept),
        }
    }
}

impl Kept {
    fn get(&mut self, run: RunId) -> Result<&mut RunRecord, RunStoreError> {
        self.runs.iter_mut().find(|one| one.id == run).ok_or(RunStoreError::NotFound { run })
    }

    /// Takes what was announced of a run's service before it started.
    fn claim(&mut self, run: &RunRecord) -> Option<Trigger> {
        let service = run.service.as_ref()?;
        let before = (service.clone(), Timestamp::MIN)..=(service.clone(), run.started);
        let claimed: Vec<_> = self.announced.range(before).map(|(key, _)| key.clone()).collect();
        let triggers: Vec<_> =
            claimed.iter().filter_map(|key| Some((key.1, self.announced.remove(key)?))).collect();
        let (at, trigger) = triggers.into_iter().next_back()?;
        (run.started.duration_since(at) <= ANNOUNCED_FOR).then_some(trigger)
    }

    /// Returns a run as it is seen now.
    fn seen(&self, run: &RunRecord) -> RunRecord {
        let mut run = run.clone();
        let is_gone = |process: &ProcessMark| !self.alive.contains(process);
        if run.outcome == Outcome::Running && run.process.as_ref().is_some_and(is_gone) {
            run.outcome = Outcome::Interrupted;
        }
        run
    }
}

#[async_trait]
impl RunStore for MemoryRunStore {
    async fn begin(&self, run: &RunRecord) -> Result<Trigger, RunStoreError> {
        let mut kept = self.call()?;
        if let Ok(known) = kept.get(run.id) {
            return Ok(known.trigger.clone());
        }
        let mut run = run.clone();
        if let Some(trigger) = kept.claim(&run) {
            run.trigger = trigger;
        }
        let trigger = run.trigger.clone();
        kept.runs.push(run);
        Ok(trigger)
    }

    async fn attempt(&self, run: RunId, attempt: &Attempt) -> Result<(), RunStoreError> {
        let mut kept = self.call()?;
        let of = kept.get(run)?;
        of.attempts = of.attempts.max(attempt.number);
        kept.attempts.insert((run, attempt.number), attempt.clone());
        Ok(())
    }

    async fn finish(&self, run: RunId, end: &RunFinish) -> Result<(), RunStoreError> {
        let mut kept = self.call()?;
        let of = kept.get(run)?;
        if matches!(of.outcome, Outcome::Running | Outcome::Interrupted) {
            of.ended = Some(end.ended);
            of.outcome = end.outcome.clone();
            of.attempts = end.attempts;
            of.error = end.error.clone();
        }
        Ok(())
    }

    async fn announce(
        &self,
        service: &ServiceName,
        trigger: &Trigger,
        now: Timestamp,
    ) -> Result<(), RunStoreError> {
        self.call()?.announced.insert((service.clone(), now), trigger.clone());
        Ok(())
    }

    async fn restore(&self, runs: &[(RunRecord, Vec<Attempt>)]) -> Result<usize, RunStoreError> {
        let mut kept = self.call()?;
        let before = kept.runs.len();
        for (run, attempts) in runs {
            if kept.get(run.id).is_err() {
                kept.runs.push(run.clone());
                kept.attempts.extend(attempts.iter().map(|one| ((run.id, one.number), one.clone())));
            }
        }
        Ok(kept.runs.len() - before)
    }
}

#[async_trait]
impl RunHistory for MemoryRunStore {
    async fn recent(&self, query: &RunQuery) -> Result<Vec<RunRecord>, RunStoreError> {
        let kept = self.call()?;
        if let Some(prefix) = &query.id_prefix
            && (prefix.len() > 32 || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            return Err(RunStoreError::NoId { prefix: prefix.clone() });
        }
        let seen = kept.runs.iter().map(|run| kept.seen(run));
        let mut found: Vec<RunRecord> = seen.filter(|run| query.selects(run)).collect();
        found.sort_by_key(|run| std::cmp::Reverse((run.started, run.id)));
        found.truncate(query.limit.unwrap_or(usize::MAX));
        Ok(found)
    }

    async fn attempts(&self, run: RunId) -> Result<Vec<Attempt>, RunStoreError> {
        let kept = self.call()?;
        Ok(kept.attempts.range((run, 0)..=(run, u32::MAX)).map(|(_, attempt)| attempt.clone()).collect())
    }
}
