use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Subject;
use super::topic::Topic;
use crate::{Message, SendOn, Severity};

/// Under what a state is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateKey {
    /// The group of alerts.
    pub group: String,
    /// What it is the state of, within the group.
    pub name: String,
}

/// What is known of one subject, or of incidents that are told together.
///
/// It is made and read by the engine; a store keeps it as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct State(pub(super) Kind);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "it is read, stepped and written; there are never many at once"
)]
pub(super) enum Kind {
    Subject(SubjectState),
    Bundle(Bundle),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct SubjectState {
    pub(super) incident: Option<Incident>,
    pub(super) notices: Notices,
}

/// How many notices of one subject were told of late.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Notices {
    pub(super) since: Option<Timestamp>,
    pub(super) told: u32,
    /// Those that were too many, and of the last of them the subject and the title.
    pub(super) held: u64,
    pub(super) last: Option<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Incident {
    pub(super) id: String,
    pub(super) subject: Subject,
    pub(super) kind: SendOn,
    pub(super) opened_at: Timestamp,
    pub(super) last_at: Timestamp,
    pub(super) failures: u64,
    pub(super) missed: u64,
    pub(super) message: Message,
    /// Since when it is well, where that is not believed yet.
    pub(super) recovering: Option<Recovering>,
    pub(super) acked: Option<Ack>,
    pub(super) standing: Standing,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Recovering {
    pub(super) since: Timestamp,
    pub(super) message: Message,
}

/// That somebody took an incident on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// How an incident has been told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    /// Not at all: it is silenced.
    Untold,
    /// It will be, together with others.
    Waiting { bundle: String },
    /// In a message of its own.
    Told { topic: Topic },
    /// Together with others.
    Grouped { bundle: String },
}

/// Incidents that are told in one message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Bundle {
    pub(super) what: Together,
    pub(super) members: BTreeMap<String, Member>,
    /// What else happened in quiet hours, and how much there was no room for.
    pub(super) notes: Vec<Note>,
    pub(super) more: u64,
    /// When it is told, or how it was.
    pub(super) stage: Stage,
}

/// Why incidents are told together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Together {
    Host { host: String },
    Quiet { since: Timestamp },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    Collecting { flush_at: Timestamp },
    Told { topic: Topic },
}

/// What a bundle knows of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) subject: Subject,
    pub(super) kind: SendOn,
    pub(super) title: String,
    pub(super) severity: Severity,
    pub(super) opened_at: Timestamp,
    pub(super) resolved_at: Option<Timestamp>,
    pub(super) failures: u64,
    pub(super) missed: u64,
    pub(super) acked: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) at: Timestamp,
    pub(super) title: String,
}

/// What people are shown of an incident that lasts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IncidentSummary {
    /// Its id, by which it is taken on or closed.
    pub id: String,
    /// What it is about.
    pub subject: Subject,
    /// Whether it began with a failure or a missed run.
    pub kind: SendOn,
    /// How grave it is.
    pub severity: Severity,
    /// Its one line.
    pub title: String,
    /// When it began.
    pub opened_at: Timestamp,
    /// When it was last seen to fail.
    pub last_at: Timestamp,
    /// How many runs failed.
    pub failures: u64,
    /// How many did not take place.
    pub missed: u64,
    /// Since when it is well, where that has to last before it is believed.
    pub recovering_since: Option<Timestamp>,
    /// Who took it on.
    pub acked: Option<Ack>,
    /// Whether anybody was told.
    pub told: bool,
}

impl State {
    /// Returns the incident that lasts, where this is the state of a subject that has one.
    pub fn incident(&self) -> Option<IncidentSummary> {
        let Kind::Subject(SubjectState { incident: Some(incident), .. }) = &self.0 else { return None };
        Some(IncidentSummary {
            id: incident.id.clone(),
            subject: incident.subject.clone(),
            kind: incident.kind,
            severity: incident.message.severity,
            title: incident.message.title.clone(),
            opened_at: incident.opened_at,
            last_at: incident.last_at,
            failures: incident.failures,
            missed: incident.missed,
            recovering_since: incident.recovering.as_ref().map(|recovering| recovering.since),
            acked: incident.acked.clone(),
            told: matches!(incident.standing, Standing::Told { .. } | Standing::Grouped { .. }),
        })
    }
}

impl Incident {
    pub(super) fn member(&self, resolved_at: Option<Timestamp>) -> Member {
        Member {
            id: self.id.clone(),
            subject: self.subject.clone(),
            kind: self.kind,
            title: self.message.title.clone(),
            severity: self.message.severity,
            opened_at: self.opened_at,
            resolved_at,
            failures: self.failures,
            missed: self.missed,
            acked: self.acked.is_some(),
        }
    }
}
