//! What goes over the line, as JSON. Times are RFC 3339 in UTC, lengths of time seconds, sizes bytes.

mod calendar;
mod health;
mod services;
mod unreadable;

pub use calendar::{CalendarPreview, CalendarProblem};
pub use health::Health;
pub use services::{
    ActBody, AlertGroups, Batch, BatchBody, Began, BeganAnswer, Details, EffectWord, EnvironmentFailure,
    ExitKind, Interruption, LastRun, Listing, NextKind, Origin, Pending, Performed, ResultWord, RunEnd,
    ServiceAction, ServiceFailure, ServiceTarget, Start, State, SupportUnits, UnitFiles,
};
pub use unreadable::Unreadable;
