use async_trait::async_trait;
use jiff::Timestamp;
use taskflows_alerts::Message;
use taskflows_alerts::task_events::{MissedReason as Missed, RunFacts, missed, recovered, slow};
use taskflows_core::monitor::{Finding, MissedReason, Settled, Trouble};

use crate::CliError;

/// What was found of a service that has alerts.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// What was found. Its [`Finding::id`] is the same at each look.
    pub finding: Finding,
    /// Whether it is told for the first time.
    pub is_new: bool,
    /// The groups that are to be told, by their keys.
    pub groups: Vec<String>,
}

/// Takes what a monitor finds: at each look everything that stands, and what is settled once.
#[async_trait]
pub trait MonitorSink: Send + Sync {
    /// Takes `told`, all or none: where it fails, the same is told at the next look.
    ///
    /// # Errors
    /// When it could not be kept.
    async fn report(&self, told: &[Told], now: Timestamp) -> Result<(), CliError>;
}

/// Takes everything and tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSink;

#[async_trait]
impl MonitorSink for NoSink {
    async fn report(&self, _: &[Told], _: Timestamp) -> Result<(), CliError> {
        Ok(())
    }
}

/// Writes what is told of a finding; `None` where it is settled in a way that nobody needs to hear of.
///
/// `facts` say what else is known of the service; what the finding tells of its run is put there.
pub fn message(finding: &Finding, mut facts: RunFacts, now: Timestamp) -> Option<Message> {
    match finding {
        Finding::Trouble { trouble: Trouble::Missed(reason), .. } => {
            facts.scheduled = reason.due();
            Some(missed(&facts, &in_words(*reason)?, now))
        }
        Finding::Trouble { trouble: Trouble::Slow { started, took, usual, is_over }, .. } => {
            facts.started = Some(*started);
            facts.usual = *usual;
            facts.ended = if *is_over { started.checked_add(*took).ok() } else { None };
            Some(slow(&facts, now))
        }
        Finding::Settled { how: Settled::Well, .. } => {
            facts.ended = facts.ended.or(Some(now));
            Some(recovered(&facts))
        }
        Finding::Settled { .. } => None,
    }
}

fn in_words(reason: MissedReason) -> Option<Missed> {
    Some(match reason {
        MissedReason::TimerIsGone => Missed::TimerIsGone,
        MissedReason::TimerIsDead => Missed::TimerIsDead,
        MissedReason::TimerIsDisabled => Missed::TimerIsDisabled,
        MissedReason::Overdue { due } => Missed::Overdue { due },
        MissedReason::HostWasOff { due, back } => Missed::HostWasOff { due, back },
        MissedReason::NeverAgain => Missed::NeverAgain,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn title(trouble: Trouble) -> String {
        let now: Timestamp = "2026-11-26T02:10:00Z".parse().unwrap();
        let finding = Finding::Trouble { service: "backup".parse().unwrap(), trouble, since: now };
        message(&finding, RunFacts::new("backup", "web1"), now).unwrap().title
    }

    #[test]
    fn each_trouble_has_its_words() {
        let due = "2026-11-26T02:00:00Z".parse().unwrap();
        let missed = |reason| title(Trouble::Missed(reason));
        assert_eq!(
            missed(MissedReason::Overdue { due }),
            "backup did not run: due 2026-11-26 02:00:00 UTC, 10min ago"
        );
        assert_eq!(missed(MissedReason::TimerIsDead), "backup will not run: its timer does not run");
        let usual = Some(Duration::from_secs(60));
        let slow = |took, is_over| {
            title(Trouble::Slow { started: due, took: Duration::from_secs(took), usual, is_over })
        };
        assert_eq!(slow(600, false), "backup has been running for 10min (usually 1min)");
        assert_eq!(slow(5, true), "backup took only 5s (usually 1min)");
    }

    #[test]
    fn of_what_somebody_did_on_purpose_nobody_is_told() {
        let settled = |how| {
            let service = "backup".parse().unwrap();
            let finding =
                Finding::Settled { service, trouble: Trouble::Missed(MissedReason::TimerIsDead), how };
            message(&finding, RunFacts::new("backup", "web1"), Timestamp::UNIX_EPOCH).map(|one| one.title)
        };
        assert_eq!(settled(Settled::Well).as_deref(), Some("backup runs well again"));
        assert_eq!(settled(Settled::SwitchedOff), None);
    }
}
