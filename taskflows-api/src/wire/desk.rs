use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An open incident, as `tf alert list -o json` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    /// The service or task.
    pub service: String,
    /// Its host.
    pub host: String,
    /// The group that is told.
    pub group: String,
    /// What is wrong.
    pub title: String,
    /// How bad it is: `error`, `warning` and so on.
    pub severity: String,
    /// A word of `send_on`: `failed`, `missed`, `slow`.
    pub kind: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Timestamp,
    /// When it was last seen.
    #[schema(value_type = String, format = DateTime)]
    pub last_at: Timestamp,
    /// How often it failed.
    pub failures: u64,
    /// How many runs are missing.
    pub missed: u64,
    /// Who took it on.
    pub acked_by: Option<String>,
    /// Since when it looks well again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub recovering_since: Option<Timestamp>,
    /// Whether somebody was told.
    pub told: bool,
}

/// A channel, as `tf alert list --channels -o json` shows it. Where it leads is not told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertChannel {
    /// Its name: `slack:ops`.
    pub channel: String,
    /// The groups that it belongs to.
    pub groups: Vec<String>,
    /// How many messages wait.
    pub queued: u64,
    /// Since when the oldest does.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest: Option<Timestamp>,
    /// When it is tried again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_attempt: Option<Timestamp>,
    /// How many could not be delivered.
    pub undelivered: u64,
    /// How many found no room in the queue.
    pub dropped: u64,
    /// When one last arrived.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success: Option<Timestamp>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// A silence, as `tf alert list --silences -o json` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertSilence {
    /// Its number.
    pub number: i64,
    /// The services or tasks of which nothing is told: a pattern.
    pub name: String,
    /// What is not told of them; all where it is empty.
    pub kinds: Vec<String>,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// Who wanted it.
    pub by: String,
    /// Why.
    pub comment: String,
}

/// Which incidents to take on or to close.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentsBody {
    /// The services or tasks; `*` and `?` stand for any letters.
    #[schema(min_items = 1)]
    pub names: Vec<String>,
    /// Who does it, as they say themselves; as whom they were recognised stands beside it.
    pub who: Option<String>,
}

/// What to tell nothing of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SilenceBody {
    /// The services or tasks; `*` and `?` stand for any letters.
    pub name: String,
    /// For how long, in seconds.
    #[schema(minimum = 0)]
    pub seconds: f64,
    /// Only this: words of `send_on`. All where it is empty.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Why, for who wonders.
    #[serde(default)]
    pub comment: String,
    /// Who does it, as they say themselves; as whom they were recognised stands beside it.
    pub who: Option<String>,
}

/// Which silence to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnsilenceBody {
    /// Its number.
    pub number: i64,
}

/// What to send a message to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertTestBody {
    /// A group as definitions name it, or a channel; all where none is given.
    pub name: Option<String>,
}

/// What became of the test of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelTest {
    /// The channel.
    pub channel: String,
    /// Whether the message was taken.
    pub arrived: bool,
    /// Why it was not.
    pub error: Option<String>,
}

/// Why a service ran or did not, as `tf why -o json` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyAnswer {
    /// The service.
    pub name: String,
    /// The time that was asked about; null is now.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// The start that was scheduled at or last before it; null also where another run is told of.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub scheduled: Option<Timestamp>,
    /// One word.
    pub verdict: String,
    /// What was tried.
    pub attempt: Option<WhyAttempt>,
    /// The reasons, the first of which decides.
    pub reasons: Vec<WhyReason>,
    /// What has to hold before it starts.
    pub constraints: Vec<WhyConstraint>,
    /// Its timer.
    pub timer: Option<WhyTimer>,
    /// The last lines of its log, of the time that was asked about.
    pub lines: Vec<String>,
    /// Why its log could not be read, where it could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

/// A start that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyAttempt {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
    /// `open`, `ok`, `failed`, `skipped`, `assert`, `dependency`, `start-limit`.
    pub result: String,
    /// How it failed, or which condition was not met.
    pub detail: Option<String>,
    /// Whether systemd started it again.
    pub is_restart: bool,
}

/// A reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyReason {
    /// A word for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// What can be done about it.
    pub remedy: Option<String>,
}

/// What has to hold before a service starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyConstraint {
    /// The directive of the unit.
    pub directive: String,
    /// What it demands.
    pub limit: String,
    /// How it is now, where that is known.
    pub now: Option<String>,
    /// Whether it holds, where that is known.
    pub is_met: Option<bool>,
}

/// How a timer stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyTimer {
    /// Whether it starts at boot.
    pub enabled: bool,
    /// Whether it runs.
    pub active: bool,
    /// When it elapses next.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next: Option<Timestamp>,
    /// When it last did.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last: Option<Timestamp>,
    /// Whether it makes up for what it missed.
    pub persistent: bool,
}

/// How much a finding matters; the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FindingSeverity {
    /// It is as it should be.
    Ok,
    /// Worth to know.
    Info,
    /// It may hurt one day.
    Warning,
    /// Something does not work, or will not.
    Error,
}

/// One thing that was looked at, and what was found, as `tf doctor -o json` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoctorFinding {
    /// How much it matters.
    pub severity: FindingSeverity,
    /// What was checked: `manager`, `linger`, `drift`.
    pub check: String,
    /// What it is about: a unit, a path, a program.
    pub subject: String,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// Another host that is registered here. No credential is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KnownServer {
    /// Its name.
    pub name: String,
    /// Where its API is.
    pub address: String,
    /// The groups that it is in.
    pub groups: Vec<String>,
    /// What requests for it are signed for; null where it was never asked.
    pub server_id: Option<String>,
    /// Whether it is the host that answers.
    pub is_this_host: bool,
    /// When it was registered or changed.
    pub last_updated: Option<String>,
}

impl FindingSeverity {
    /// Returns the word: `error`, `warning`, `info`, `ok`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for FindingSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<taskflows_core::inspect::Severity> for FindingSeverity {
    fn from(severity: taskflows_core::inspect::Severity) -> Self {
        use taskflows_core::inspect::Severity;
        match severity {
            Severity::Ok => Self::Ok,
            Severity::Info => Self::Info,
            Severity::Warning => Self::Warning,
            Severity::Error => Self::Error,
        }
    }
}
