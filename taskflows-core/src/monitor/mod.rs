//! Whether scheduled services run when they should: facts and what was told before in, findings out.
//!
//! A false alarm costs more trust than a late one, so everything that may be in order counts as in order:
//!
//! - What is switched off with `tf disable` (no link, and its timer does not run) is meant to be off. A timer that is
//!   linked and does not run is dead; one that runs without a link is lost with the next restart.
//! - A unit that was written, or linked, less than the grace ago is left alone, and so are all timers for as long after
//!   the manager came up, after the machine woke, and after the clock was set.
//! - A start that the timer made is made, whatever became of it: a condition that was not met is no missed run. One that
//!   falls into a run that is under way, or is followed by any start at all, is not missed either.
//! - What the host could not do while it was off is told only where it is known to have been off: the monitor looked
//!   before the time, or systemd's own stamp of the timer is older.
//! - A schedule that is over is in order if anything of it was ever due.

mod due;
mod facts;
mod finding;
mod judge;
mod memory;
mod slow;

pub use due::last_due;
pub use facts::{
    Clocks, CloserLook, MonitorFacts, PastRun, TimerState, TimerWatch, WatchRules, Watched, is_suspect,
};
pub use finding::{Finding, MissedReason, Settled, Trouble};
pub use judge::{has_started_since, judge};
pub use memory::{Memory, Standing};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod stories;
