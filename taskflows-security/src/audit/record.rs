use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Role;

/// The longest text of a record, in bytes.
const LONGEST: usize = 256;
/// So many targets are named; of more, how many there were.
const MOST_TARGETS: usize = 32;

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditResult {
    /// It is about to be done. Where no other record of the request follows, nobody knows how it ended.
    Begun,
    /// It was done.
    Done,
    /// It was tried, and failed at least in part.
    Failed,
    /// It was refused, and changed nothing.
    Refused,
}

impl AuditResult {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for AuditResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// When.
    pub time: Timestamp,
    /// Whose credentials they were: a person, a token, `signed` for the shared key; `None` where nobody was recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// What they may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The name of a user that the client states, which nothing proves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<String>,
    /// Where they asked from; `None` on this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The id of the request, by which records and logs belong together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What was asked: `start`, `apply`, `security.setup`; of a refusal the method and the route.
    pub action: String,
    /// On what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<String>,
    /// What became of it.
    pub result: AuditResult,
    /// Why it failed or was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl AuditRecord {
    /// Begins a record; nobody asks for it yet.
    #[must_use]
    pub fn new(time: Timestamp, action: impl Into<String>, result: AuditResult) -> Self {
        Self {
            time,
            who: None,
            role: None,
            claimed: None,
            address: None,
            request_id: None,
            action: action.into(),
            target: Vec::new(),
            result,
            reason: None,
        }
    }

    /// Says who asks.
    #[must_use]
    pub fn by(self, who: impl Into<String>, role: Role) -> Self {
        Self { who: Some(who.into()), role: Some(role), ..self }
    }

    /// Returns its line, of a bounded length whatever the texts are.
    pub(super) fn line(&self) -> String {
        let short = |text: &String| shortened(text);
        let more = self.target.len().saturating_sub(MOST_TARGETS);
        let mut target: Vec<String> = self.target.iter().take(MOST_TARGETS).map(short).collect();
        if more > 0 {
            target.push(format!("and {more} more"));
        }
        let bounded = Self {
            who: self.who.as_ref().map(short),
            claimed: self.claimed.as_ref().map(short),
            address: self.address.as_ref().map(short),
            request_id: self.request_id.as_ref().map(short),
            action: shortened(&self.action),
            target,
            reason: self.reason.as_ref().map(short),
            ..self.clone()
        };
        // Texts, words and a time can always be written.
        serde_json::to_string(&bounded).unwrap_or_default()
    }
}

fn shortened(text: &str) -> String {
    match text.len() <= LONGEST {
        true => text.to_owned(),
        false => format!("{}…", &text[..text.floor_char_boundary(LONGEST)]),
    }
}
