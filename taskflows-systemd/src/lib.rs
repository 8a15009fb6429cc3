#![doc = include_str!("../README.md")]

mod bus;
mod directory;
mod journal;
mod manager;
mod scope;
mod unit;

pub use bus::Limits;
pub use journal::{JournalReader, JournalRuns, JournalSource};
pub use manager::{SystemdServiceManager, SystemdSettings};
pub use scope::Scope;
pub use unit::{
    MONITOR_SERVICE, MONITOR_TIMER, Mark, OUTBOX_DUE, RenderContext, Role, SENDER_PATH, SENDER_SERVICE,
    UnitName, render, same_meaning, support_units,
};
