use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use taskflows_alerts::incident::{Engine, Observation, ObservationKind, Rules, Subject};
use taskflows_alerts::task_events::{RunFacts, attempt_failed, failed, finished, started};
use taskflows_alerts::{Alerts, Destination, SendOn};
use taskflows_core::effects::{RunObserver, RunStore};
use taskflows_core::task::{Attempt, RunEvent, RunEventKind, RunFinish, RunId, RunRecord, Trigger};
use taskflows_core::{Outcome, RunEnd};
use taskflows_store::own_mark;

use super::here::{facts, kept};
use super::sender;

/// Has it told what becomes of the runs of a task, and keeps them in the history.
pub(super) struct AlertedTask {
    destinations: Vec<Destination>,
    rules: Rules,
    /// What is known of the runs under way.
    runs: Mutex<HashMap<RunId, Seen>>,
}

/// What the events of a run said so far.
#[derive(Clone, Default)]
struct Seen {
    started: Option<jiff::Timestamp>,
    attempts: u32,
    of: u32,
    error: Option<String>,
}

impl AlertedTask {
    pub(super) fn new(alerts: Alerts) -> Self {
        let channels = alerts.send_to.iter().flat_map(Destination::channel_ids).collect();
        let rules = Rules { send_on: alerts.send_on.into_iter().collect(), channels, ..Rules::default() };
        Self { destinations: alerts.send_to, rules, runs: Mutex::default() }
    }

    /// Adds what an event says of its run, and returns all that is known.
    fn note(&self, event: &RunEvent) -> Seen {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = runs.entry(event.run).or_default();
        match &event.kind {
            RunEventKind::Started => seen.started = Some(event.at),
            RunEventKind::AttemptFailed { attempt, of, error, .. } => {
                (seen.attempts, seen.of, seen.error) = (*attempt, *of, Some(error.clone()));
            }
            RunEventKind::Finished { attempts, .. } => {
                seen.attempts = *attempts;
                seen.of = seen.of.max(*attempts);
                return runs.remove(&event.run).unwrap_or_default();
            }
            _ => {}
        }
        seen.clone()
    }

    /// Tells whether anybody hears of an event: what neither is asked for nor ends what was told costs nothing.
    fn wants(&self, kind: &RunEventKind) -> bool {
        let tells = |words: &[SendOn]| words.iter().any(|word| self.rules.send_on.contains(word));
        match kind {
            RunEventKind::Started => tells(&[SendOn::Start]),
            RunEventKind::AttemptFailed { .. } => tells(&[SendOn::Error]),
            RunEventKind::Finished { .. } => tells(&[SendOn::Finish, SendOn::Failed, SendOn::Recovered]),
            _ => false,
        }
    }

    fn tell(&self, event: &RunEvent, observation: &Observation) {
        // Several alerts of one task are told each by its own rules.
        let group = format!("task/{}/{}", event.task, self.rules.channels.join("+"));
        let engine = Engine::new(&group, &self.rules);
        let done =
            kept().alerts.transact(&mut |ledger| engine.observe(ledger, observation, event.at).map(drop));
        match done {
            Ok(()) => sender::wake(&self.destinations, &group, &self.rules),
            // It is the alert that is lost, not the task.
            Err(error) => tracing::error!(task = event.task, %error, "an alert could not be kept"),
        }
    }
}

#[async_trait]
impl RunObserver for AlertedTask {
    async fn observe(&self, event: &RunEvent) {
        let seen = self.note(event);
        // The history has a run before anybody is told of it.
        if let Some(runs) = &kept().runs
            && let Err(error) = record(runs, event, &seen).await
        {
            tracing::warn!(task = event.task, %error, "a run could not be kept");
        }
        if !self.wants(&event.kind) {
            return;
        }
        if let Some(observation) = observation(event, &seen) {
            self.tell(event, &observation);
        }
    }
}

async fn record(
    runs: &dyn RunStore,
    event: &RunEvent,
    seen: &Seen,
) -> Result<(), taskflows_core::effects::RunStoreError> {
    match &event.kind {
        RunEventKind::Started => {
            let run = RunRecord {
                id: event.run,
                task: event.task.clone(),
                service: None,
                scheduled: None,
                started: event.at,
                ended: None,
                outcome: Outcome::Running,
                attempts: 0,
                max_attempts: 0,
                error: None,
                trigger: Trigger::Unknown,
                command: None,
                options: Vec::new(),
                directory: None,
                process: own_mark(),
            };
            runs.begin(&run).await.map(drop)
        }
        RunEventKind::AttemptFailed { attempt, error, took, .. } => {
            let attempt = Attempt {
                number: *attempt,
                started: event.at.checked_sub(*took).unwrap_or(event.at),
                ended: event.at,
                outcome: Outcome::Failed(thrown()),
                error: Some(error.clone()),
                tail: String::new(),
            };
            runs.attempt(event.run, &attempt).await
        }
        RunEventKind::Finished { outcome, attempts, .. } => {
            let error = seen.error.clone().filter(|_| *outcome != Outcome::Succeeded);
            let end = RunFinish { ended: event.at, outcome: outcome.clone(), attempts: *attempts, error };
            runs.finish(event.run, &end).await
        }
        _ => Ok(()),
    }
}

fn observation(event: &RunEvent, seen: &Seen) -> Option<Observation> {
    let mut facts: RunFacts = facts(&event.task);
    facts.run = Some(event.run);
    facts.started = seen.started;
    facts.ended = Some(event.at);
    facts.attempt = (seen.attempts > 0).then_some((seen.attempts, seen.of));
    facts.error.clone_from(&seen.error);
    let (id, kind, message) = match &event.kind {
        RunEventKind::Started => {
            facts.ended = None;
            ("started".to_owned(), ObservationKind::Started, started(&facts))
        }
        RunEventKind::AttemptFailed { attempt, of, took, .. } => {
            facts.started = event.at.checked_sub(*took).ok();
            facts.outcome = Outcome::Failed(thrown());
            let kind = ObservationKind::AttemptFailed { attempt: *attempt, of: *of };
            (format!("error/{attempt}"), kind, attempt_failed(&facts))
        }
        RunEventKind::Finished { outcome: Outcome::Succeeded, took, .. } => {
            facts.outcome = Outcome::Succeeded;
            facts.error = None;
            ("finished".to_owned(), ObservationKind::Finished { duration: *took }, finished(&facts))
        }
        // Somebody wanted it to end, which is neither good nor bad.
        RunEventKind::Finished { outcome: Outcome::Interrupted, .. } => return None,
        RunEventKind::Finished { outcome, .. } => {
            facts.outcome = outcome.clone();
            ("failed".to_owned(), ObservationKind::Failed, failed(&facts))
        }
        _ => return None,
    };
    let subject = Subject::new(&event.task, &facts.host);
    Some(Observation { id: format!("{}/{id}", event.run), subject, at: event.at, kind, message })
}

/// The end of an attempt that is only known by its error.
fn thrown() -> RunEnd {
    RunEnd { result: "error".to_owned(), exit: None, is_preparation: false }
}
