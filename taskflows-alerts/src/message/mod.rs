//! What is told: one message, whatever shows it.

mod build;
mod content;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How grave it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    #[default]
    Info,
    /// Something may go wrong.
    Warning,
    /// Something went wrong.
    Error,
    /// Somebody must act now.
    Critical,
}

/// Whether a message tells of something that lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageState {
    /// It tells of one moment.
    #[default]
    Notice,
    /// What it tells of lasts.
    Firing,
    /// What it tells of is over.
    Resolved,
}

/// A message to people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Message {
    /// How grave it is.
    pub severity: Severity,
    /// Whether what it tells of lasts.
    pub state: MessageState,
    /// One line that says it all.
    pub title: String,
    /// What it says, in order.
    pub body: Vec<Component>,
    /// Short facts, shown as pairs.
    pub fields: Vec<Field>,
    /// Where more is found.
    pub links: Vec<Link>,
    /// Files that go along.
    pub attachments: Vec<Attachment>,
    /// Messages of one key are about one thing: mail threads, PagerDuty and Alertmanager go by it.
    pub dedup_key: Option<String>,
    /// Who is to be called by name: `@oncall`, a Slack user id `U…` or group id `S…`, `here`, `channel`.
    pub mentions: Vec<String>,
    /// When what it tells of happened.
    pub at: Option<Timestamp>,
    /// What machines go by and people are not shown: `service`, `host`, `run`, `kind`. Alertmanager's labels and the
    /// fields of a webhook.
    pub labels: BTreeMap<String, String>,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Component {
    /// A paragraph.
    Text {
        /// The text; its line ends are kept.
        text: String,
        /// How it is meant.
        #[serde(default)]
        tone: Tone,
    },
    /// Pairs of a name and a value.
    KeyValues {
        /// The pairs in order.
        #[serde(default)]
        pairs: Vec<Field>,
    },
    /// Rows under headings.
    Table {
        /// What it shows.
        #[serde(default)]
        title: Option<String>,
        /// The headings.
        #[serde(default)]
        columns: Vec<String>,
        /// The rows, each with as many cells as there are headings; one with fewer is filled up when it is shown.
        #[serde(default)]
        rows: Vec<Vec<Cell>>,
    },
    /// Items one below the other.
    List {
        /// The items.
        #[serde(default)]
        items: Vec<String>,
        /// Whether they are numbered.
        #[serde(default)]
        ordered: bool,
    },
    /// Text of a program, kept as it stands.
    Code {
        /// The text.
        text: String,
        /// What it is written in.
        #[serde(default)]
        language: Option<String>,
    },
    /// A picture that is somewhere on the web.
    Image {
        /// Its address.
        url: String,
        /// What it shows, for who does not see it.
        #[serde(default)]
        alt: String,
    },
    /// A line between two parts.
    Divider,
    /// An address to go to.
    Link(Link),
    /// A state in a word.
    Status {
        /// The word.
        text: String,
        /// How it is meant.
        #[serde(default)]
        tone: Tone,
    },
    /// What happened, in the order of time.
    Timeline {
        /// The moments.
        #[serde(default)]
        entries: Vec<TimelineEntry>,
    },
    /// A number that matters.
    Metric {
        /// What it counts.
        name: String,
        /// How much, with its unit.
        #[serde(default)]
        value: String,
        /// How it changed, in words.
        #[serde(default)]
        change: Option<String>,
        /// How it is meant.
        #[serde(default)]
        tone: Tone,
    },
}

/// How a piece is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// Neither good nor bad.
    #[default]
    Neutral,
    /// Good.
    Good,
    /// To be watched.
    Warning,
    /// Bad.
    Bad,
}

/// A cell of a table.
pub type Cell = String;

/// A name and its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Field {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// An address to go to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    /// What is shown; the address where it is empty.
    pub text: String,
    /// The address; only `http`, `https` and `mailto` become links, any other stays text.
    pub url: String,
}

/// A moment in a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub text: String,
}

/// A file that goes along with a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its name, without a directory.
    pub name: String,
    /// Its media type: `text/plain; charset=utf-8`; bytes of no known kind where JSON does not say it.
    #[serde(default = "content::unknown_media_type")]
    pub media_type: String,
    /// Its content; in JSON as base64.
    #[serde(with = "content")]
    pub content: Vec<u8>,
}
