use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The data of an event `state`: how a service stands has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateEvent {
    /// The service.
    pub name: String,
    /// How it stands: `starting`, `running`, `stopping`, `stopped`, `failed` or `waiting`.
    pub state: String,
    /// How it stood before, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// When it changed.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// The data of an event `services`: others are installed than before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServicesEvent {
    /// Those that are new.
    pub installed: Vec<String>,
    /// Those that are gone.
    pub removed: Vec<String>,
    /// Those of which files changed, or whether they start by themselves.
    pub changed: Vec<String>,
}

/// The data of an event `run`: a run of a service is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunEvent {
    /// The service.
    pub name: String,
    /// How it ended: `ok`, `failed`, `skipped`, `unknown` or `interrupted`.
    pub result: String,
    /// How it ended badly, in words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was started.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started: Option<Timestamp>,
    /// When it was over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
}
