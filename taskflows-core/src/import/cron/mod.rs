//! Crontabs: crontab(5) of Vixie's cron and of cronie.

mod calendar;
mod crontab;
mod elapse;
mod expression;
mod line;
mod name;
mod runs;

pub use crontab::{Crontab, import_crontab};
pub use elapse::ClockChanges;
pub use expression::{CronExpression, ParseCronError};
pub(super) use name::Names;
pub(super) use runs::upcoming;
