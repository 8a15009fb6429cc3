//! Services, and what is done with them.

mod act;
mod began;
mod failure;
mod listing;
mod run;
mod units;

pub use act::{ActBody, Batch, BatchBody, EffectWord, Pending, Performed, ServiceAction, ServiceTarget};
pub use began::{Began, BeganAnswer};
pub use failure::{EnvironmentFailure, ServiceFailure};
pub use listing::{Details, Listing, NextKind, Start, State};
pub use run::{ExitKind, LastRun, ResultWord, RunEnd, RunOutcome};
pub use units::{AlertGroups, Interruption, Origin, SupportUnits, UnitFiles};
