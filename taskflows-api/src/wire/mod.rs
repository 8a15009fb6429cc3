//! What goes over the line, as JSON. Times are RFC 3339 in UTC, lengths of time seconds, sizes bytes.

mod apply;
mod fault;
mod health;
mod malformed;
mod plan;

pub use apply::{Applied, Names, Order, Scope, WireEdits, WireRemoval};
pub use fault::{Fault, Flaw};
pub use health::Health;
pub use malformed::MalformedError;
pub use plan::{Effect, WireChange, WireFileChange, WirePlan, WireStep};
