//! A service: what runs, when, and under which conditions.

mod builder;
mod cgroup;
mod check;
mod command;
mod constraint;
mod credential;
mod directives;
mod environment;
mod relation;
mod restart;
mod task;
mod watchdog;

use std::collections::BTreeMap;

pub use builder::{BuildServiceError, ServiceBuilder};
#[cfg(test)]
pub(crate) use cgroup::keys as cgroup_keys;
pub use cgroup::{
    BlockWeight, Capability, CgroupConfig, CgroupError, CpuList, Device, DevicePath, DeviceRule, ManagedOom,
    OomPolicy, OomPreference, OomScore, OwnerName, Percent, Positive, Weight,
};
pub use check::ConflictError;
pub use command::{Argument, CommandError, CommandLine, shell_syntax};
pub use constraint::{Comparison, ConstraintError, LoadConstraint, Pressure, PressureSpan, Requirement};
pub use credential::CredentialName;
pub use directives::{DirectiveError, Directives, Section};
pub(crate) use environment::{BUILD, RUN};
pub use environment::{
    BuildSpec, CondaEnvironment, Container, ContainerName, EngineName, Environment, EnvironmentChoice,
    EnvironmentName, Image, ImageName, OptionError, OptionKind, OptionRule, Port, PythonVenv, Ulimit,
    UvProject, Volume,
};
pub use relation::{ForeignUnit, Relation, Relations, UnitReference};
pub use restart::{RestartCondition, RestartPolicy};
pub use task::ServiceTask;
pub use watchdog::{NotifyAccess, Watchdog};

use crate::Signal;
use crate::alerting::AlertUse;
use crate::schedule::Schedule;
use crate::{Line, ServiceName, TimeSpan, UnitPath, VariableName, VariableValue};

/// What runs, when, and under which conditions; installed as systemd units.
///
/// Every field is of a type that cannot hold what a unit file could misread, so a `Service` can always
/// be rendered.
///
/// ```
/// use taskflows_core::{Calendar, Service};
///
/// let backup = Service::builder("daily-backup")
///     .start_command("docker start backup-service")
///     .start_schedule("Mon-Sun 14:00 America/New_York".parse::<Calendar>()?)
///     .build()?;
/// assert_eq!(backup.name.as_str(), "daily-backup");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Service {
    /// Its name, unique on a host.
    pub name: ServiceName,
    /// One line about it (`Description=`).
    pub description: Option<Line>,
    /// What it runs (`ExecStart=`); `None` only in a container, where the container or its image says it.
    pub start_command: Option<CommandLine>,
    /// What stops it, instead of a signal (`ExecStop=`).
    pub stop_command: Option<CommandLine>,
    /// What refreshes it while it runs, instead of a stop and a start (`ExecReload=`).
    pub restart_command: Option<CommandLine>,
    /// What its commands run in.
    pub environment: Option<EnvironmentChoice>,
    /// When it starts.
    pub start_schedule: Vec<Schedule>,
    /// When it stops.
    pub stop_schedule: Vec<Schedule>,
    /// When it restarts.
    pub restart_schedule: Vec<Schedule>,
    /// Environment variables.
    pub env: BTreeMap<VariableName, VariableValue>,
    /// Files of environment variables, read at each start; later ones win.
    pub env_file: Vec<UnitPath>,
    /// The directory it runs in.
    pub working_directory: Option<UnitPath>,
    /// How long a run may take before it is ended (`RuntimeMaxSec=`).
    pub timeout: Option<TimeSpan>,
    /// What follows its end.
    pub restart_policy: RestartPolicy,
    /// How its runs are tried, where they are a managed task.
    pub task: Option<ServiceTask>,
    /// Who is told of its runs.
    pub alerts: Vec<AlertUse>,
    /// Also start it at boot (or login).
    pub enabled: bool,
    /// States of the machine without which it does not start.
    pub system_load_constraints: Vec<LoadConstraint>,
    /// How it stands to other units.
    pub relations: Relations,
    /// The signal that asks it to end; SIGTERM where nothing is said (`KillSignal=`).
    pub kill_signal: Option<Signal>,
    /// Ends it when it has stopped telling that it is alive.
    pub watchdog: Option<Watchdog>,
    /// Secrets, read from files at each start; the process finds them in `$CREDENTIALS_DIRECTORY`
    /// (`LoadCredential=`).
    pub credentials: BTreeMap<CredentialName, UnitPath>,
    /// What it may use.
    pub cgroup_config: Option<CgroupConfig>,
    /// Directives passed through to the unit files.
    pub systemd: Directives,
    /// The file it was defined in, where there is one.
    pub source: Option<Line>,
}

impl Service {
    /// Begins a service called `name`.
    pub fn builder(name: impl Into<String>) -> ServiceBuilder {
        ServiceBuilder::new(name.into())
    }

    /// Returns the container it runs in, where it does and that is known already.
    pub fn container(&self) -> Option<&Container> {
        match self.environment.as_ref()?.environment()? {
            Environment::Container(container) => Some(container),
            _ => None,
        }
    }

    /// Returns the name of the container it runs in, where it does: `taskflows-<name>` unless told.
    pub fn container_name(&self) -> Option<String> {
        let own = self.container()?.name.as_ref().map(|name| name.as_str().to_owned());
        Some(own.unwrap_or_else(|| format!("taskflows-{}", self.name)))
    }

    /// Tells whether it has a timer of any kind.
    pub fn is_scheduled(&self) -> bool {
        !(self.start_schedule.is_empty() && self.stop_schedule.is_empty() && self.restart_schedule.is_empty())
    }
}
