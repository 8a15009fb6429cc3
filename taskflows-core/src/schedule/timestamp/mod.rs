//! Points in time, as systemd.time(7) defines them under "Parsing Timestamps".

mod civil;
mod read;

pub use read::{ParseTimestampError, TIMESTAMP_FORMS, parse_timestamp};
