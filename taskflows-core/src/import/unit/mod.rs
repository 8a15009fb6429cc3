//! Services and timers of systemd that were written by hand.

mod convert;
mod file;
mod service;
mod timer;
mod words;

pub use convert::{UnitPair, UnitText, import_units, started_by};
