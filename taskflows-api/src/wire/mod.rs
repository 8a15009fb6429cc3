//! What goes over the line, as JSON. Times are RFC 3339 in UTC, lengths of time seconds, sizes bytes.

mod apply;
mod calendar;
mod environments;
mod events;
mod fault;
mod health;
mod logs;
mod misfit;
mod people;
mod plan;
mod runs;
mod services;

pub use apply::{Applied, Names, Order, Scope, WireEdits, WireRemoval};
pub use calendar::{CalendarPreview, CalendarProblem};
pub use environments::{EnvironmentToKeep, KeptEnvironment};
pub use events::{RunEvent, ServicesEvent, StateEvent};
pub use fault::{Fault, Flaw};
pub use health::Health;
pub use logs::{LineOrigin, LogLine, LogParameters, StreamedLine};
pub use misfit::Misfit;
pub use people::{
    Done, LoginAnswer, LoginRequest, Me, NewPerson, NewToken, Password, PersonChange, PersonEntry,
    RefreshRequest, RoleName, TokenEntry, TokenMade,
};
pub use plan::{Effect, WireChange, WireFileChange, WirePlan, WireStep};
pub use runs::{
    LatestParameters, RecordedAttempt, RecordedRun, RunParameters, RunProcess, RunSource, RunTrigger,
    RunWithAttempts, SourceParameters,
};
pub use services::{
    ActBody, AlertGroups, Batch, BatchBody, Began, BeganAnswer, Details, EffectWord, EnvironmentFailure,
    ExitKind, Interruption, LastRun, Listing, NextKind, Origin, Pending, Performed, ResultWord, RunEnd,
    RunOutcome, ServiceAction, ServiceFailure, ServiceTarget, Start, State, SupportUnits, UnitFiles,
};
