//! Commands as tasks: a process of its own group for each attempt, its output passed on and its whole tree ended.

mod attempt;
mod command;
mod lines;
mod outputs;
mod pump;
mod records;
mod run;
mod signals;
mod sink;
mod tail;
mod tree;

pub use command::{DEFAULT_KILL_AFTER, ProcessCommand, StartError};
pub use outputs::Outputs;
pub use records::JournalRecords;
pub(crate) use records::words;
pub use run::{CommandEnd, CommandRun, end_by, new_run_id};
pub use tail::{TAIL_BYTES, TAIL_LINES, Tail};
