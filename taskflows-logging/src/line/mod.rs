//! From an event to a line of JSON.

mod clock;
mod console;
mod failure;
mod fingerprint;
mod json;
mod layer;
mod members;
mod parts;
mod scratch;
mod text;
mod visit;
mod writer;

pub use json::{Json, json};
pub use layer::LokiLayer;

pub(crate) use failure::causes;
pub(crate) use fingerprint::Place;
pub(crate) use json::to_value as json_value;
pub(crate) use layer::merge_spans;
pub(crate) use parts::{Ids, Parts};
pub(crate) use scratch::{Call, Scratch};
pub(crate) use text::cut;
pub(crate) use writer::{Form, LineSettings, LineWriter, Severity};
