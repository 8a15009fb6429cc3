//! What a monitor keeps between looks, and to whom it tells what it finds.

mod memory;
mod ping;
mod sink;

pub(crate) use memory::MemoryFile;
pub(crate) use ping::{Outcome, ping};
pub use sink::{MonitorSink, NoSink, Told, message};
