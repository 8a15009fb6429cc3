//! Messages about runs: what somebody who is woken by one needs to know.

mod compose;
mod facts;
mod mask;
mod words;

pub use compose::{attempt_failed, failed, finished, missed, recovered, skipped, slow, started, with_log};
pub use facts::{MissedReason, NextStep, RunFacts};
pub use mask::mask;
pub use words::{exit_in_words, length};
