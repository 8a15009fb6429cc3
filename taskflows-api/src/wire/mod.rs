//! What goes over the line, as JSON. Times are RFC 3339 in UTC, lengths of time seconds, sizes bytes.

mod events;
mod health;

pub use events::{RunEvent, ServicesEvent, StateEvent};
pub use health::Health;
