#![doc = include_str!("../README.md")]

pub mod alerting;
mod consequence;
mod definition;
pub mod effects;
pub mod grafana;
pub mod import;
pub mod inspect;
pub mod log;
pub mod monitor;
mod name;
mod plan;
mod quantity;
mod run;
pub mod schedule;
mod service;
mod signal;
pub mod task;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
mod text;
mod words;

pub use consequence::{Consequence, Occasion};
pub use definition::{
    AlertGroupUse, Definition, DefinitionError, EnvFileError, EnvFileReader, EnvironmentUse, Format,
    OpenIncluded, Problem, Severity, Source, Surroundings, check_env_file, nearest, read, read_alert_group,
    read_document, read_environment, read_in, schema, write_document,
};
pub use name::{MAX_SERVICE_NAME, NamePattern, ParseNamePatternError, ParseServiceNameError, ServiceName};
pub use plan::{Change, FileChange, Plan, Step, UnitFiles};
pub use quantity::{ByteSize, ParseByteSizeError, ParseTimeSpanError, TimeSpan};
pub use run::{ExitKind, Outcome, Run, RunEnd};
pub use schedule::{Calendar, ParseScheduleError, Periodic, RelativeTo, Schedule, StartOn};
pub use service::{
    Argument, BlockWeight, BuildServiceError, BuildSpec, Capability, CgroupConfig, CgroupError, CommandError,
    CommandLine, Comparison, CondaEnvironment, ConflictError, ConstraintError, Container, ContainerName,
    CpuList, CredentialName, Device, DevicePath, DeviceRule, DirectiveError, Directives, EngineName,
    Environment, EnvironmentChoice, EnvironmentName, ForeignUnit, Image, ImageName, LoadConstraint,
    ManagedOom, NotifyAccess, OomPolicy, OomPreference, OomScore, OptionError, OptionKind, OptionRule,
    OwnerName, Percent, Port, Positive, Pressure, PressureSpan, PythonVenv, Relation, Relations, Requirement,
    RestartCondition, RestartPolicy, Section, Service, ServiceBuilder, ServiceTask, Ulimit, UnitReference,
    UvProject, Volume, Watchdog, Weight, shell_syntax,
};
pub use signal::Signal;
pub use text::{Line, MAX_ARGUMENT, MAX_UNIT_LINE, TextError, UnitPath, VariableName, VariableValue};
pub use words::Bounded;
