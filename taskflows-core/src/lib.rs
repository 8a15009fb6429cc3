#![doc = include_str!("../README.md")]

mod consequence;
mod definition;
pub mod effects;
mod name;
mod plan;
mod quantity;
mod run;
pub mod schedule;
mod service;
mod signal;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
mod text;

pub use consequence::{Consequence, Occasion};
pub use definition::{Definition, DefinitionError, Format, Problem, Severity, Source, nearest, read};
pub use name::{MAX_SERVICE_NAME, NamePattern, ParseNamePatternError, ParseServiceNameError, ServiceName};
pub use plan::{Change, FileChange, Plan, Step, UnitFiles};
pub use quantity::{ByteSize, ParseByteSizeError, ParseTimeSpanError, TimeSpan};
pub use run::{ExitKind, Outcome, Run, RunEnd};
pub use schedule::{Calendar, ParseScheduleError, Periodic, RelativeTo, Schedule, StartOn};
pub use service::{
    BuildServiceError, CommandError, CommandLine, Comparison, ConstraintError, CredentialName,
    DirectiveError, Directives, ForeignUnit, LoadConstraint, NotifyAccess, Pressure, PressureSpan, Relation,
    Relations, Requirement, RestartCondition, RestartPolicy, Section, Service, ServiceBuilder, UnitReference,
    Watchdog, shell_syntax,
};
pub use signal::Signal;
pub use text::{Line, MAX_ARGUMENT, MAX_UNIT_LINE, TextError, UnitPath, VariableName, VariableValue};
