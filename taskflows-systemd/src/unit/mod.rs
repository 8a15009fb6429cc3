//! The text of unit files: how it is written, marked as ours, and read back.

mod commands;
mod escape;
mod mark;
mod names;
mod read;
mod render;
mod script;
mod support;
mod task;
mod timer;

pub(crate) use commands::OWNER;
pub(crate) use mark::KeptContainer;
pub use mark::{Mark, same_meaning};
pub use names::{Role, UnitName};
pub(crate) use read::{directives, references};
pub(crate) use render::MOST_UNIT_BYTES;
pub use render::{RenderContext, render};
pub(crate) use support::is_support_unit;
pub use support::{MONITOR_SERVICE, MONITOR_TIMER, OUTBOX_DUE, SENDER_PATH, SENDER_SERVICE, support_units};
pub(crate) use timer::TimerLines;
