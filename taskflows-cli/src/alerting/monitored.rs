use std::path::PathBuf;

use async_trait::async_trait;
use jiff::Timestamp;
use taskflows_alerts::incident::{Engine, Observation, ObservationKind, Subject};
use taskflows_alerts::outbox::AlertStore;
use taskflows_alerts::task_events::RunFacts;
use taskflows_core::monitor::{Finding, Settled, Trouble};

use super::AlertDesk;
use crate::error::chain;
use crate::monitor::{MonitorSink, Told, message};
use crate::{CliError, Exit};

/// Has it told what the monitor finds, and does what time alone brings to incidents.
#[derive(Debug)]
pub(crate) struct DeskSink {
    pub(crate) directory: PathBuf,
    /// What is known of every service of this host.
    pub(crate) facts: RunFacts,
}

#[async_trait]
impl MonitorSink for DeskSink {
    async fn report(&self, told: &[Told], now: Timestamp) -> Result<(), CliError> {
        let desk = AlertDesk::open(&self.directory)?;
        for one in told {
            match &one.finding {
                Finding::Settled { how: Settled::Well, .. } | Finding::Trouble { .. } => {
                    let seen = self.seen(&one.finding, now);
                    desk.observe(&one.groups, &seen.into_iter().collect::<Vec<_>>(), now)?;
                }
                // Nobody will see it run well: it was switched off, removed or replaced on purpose.
                Finding::Settled { .. } => self.close(&desk, &one.finding, now)?,
            }
        }
        let store = desk.store()?;
        desk.tick(&store, now)?;
        desk.wake_if_due(&store, now)
    }
}

impl DeskSink {
    fn seen(&self, finding: &Finding, now: Timestamp) -> Option<Observation> {
        let mut facts = self.facts.clone();
        facts.service = finding.service().to_string();
        let message = message(finding, facts, now)?;
        let (kind, suffix) = match finding {
            Finding::Trouble { trouble: Trouble::Missed(_), .. } => (ObservationKind::Missed, ""),
            Finding::Trouble { trouble: Trouble::Slow { .. }, .. } => (ObservationKind::Slow, ""),
            // That a slow run is over is told by its end.
            Finding::Settled { trouble: Trouble::Slow { .. }, .. } => return None,
            Finding::Settled { .. } => {
                (ObservationKind::Finished { duration: std::time::Duration::ZERO }, "/settled")
            }
        };
        // The same trouble may come again, which is another then; what is due at a moment has that in its id.
        let moment = match finding {
            Finding::Trouble { since, .. } => *since,
            Finding::Settled { .. } => now,
        };
        Some(Observation {
            id: format!("{}{suffix}@{moment}", finding.id()),
            subject: self.subject(finding),
            at: now,
            kind,
            message,
        })
    }

    /// What a monitor finds is an incident of its own: a run that ends well does not set a dead timer going.
    fn subject(&self, finding: &Finding) -> Subject {
        let mut subject = Subject::new(finding.service().as_str(), &self.facts.host);
        if matches!(finding.trouble(), Trouble::Missed(_)) {
            subject.key = format!("{}/timer", subject.key);
        }
        subject
    }

    fn close(&self, desk: &AlertDesk, finding: &Finding, now: Timestamp) -> Result<(), CliError> {
        let (store, rules, subject) = (desk.store()?, desk.rules(), self.subject(finding));
        let done = store.transact(&mut |ledger| {
            rules
                .iter()
                .try_for_each(|(key, rules)| Engine::new(key, rules).close(ledger, &subject.key, "tf", now))
        });
        done.map_err(|error| CliError::new(Exit::Failed, chain(&error)))
    }
}
