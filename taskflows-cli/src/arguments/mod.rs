//! The command line: what each command takes.

mod alert;
mod api;
mod command;
mod env;
mod global;
mod import;
mod inspect;
mod logging;
mod monitor;
mod people;
mod security;
mod server;
mod service;
mod source;
mod task;
mod time;

pub use command::{Arguments, Verb};
pub use global::Global;

pub(crate) use alert::{
    AckArguments, AlertListArguments, AlertSendArguments, AlertTestArguments, AlertVerb, HookVerb,
    SilenceArguments,
};
pub(crate) use api::{ApiStartArguments, ApiVerb};
pub(crate) use env::{EnvArguments, EnvEditArguments, EnvVerb, EnvWhat};
pub(crate) use global::{Format, ScopeArgument};
pub(crate) use import::{CrontabArguments, ImportArguments, ImportFrom, ImportTarget, UnitArguments};
pub(crate) use inspect::{LogSourceArgument, LogsArguments, NextArguments, WhyArguments};
pub(crate) use logging::{
    LoggingCheckArguments, LoggingPart, LoggingProfile, LoggingSetupArguments, LoggingVerb,
};
pub(crate) use monitor::{MonitorCheckArguments, MonitorVerb};
pub(crate) use people::{SetupUiArguments, TokenVerb};
pub(crate) use security::{AuditArguments, RotateArguments, SecurityVerb};
pub(crate) use server::{ServerAddArguments, ServerVerb};
pub(crate) use service::{
    ActArguments, Names, OptionalSelector, RemoveArguments, Selector, StartArguments, Wanted, patterns,
};
pub(crate) use source::{CreateArguments, EditArguments, PlanArguments, SourceArguments};
pub(crate) use task::{
    ExecArguments, HistoryArguments, HistorySource, PolicyArguments, RetryArguments, RunArguments,
};
pub(crate) use time::{CalendarArguments, TimeSpanArguments};
