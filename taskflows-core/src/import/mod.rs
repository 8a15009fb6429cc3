//! What other schedulers run, as services of a definition: crontabs, and unit files that were written by hand.
//!
//! Text goes in, and for each line or unit a [`Verdict`] and a piece of a definition come out. Nothing is read
//! or written here, and what is told is what [`read`](crate::read) accepts.

mod cron;
mod draft;
mod imported;
mod unit;

mod verdict;

pub use cron::{ClockChanges, CronExpression, Crontab, ParseCronError, import_crontab};
pub use imported::{Import, Imported};

pub use unit::{UnitPair, UnitText, import_units, started_by};
pub use verdict::{Finding, Verdict};
