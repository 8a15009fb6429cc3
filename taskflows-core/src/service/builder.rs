use std::collections::BTreeMap;
use std::str::FromStr;

use thiserror::Error;

use super::{
    CgroupConfig, CommandError, CommandLine, ConflictError, DirectiveError, Directives, EnvironmentChoice,
    LoadConstraint, Relation, Relations, RestartPolicy, Section, Service, ServiceTask, Watchdog,
};
use crate::Signal;
use crate::alerting::AlertUse;
use crate::schedule::Schedule;
use crate::task::TaskPolicyError;
use crate::{Line, ParseServiceNameError, TextError, TimeSpan, UnitPath};

/// Collects the parts of a [`Service`]; texts are checked by [`ServiceBuilder::build`].
#[derive(Clone, Debug)]
#[must_use = "a service is made by `build`"]
pub struct ServiceBuilder {
    name: String,
    description: Option<String>,
    start_command: Option<Command>,
    stop_command: Option<Command>,
    restart_command: Option<Command>,
    environment: Option<EnvironmentChoice>,
    start_schedule: Vec<Schedule>,
    stop_schedule: Vec<Schedule>,
    restart_schedule: Vec<Schedule>,
    env: Vec<(String, String)>,
    env_file: Vec<String>,
    working_directory: Option<String>,
    timeout: Option<TimeSpan>,
    restart_policy: RestartPolicy,
    pub(super) task: Option<ServiceTask>,
    pub(super) alerts: Vec<AlertUse>,
    enabled: bool,
    system_load_constraints: Vec<LoadConstraint>,
    relations: Vec<(Relation, String)>,
    kill_signal: Option<Signal>,
    watchdog: Option<Watchdog>,
    credentials: Vec<(String, String)>,
    cgroup_config: Option<CgroupConfig>,
    systemd: Vec<(Section, String, Vec<String>)>,
    source: Option<String>,
}

#[derive(Clone, Debug)]
enum Command {
    Text(String),
    Argv(Vec<String>),
}

impl Command {
    fn build(self) -> Result<CommandLine, CommandError> {
        match self {
            Self::Text(text) => CommandLine::split(&text),
            Self::Argv(argv) => CommandLine::from_argv(argv),
        }
    }
}

impl ServiceBuilder {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            description: None,
            start_command: None,
            stop_command: None,
            restart_command: None,
            environment: None,
            start_schedule: Vec::new(),
            stop_schedule: Vec::new(),
            restart_schedule: Vec::new(),
            env: Vec::new(),
            env_file: Vec::new(),
            working_directory: None,
            timeout: None,
            restart_policy: RestartPolicy::default(),
            task: None,
            alerts: Vec::new(),
            enabled: false,
            system_load_constraints: Vec::new(),
            relations: Vec::new(),
            kill_signal: None,
            watchdog: None,
            credentials: Vec::new(),
            cgroup_config: None,
            systemd: Vec::new(),
            source: None,
        }
    }

    /// Sets the one line about it.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Sets what it runs, split as a shell would.
    pub fn start_command(mut self, command: impl Into<String>) -> Self {
        self.start_command = Some(Command::Text(command.into()));
        self
    }

    /// Sets what it runs as a list of arguments, taken as they stand.
    pub fn start_argv<I>(mut self, argv: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.start_command = Some(Command::Argv(argv.into_iter().map(Into::into).collect()));
        self
    }

    /// Sets what stops it, split as a shell would.
    pub fn stop_command(mut self, command: impl Into<String>) -> Self {
        self.stop_command = Some(Command::Text(command.into()));
        self
    }

    /// Sets what stops it as a list of arguments.
    pub fn stop_argv<I>(mut self, argv: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.stop_command = Some(Command::Argv(argv.into_iter().map(Into::into).collect()));
        self
    }

    /// Sets what refreshes it while it runs, split as a shell would.
    pub fn restart_command(mut self, command: impl Into<String>) -> Self {
        self.restart_command = Some(Command::Text(command.into()));
        self
    }

    /// Sets what refreshes it while it runs as a list of arguments.
    pub fn restart_argv<I>(mut self, argv: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.restart_command = Some(Command::Argv(argv.into_iter().map(Into::into).collect()));
        self
    }

    /// Sets what its commands run in.
    pub fn environment(mut self, environment: impl Into<EnvironmentChoice>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// Adds a time at which it starts.
    pub fn start_schedule(mut self, schedule: impl Into<Schedule>) -> Self {
        self.start_schedule.push(schedule.into());
        self
    }

    /// Adds a time at which it stops.
    pub fn stop_schedule(mut self, schedule: impl Into<Schedule>) -> Self {
        self.stop_schedule.push(schedule.into());
        self
    }

    /// Adds a time at which it restarts.
    pub fn restart_schedule(mut self, schedule: impl Into<Schedule>) -> Self {
        self.restart_schedule.push(schedule.into());
        self
    }

    /// Adds an environment variable.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Adds a file of environment variables.
    pub fn env_file(mut self, path: impl Into<String>) -> Self {
        self.env_file.push(path.into());
        self
    }

    /// Sets the directory it runs in.
    pub fn working_directory(mut self, path: impl Into<String>) -> Self {
        self.working_directory = Some(path.into());
        self
    }

    /// Sets how long a run may take.
    pub fn timeout(mut self, timeout: impl Into<TimeSpan>) -> Self {
        self.timeout = Some(timeout.into());
        self
    }

    /// Sets what follows its end.
    pub fn restart_policy(mut self, policy: RestartPolicy) -> Self {
        self.restart_policy = policy;
        self
    }

    /// Sets whether it also starts at boot.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Adds a state of the machine without which it does not start.
    pub fn system_load_constraint(mut self, constraint: LoadConstraint) -> Self {
        self.system_load_constraints.push(constraint);
        self
    }

    /// Names a service (a bare name) or a unit that it stands in a relation to; may be called again.
    pub fn relation(mut self, relation: Relation, unit: impl Into<String>) -> Self {
        self.relations.push((relation, unit.into()));
        self
    }

    /// Sets the signal that asks it to end.
    pub fn kill_signal(mut self, signal: Signal) -> Self {
        self.kill_signal = Some(signal);
        self
    }

    /// Ends it when it has stopped telling that it is alive.
    pub fn watchdog(mut self, watchdog: Watchdog) -> Self {
        self.watchdog = Some(watchdog);
        self
    }

    /// Adds a secret that is read from a file at each start.
    pub fn credential(mut self, name: impl Into<String>, path: impl Into<String>) -> Self {
        self.credentials.push((name.into(), path.into()));
        self
    }

    /// Sets what it may use.
    pub fn cgroup_config(mut self, limits: CgroupConfig) -> Self {
        self.cgroup_config = Some(limits);
        self
    }

    /// Passes a directive through; given again it has several values.
    pub fn directive(mut self, section: Section, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.systemd.push((section, key.into(), vec![value.into()]));
        self
    }

    /// Notes the file it was defined in.
    pub fn source(mut self, path: impl Into<String>) -> Self {
        self.source = Some(path.into());
        self
    }

    /// Checks every part and makes the service.
    ///
    /// # Errors
    /// Names the first field that is missing or wrong.
    pub fn build(self) -> Result<Service, BuildServiceError> {
        use BuildServiceError as E;
        let command = |field, command: Option<Command>| {
            command.map(Command::build).transpose().map_err(|source| E::Command { field, source })
        };
        if self.timeout.is_some_and(TimeSpan::is_zero) {
            return Err(E::ZeroTimeout);
        }
        self.task.iter().try_for_each(|task| task.policy.check()).map_err(E::Task)?;
        let mut systemd = Directives::default();
        for (section, key, values) in &self.systemd {
            systemd.insert(*section, key, values.iter().map(String::as_str)).map_err(E::Directive)?;
        }
        if systemd.of(Section::Timer).next().is_some() && self.start_schedule.is_empty() {
            return Err(E::TimerWithoutSchedule);
        }
        let service = Service {
            name: self.name.parse()?,
            description: text("description", self.description)?,
            start_command: command("start_command", self.start_command)?,
            stop_command: command("stop_command", self.stop_command)?,
            restart_command: command("restart_command", self.restart_command)?,
            environment: self.environment,
            start_schedule: self.start_schedule,
            stop_schedule: self.stop_schedule,
            restart_schedule: self.restart_schedule,
            env: pairs("env", self.env)?,
            env_file: paths("env_file", self.env_file)?,
            working_directory: paths("working_directory", self.working_directory)?.pop(),
            timeout: self.timeout,
            restart_policy: self.restart_policy,
            task: self.task,
            alerts: self.alerts,
            enabled: self.enabled,
            system_load_constraints: self.system_load_constraints,
            relations: relations(self.relations)?,
            kill_signal: self.kill_signal,
            watchdog: self.watchdog,
            credentials: pairs("credentials", self.credentials)?,
            cgroup_config: self.cgroup_config,
            systemd,
            source: text("source", self.source)?,
        };
        service.check()?;
        Ok(service)
    }
}

