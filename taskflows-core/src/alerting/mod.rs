//! Alerts as definitions say them: who is told, of what, and by which rules. Data only; what sends it is elsewhere.

mod destination;
mod group;
mod mark;
mod quiet;

pub use destination::{Destination, DestinationKind};
pub use group::{AlertGroup, AlertOn, AlertUse, Escalation, GroupName};
pub use mark::{AlertMark, ParseAlertMarkError};
pub use quiet::QuietHours;
