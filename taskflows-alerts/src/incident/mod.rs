//! What lasts: an incident opens with a failure or a missed run, is told once, and ends when all is well again.

mod bundle;
mod engine;
mod observation;
mod quiet;
mod rules;
mod silence;
mod state;
mod step;
mod subject;
mod text;
mod topic;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod stories;

pub use engine::{Engine, silence, tick, unsilence};
pub use observation::{Observation, ObservationKind, Subject};
pub use quiet::{ParseQuietHoursError, QuietHours};
pub use rules::{EscalationStep, Rules};
pub use silence::Silence;
pub use state::{Ack, IncidentSummary, State, StateKey};
