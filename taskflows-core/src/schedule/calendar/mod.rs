//! Calendar expressions, as systemd.time(7) defines them under "Calendar Events".

mod bits;
mod component;
mod cursor;
mod elapse;
mod parse;
mod search;
mod spec;
mod zones;

pub(in crate::schedule) use cursor::{DAYS, rounded_micros};
pub use parse::ParseCalendarError;
pub use spec::CalendarSpec;
pub use zones::{UnknownZoneError, Zones};
