//! The journal, read through `journalctl`.

mod entry;
mod reader;
mod runs;
mod source;

pub use reader::JournalReader;
pub(crate) use runs::{Known, LastRuns};
pub use source::JournalSource;
