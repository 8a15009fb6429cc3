use serde_json::{Map, Value};

use super::{Destination, QuietHours};
use crate::TimeSpan;
use crate::words::{checked_text, words};

checked_text! {
    /// The name of a group of alerts, by which services say who is told.
    ///
    /// Letters, digits, `_`, `.` and `-`, a letter or digit at both ends; at most 100.
    GroupName, is_group_name, "is no name for a group of alerts (letters, digits, `_`, `.`, `-`; a letter or digit at both ends)"
}

fn is_group_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let ends = |c: char| c.is_ascii_alphanumeric();
    text.chars().all(plain) && text.starts_with(ends) && text.ends_with(ends) && text.len() <= 100
}

words! {
    /// What is told: a word of `send_on`.
    pub enum AlertOn {
        /// A run begins.
        Start = "start",
        /// An attempt failed.
        Error = "error",
        /// A run is over, well or not.
        Finish = "finish",
        /// A run is over and failed, all its attempts included.
        Failed = "failed",
        /// A run did not take place when it was to.
        Missed = "missed",
        /// What failed or was missed runs well again.
        Recovered = "recovered",
        /// A run takes longer, or took much shorter, than usual.
        Slow = "slow",
        /// A condition kept a run from starting.
        Skipped = "skipped",
    }
}

/// Who is told, of what, and by which rules. What is `None` or empty is left to who sends.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AlertGroup {
    /// Who is told; at least one.
    pub send_to: Vec<Destination>,
    /// What is told.
    pub send_on: Vec<AlertOn>,
    /// After how long an alert that is still open is told again.
    pub remind_every: Option<TimeSpan>,
    /// How long a first alert waits for others to be told with it.
    pub group_wait: Option<TimeSpan>,
    /// For how long all must be well before that is told.
    pub keep_firing_for: Option<TimeSpan>,
    /// When nobody is told but of what is critical.
    pub quiet_hours: Vec<QuietHours>,
    /// Whom a message calls by name.
    pub mention: Vec<String>,
    /// Who is told when nobody reacts, the soonest first.
    pub escalate: Vec<Escalation>,
    /// The group that is told what this one could not be.
    pub fallback: Option<GroupName>,
    /// How late a run may be before it is missed.
    pub missed_after: Option<TimeSpan>,
    /// How long a run may take before it is slow.
    pub slow_after: Option<TimeSpan>,
}

/// Who is told when an alert stays open.
#[derive(Clone, Debug, PartialEq)]
pub struct Escalation {
    /// How long after it was first told.
    pub after: TimeSpan,
    /// Who then.
    pub send_to: Vec<Destination>,
}

impl AlertGroup {
    /// Returns everybody who may be told, those too who are told when nobody reacts.
    pub fn destinations(&self) -> impl Iterator<Item = &Destination> {
        self.send_to.iter().chain(self.escalate.iter().flat_map(|step| &step.send_to))
    }

    /// Does as [`AlertGroup::destinations`], to change them.
    pub fn destinations_mut(&mut self) -> impl Iterator<Item = &mut Destination> {
        self.send_to.iter_mut().chain(self.escalate.iter_mut().flat_map(|step| &mut step.send_to))
    }

    /// Writes it as definitions have it, secrets included: [`read_alert_group`](crate::read_alert_group) reads it.
    pub fn to_json(&self) -> Value {
        let Self {
            send_to,
            send_on,
            remind_every,
            group_wait,
            keep_firing_for,
            quiet_hours,
            mention,
            escalate,
            fallback,
            missed_after,
            slow_after,
        } = self;
        let mut all = Map::new();
        let mut add = |key: &str, value: Value| drop(all.insert(key.to_owned(), value));
        add("send_to", destinations(send_to));
        if !send_on.is_empty() {
            add("send_on", send_on.iter().map(|on| on.as_str()).collect());
        }
        let spans = [
            ("remind_every", remind_every),
            ("group_wait", group_wait),
            ("keep_firing_for", keep_firing_for),
            ("missed_after", missed_after),
            ("slow_after", slow_after),
        ];
        for (key, span) in spans {
            span.iter().for_each(|span| add(key, span.to_string().into()));
        }
        if !quiet_hours.is_empty() {
            add("quiet_hours", quiet_hours.iter().map(ToString::to_string).collect());
        }
        if !mention.is_empty() {
            add("mention", mention.iter().map(String::as_str).collect());
        }
        if !escalate.is_empty() {
            add("escalate", escalate.iter().map(Escalation::to_json).collect());
        }
        fallback.iter().for_each(|name| add("fallback", name.as_str().into()));
        Value::Object(all)
    }
}

impl Escalation {
    fn to_json(&self) -> Value {
        let mut all = Map::new();
        all.insert("after".to_owned(), self.after.to_string().into());
        all.insert("send_to".to_owned(), destinations(&self.send_to));
        Value::Object(all)
    }
}

fn destinations(all: &[Destination]) -> Value {
    all.iter().map(Destination::to_json).collect()
}

/// How a service says who is told: by the name of a group, or by a group of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum AlertUse {
    /// A group that the definition or the host has.
    Named(GroupName),
    /// A group that is this service's alone.
    Inline(Box<AlertGroup>),
}

impl From<GroupName> for AlertUse {
    fn from(name: GroupName) -> Self {
        Self::Named(name)
    }
}

impl From<AlertGroup> for AlertUse {
    fn from(group: AlertGroup) -> Self {
        Self::Inline(Box::new(group))
    }
}
