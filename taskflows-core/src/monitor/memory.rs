use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::facts::{Clocks, MonitorFacts};
use super::finding::{Finding, Trouble};
use crate::ServiceName;

/// A clock that is slewed to the right time moves by less.
const STEP: i64 = 10_000_000;

/// What a monitor keeps from one look to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// When it last looked.
    pub last_look: Option<Timestamp>,
    /// How the clocks stood then.
    pub clocks: Option<Clocks>,
    /// When it last saw that the machine had slept, or that the clock was set.
    pub unsettled: Option<Timestamp>,
    /// What it told and has not settled.
    pub standing: Vec<Standing>,
}

/// What was told of a service and stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The service.
    #[serde(with = "name")]
    pub service: ServiceName,
    /// What is wrong with it.
    pub trouble: Trouble,
    /// When it was first told.
    pub since: Timestamp,
}

impl Memory {
    /// Takes in when it is and how the clocks stand, before anything is judged.
    ///
    /// After the machine slept, or the clock was set, timers get their grace anew.
    #[must_use]
    pub fn wake(mut self, clocks: Clocks, now: Timestamp) -> Self {
        let moved = |before: Clocks| {
            (clocks.slept_micros - before.slept_micros).abs() > STEP
                || (clocks.booted_micros - before.booted_micros).abs() > STEP
        };
        if self.last_look.is_some_and(|last| last > now) {
            self.last_look = None;
            self.unsettled = Some(now);
        } else if self.clocks.is_some_and(moved) {
            self.unsettled = Some(now);
        }
        // What was seen by a clock that was ahead would last as long as that was.
        self.unsettled = self.unsettled.filter(|seen| *seen <= now);
        self
    }

    /// Returns what is kept after `findings` were told.
    #[must_use]
    pub fn after(self, facts: &MonitorFacts, findings: &[Finding], now: Timestamp) -> Self {
        let stands = |finding: &Finding| match finding {
            Finding::Trouble { trouble: Trouble::Slow { is_over: true, .. }, .. }
            | Finding::Settled { .. } => None,
            Finding::Trouble { service, trouble, since } => {
                Some(Standing { service: service.clone(), trouble: trouble.clone(), since: *since })
            }
        };
        Self {
            last_look: Some(now),
            clocks: Some(facts.clocks),
            unsettled: self.unsettled,
            standing: findings.iter().filter_map(stands).collect(),
        }
    }

    /// Returns the last look's age.
    pub fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        Some(now.duration_since(self.last_look?))
    }

    pub(super) fn of<'a>(&'a self, service: &'a ServiceName) -> impl Iterator<Item = &'a Standing> {
        self.standing.iter().filter(move |one| one.service == *service)
    }
}

/// A service's name as its text.
mod name {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::ServiceName;

    pub(super) fn serialize<S: Serializer>(name: &ServiceName, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(name.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ServiceName, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
