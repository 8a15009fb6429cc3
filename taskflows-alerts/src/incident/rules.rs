use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::QuietHours;
use crate::{SendOn, Severity};

/// What one group of alerts tells, to whom and when. Spans are written as ISO 8601 has them, `PT15M`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// What is told.
    pub send_on: BTreeSet<SendOn>,
    /// How often an incident that nobody took on is told again.
    pub remind_every: Option<SignedDuration>,
    /// How long the first incident of a host waits for others, to be told with them.
    pub group_wait: Option<SignedDuration>,
    /// How long it must have been well before recovery is told.
    pub keep_firing_for: Option<SignedDuration>,
    /// When only what is critical is told, and the rest at the end.
    pub quiet_hours: Vec<QuietHours>,
    /// Who is called by name.
    pub mention: Vec<String>,
    /// Who else is told while nobody takes it on, each step later than the one before.
    pub escalate: Vec<EscalationStep>,
    /// The ids of the channels that are told.
    pub channels: Vec<String>,
    /// The ids of the channels that are told what these could not be told.
    pub fallback: Vec<String>,
}

impl Default for Rules {
    /// What services tell, to nobody yet.
    fn default() -> Self {
        Self {
            send_on: SendOn::FOR_SERVICES.into(),
            remind_every: None,
            group_wait: None,
            keep_firing_for: None,
            quiet_hours: Vec::new(),
            mention: Vec::new(),
            escalate: Vec::new(),
            channels: Vec::new(),
            fallback: Vec::new(),
        }
    }
}

/// Who is told of an incident that nobody took on for some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationStep {
    /// How long after the first message.
    pub after: SignedDuration,
    /// The ids of the channels that are told then.
    pub channels: Vec<String>,
}

impl Rules {
    /// Returns when the quiet hours that hold back a message of this severity now are over.
    pub(super) fn quiet_until(&self, severity: Severity, now: Timestamp) -> Option<Timestamp> {
        if severity >= Severity::Critical {
            return None;
        }
        // One window may begin where another ends; eight of them are more than anybody writes.
        let mut until = now;
        for _ in 0..8 {
            match self.quiet_hours.iter().filter_map(|hours| hours.end_at(until)).max() {
                Some(end) => until = end,
                None => break,
            }
        }
        (until > now).then_some(until)
    }

    /// Tells whether this is told.
    pub(super) fn sends_on(&self, word: SendOn) -> bool {
        self.send_on.contains(&word)
    }
}

/// Returns the span where there is one that is longer than nothing.
pub(super) fn positive(span: Option<SignedDuration>) -> Option<SignedDuration> {
    span.filter(SignedDuration::is_positive)
}

/// Returns the moment a span later, and the last moment there is where that is beyond it.
pub(super) fn later(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}
