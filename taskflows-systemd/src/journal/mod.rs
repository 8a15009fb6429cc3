//! The journal, read through `journalctl`.

mod call;
mod entry;
mod events;
mod follower;
mod history;
mod line;
mod managed;
mod message;
mod reader;
mod runs;
mod source;
mod stamp;

pub(crate) use events::{Events, Witness, in_full};
pub use history::JournalRuns;
pub use reader::JournalReader;
pub(crate) use runs::{LastRuns, Latest};
pub use source::JournalSource;
