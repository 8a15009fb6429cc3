//! The directory of unit files: read without a lock, changed by one transaction at a time.

mod files;
mod footprint;
mod glance;
mod lock;
mod scan;
mod scheduled;
mod survey;
mod transaction;

pub(crate) use files::file_error;
pub(crate) use footprint::Footprint;
pub(crate) use glance::Glance;
pub(crate) use scan::{Installed, UnitDirectory};
pub(crate) use scheduled::Scheduled;
pub(crate) use transaction::{Changes, Recovery, Transaction, has_leftovers, is_interrupted};
