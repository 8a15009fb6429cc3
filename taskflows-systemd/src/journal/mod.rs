//! The journal, read through `journalctl`.

mod call;
mod entry;
mod reader;
mod runs;
mod source;
mod stamp;

pub use reader::JournalReader;
pub(crate) use runs::{LastRuns, Latest};
pub use source::JournalSource;