fn text(field: &'static str, text: Option<String>) -> Result<Option<Line>, BuildServiceError> {
    text.map(|text| text.parse()).transpose().map_err(|source| BuildServiceError::Text { field, source })
}

fn paths<I>(field: &'static str, paths: I) -> Result<Vec<UnitPath>, BuildServiceError>
where
    I: IntoIterator<Item = String>,
{
    let parse = |path: String| path.parse().map_err(|source| BuildServiceError::Text { field, source });
    paths.into_iter().map(parse).collect()
}

/// Parses names and their values.
fn pairs<K, V>(field: &'static str, pairs: Vec<(String, String)>) -> Result<BTreeMap<K, V>, BuildServiceError>
where
    K: FromStr<Err = TextError> + Ord,
    V: FromStr<Err = TextError>,
{
    let parse = |(name, value): (String, String)| Ok((name.parse()?, value.parse()?));
    let parsed: Result<_, TextError> = pairs.into_iter().map(parse).collect();
    parsed.map_err(|source| BuildServiceError::Text { field, source })
}

fn relations(named: Vec<(Relation, String)>) -> Result<Relations, BuildServiceError> {
    let mut relations = Relations::new();
    for (relation, unit) in named {
        let unit =
            unit.parse().map_err(|source| BuildServiceError::Text { field: relation.key(), source })?;
        relations.entry(relation).or_default().push(unit);
    }
    Ok(relations)
}

/// Which part of a service is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildServiceError {
    /// Its name is not one.
    #[error(transparent)]
    Name(#[from] ParseServiceNameError),
    /// Two fields cannot be together.
    #[error(transparent)]
    Conflict(#[from] ConflictError),
    /// A command is not one.
    #[error("`{field}`")]
    Command {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        source: CommandError,
    },
    /// A text cannot stand in a unit file.
    #[error("`{field}`")]
    Text {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        source: TextError,
    },
    /// A run of no time cannot be.
    #[error("`timeout` is zero")]
    ZeroTimeout,
    /// Nothing can be done by the policy of its task.
    #[error("`task`")]
    Task(#[source] TaskPolicyError),
    /// Directives for a timer that there is not.
    #[error("`systemd.Timer` needs a `start_schedule`")]
    TimerWithoutSchedule,
    /// A directive cannot be passed through.
    #[error("`systemd`")]
    Directive(#[source] DirectiveError),
}
