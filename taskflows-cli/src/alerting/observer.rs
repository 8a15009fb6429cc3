use async_trait::async_trait;
use taskflows_alerts::SendOn;
use taskflows_alerts::incident::{Observation, ObservationKind, Subject};
use taskflows_alerts::task_events::{NextStep, RunFacts, attempt_failed, failed, finished, started};
use taskflows_core::effects::RunObserver;
use taskflows_core::task::{RunEvent, RunEventKind};
use taskflows_core::{Outcome, RunEnd};

use super::AlertDesk;

/// Has it told what becomes of a run of `tf exec`.
///
/// Of a service's run only the beginning and the attempts that fail: its end is reported by the hook, which is there
/// even where this process was killed.
pub(crate) struct AlertObserver {
    pub(crate) desk: AlertDesk,
    pub(crate) groups: Vec<String>,
    pub(crate) facts: RunFacts,
    pub(crate) is_service: bool,
    pub(crate) retries: u32,
}

#[async_trait]
impl RunObserver for AlertObserver {
    async fn observe(&self, event: &RunEvent) {
        let Some(seen) = self.seen(event) else { return };
        // A run neither fails nor waits for its alerts; a store that is broken is told of in its records already.
        let _ = self.desk.observe(&self.groups, &[seen], event.at);
    }
}

impl AlertObserver {
    fn tells(&self, word: SendOn) -> bool {
        let mut groups = self.groups.iter().filter_map(|key| self.desk.groups().get(key));
        groups.any(|group| group.rules.send_on.contains(&word))
    }

    fn seen(&self, event: &RunEvent) -> Option<Observation> {
        let mut facts = self.facts.clone();
        facts.run = Some(event.run);
        let (id, kind, message) = match &event.kind {
            RunEventKind::Started if self.tells(SendOn::Start) => {
                facts.started = Some(event.at);
                facts.attempt = None;
                ("started".to_owned(), ObservationKind::Started, started(&facts))
            }
            RunEventKind::AttemptFailed { attempt, of, error, took } if self.tells(SendOn::Error) => {
                facts.attempt = Some((*attempt, *of));
                facts.ended = Some(event.at);
                facts.started = event.at.checked_sub(*took).ok();
                facts.outcome =
                    Outcome::Failed(RunEnd { result: "error".into(), exit: None, is_preparation: false });
                facts.error = Some(error.clone());
                facts.next = (attempt >= of).then_some(NextStep::Nothing).filter(|_| !self.is_service);
                let kind = ObservationKind::AttemptFailed { attempt: *attempt, of: *of };
                (format!("error/{attempt}"), kind, attempt_failed(&facts))
            }
            // Somebody wanted it to end, which is neither good nor bad.
            RunEventKind::Finished { outcome: Outcome::Interrupted, .. } => return None,
            RunEventKind::Finished { outcome, attempts, took } if !self.is_service => {
                facts.attempt = Some((*attempts, self.retries.saturating_add(1)));
                facts.ended = Some(event.at);
                facts.started = event.at.checked_sub(*took).ok();
                facts.outcome = outcome.clone();
                match outcome {
                    Outcome::Succeeded => {
                        let kind = ObservationKind::Finished { duration: *took };
                        ("finished".to_owned(), kind, finished(&facts))
                    }
                    _ => ("failed".to_owned(), ObservationKind::Failed, failed(&facts)),
                }
            }
            _ => return None,
        };
        Some(Observation {
            id: format!("{}/{id}", event.run),
            subject: Subject::new(&facts.service, &facts.host),
            at: event.at,
            kind,
            message,
        })
    }
}
