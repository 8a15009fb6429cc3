//! Calendar expressions, as systemd.time(7) defines them under "Calendar Events".

mod component;
mod elapse;
mod parse;
mod search;
mod spec;
mod zones;

pub use parse::ParseCalendarError;
pub(in crate::schedule) use parse::{DAYS, rounded_micros};
pub use spec::CalendarSpec;
pub use zones::{UnknownZoneError, Zones};
