//! What goes over the line, as JSON. Times are RFC 3339 in UTC, lengths of time seconds, sizes bytes.

mod calendar;
mod events;
mod health;
mod people;
mod services;
mod unreadable;

pub use calendar::{CalendarPreview, CalendarProblem};
pub use events::{RunEvent, ServicesEvent, StateEvent};
pub use health::Health;
pub use services::{
    ActBody, AlertGroups, Batch, BatchBody, Began, BeganAnswer, Details, EffectWord, EnvironmentFailure,
    ExitKind, Interruption, LastRun, Listing, NextKind, Origin, Pending, Performed, ResultWord, RunEnd,
    ServiceAction, ServiceFailure, ServiceTarget, Start, State, SupportUnits, UnitFiles,
};
pub use unreadable::Unreadable;
mod environments;
mod logs;
mod misfit;
mod runs;

pub use environments::{EnvironmentToKeep, KeptEnvironment};
pub use logs::{LineOrigin, LogLine, LogParameters, StreamedLine};
pub use misfit::Misfit;
pub use runs::{
    LatestParameters, RecordedAttempt, RecordedRun, RunOutcome, RunParameters, RunProcess, RunSource,
    RunTrigger, RunWithAttempts, SourceParameters,
};
mod apply;
mod fault;
mod malformed;
mod plan;

pub use apply::{Applied, Names, Order, Scope, WireEdits, WireRemoval};
pub use fault::{Fault, Flaw};
pub use malformed::MalformedError;
pub use people::{
    Done, LoginAnswer, LoginRequest, Me, NewPerson, NewToken, Password, PersonChange, PersonEntry,
    RefreshRequest, RoleName, TokenEntry, TokenMade,
};
pub use plan::{Effect, WireChange, WireFileChange, WirePlan, WireStep};
mod desk;

pub use desk::{
    AlertChannel, AlertSilence, AlertTestBody, ChannelTest, DoctorFinding, FindingSeverity, Incident,
    IncidentsBody, KnownServer, SilenceBody, UnsilenceBody, WhyAnswer, WhyAttempt, WhyConstraint, WhyReason,
    WhyTimer,
};
