use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use taskflows_core::alerting::AlertMark;
use taskflows_core::effects::{ServiceError, Toolbox};
use taskflows_core::schedule::{Periodic, RelativeTo, Schedule, StartOn};
use taskflows_core::{
    Container, MAX_UNIT_LINE, NotifyAccess, RestartCondition, RestartPolicy, Section, Service, UnitFiles,
    UnitPath, UnitReference, VariableName,
};

use super::commands::{Commands, Variables, commands};
use super::escape::{assignment, path, specifier_free};
use super::names::{Role, UnitName};
use super::{mark, support, task};
use crate::Scope;

/// What a unit's text depends on besides the definition.
#[derive(Clone, Debug)]
pub struct RenderContext {
    /// The version written into the mark.
    pub version: String,
    /// Whose manager the units are for.
    pub scope: Scope,
    /// Whether the manager is that of a user who is not root.
    pub is_unprivileged: bool,
    /// Finds the programs that environments need.
    pub tools: Arc<dyn Toolbox>,
    /// The absolute path of `tf`, which runs tasks and hears of their ends.
    pub program: UnitPath,
    /// The absolute path of the directory of what is kept between commands.
    pub data_directory: UnitPath,
    /// Whether units must say where that is, since `tf` would not find it by itself there.
    pub tells_data_directory: bool,
}

impl RenderContext {
    /// Tells whether this process, and so the manager of its user, has no rights of root.
    pub fn is_unprivileged() -> bool {
        !rustix::process::geteuid().is_root()
    }
}

/// The most bytes of a unit file that is read as ours. What a process can be passed is less.
pub(crate) const MOST_UNIT_BYTES: usize = 2 << 20;

/// Directives of which systemd adds up several lines; any other is set by its last line.
const ADDITIVE: [&str; 37] = [
    "Environment",
    "EnvironmentFile",
    "ExecStartPre",
    "ExecStartPost",
    "ExecStop",
    "ExecStopPost",
    "ExecReload",
    "ExecCondition",
    "After",
    "Before",
    "Wants",
    "Requires",
    "Requisite",
    "BindsTo",
    "PartOf",
    "Upholds",
    "Conflicts",
    "OnFailure",
    "OnSuccess",
    "PropagatesStopTo",
    "StopPropagatedFrom",
    "RequiresMountsFor",
    "LoadCredential",
    "SetCredential",
    "DeviceAllow",
    "IOReadBandwidthMax",
    "IOWriteBandwidthMax",
    "IOReadIOPSMax",
    "IOWriteIOPSMax",
    "ReadOnlyPaths",
    "SuccessExitStatus",
    "OnCalendar",
    "OnActiveSec",
    "OnBootSec",
    "OnStartupSec",
    "OnUnitActiveSec",
    "OnUnitInactiveSec",
];

/// Writes the unit files of `service`: the same service gives the same bytes.
///
/// # Errors
/// When a line, or the whole, would be longer than is read; when the environment needs a program that this host does
/// not have; when limits need another manager.
pub fn render(service: &Service, context: &RenderContext) -> Result<UnitFiles, ServiceError> {
    let mut units = vec![(UnitName::service(&service.name), main_service(service, context)?)];
    let timers = [
        (Role::Main, &service.start_schedule),
        (Role::Stop, &service.stop_schedule),
        (Role::Restart, &service.restart_schedule),
    ];
    for (role, schedules) in timers.into_iter().filter(|(_, schedules)| !schedules.is_empty()) {
        let timer = UnitName { role, timer: true, service: service.name.clone() };
        units.push((timer, timer_unit(service, role, schedules, context)));
        if role != Role::Main {
            let helper = UnitName { role, timer: false, service: service.name.clone() };
            units.push((helper, helper_service(service, role, context)));
        }
    }
    let files = units.into_iter().map(|(unit, text)| (unit.to_string(), text)).collect();
    let units = UnitFiles { name: service.name.clone(), files };
    check_lines(&units)?;
    Ok(units)
}

fn check_lines(units: &UnitFiles) -> Result<(), ServiceError> {
    if let Some((file, text)) = units.files.iter().find(|(_, text)| text.len() > MOST_UNIT_BYTES) {
        return Err(ServiceError::Render {
            name: units.name.clone(),
            reason: format!("`{file}` would have {} bytes; at most {MOST_UNIT_BYTES} are read", text.len()),
        });
    }
    let too_long = |line: &str| line.len() > MAX_UNIT_LINE;
    match units.files.values().flat_map(|text| text.lines()).find(|line| too_long(line)) {
        None => Ok(()),
        Some(line) => Err(ServiceError::Render {
            name: units.name.clone(),
            reason: format!(
                "`{}` has {} bytes once it is escaped, and systemd reads lines of at most {MAX_UNIT_LINE}",
                line.split('=').next().unwrap_or_default(),
                line.len()
            ),
        }),
    }
}

/// A unit file as it grows: sections of `key=value` lines.
struct Text(String);

impl Text {
    fn begin(unit: &UnitName, description: &str, service: &Service, context: &RenderContext) -> Self {
        let mut text =
            Self("# Written by taskflows: change the definition, not this file.\n[Unit]\n".to_owned());
        let is_told = *unit == UnitName::service(&service.name)
            && service.systemd.of(Section::Unit).any(|(key, _)| key == "Description");
        if !is_told {
            text.line("Description", &specifier_free(description));
        }
        let starts_at_boot = service.enabled && *unit == UnitName::service(&service.name);
        text.0.push_str(&mark::lines(&context.version, service, starts_at_boot));
        text
    }

    fn section(&mut self, name: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "\n[{name}]");
    }

    fn line(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.0, "{key}={value}");
    }

    /// Writes `lines` and then what `service` passes through to the section, which takes the place of
    /// lines that systemd would not add up.
    fn directives(&mut self, service: &Service, section: Section, lines: Vec<(String, String)>) {
        let overridden =
            |key: &str| !is_additive(key) && service.systemd.of(section).any(|(own, _)| own == key);
        for (key, value) in lines.iter().filter(|(key, _)| !overridden(key)) {
            self.line(key, value);
        }
        for (key, values) in service.systemd.of(section) {
            values.iter().for_each(|value| self.line(key, value.as_str()));
        }
    }

    fn finish(mut self, wanted_by: Option<&str>) -> String {
        if let Some(target) = wanted_by {
            self.section("Install");
            self.line("WantedBy", target);
        }
        mark::seal(&self.0)
    }
}

fn is_additive(key: &str) -> bool {
    ADDITIVE.contains(&key) || key.starts_with("Condition") || key.starts_with("Assert")
}

fn main_service(service: &Service, context: &RenderContext) -> Result<String, ServiceError> {
    let default = format!("Service for {}", service.name);
    let description = service.description.as_ref().map_or(default.as_str(), |text| text.as_str());
    let unit = UnitName::service(&service.name);
    let mut text = Text::begin(&unit, description, service, context);
    let variables = variables(service);
    let runner = task::runner(service, &variables, context);
    let commands = commands(service, context.tools.as_ref(), &variables, &runner)?;
    if let Some(alerts) = service.alert_mark() {
        text.line(AlertMark::KEY, &alerts.to_string());
    }
    if let Some((container, _)) = &commands.container {
        text.line(mark::CONTAINER, &container.write());
    }
    text.directives(service, Section::Unit, unit_lines(service, context, &commands));
    text.section("Service");
    text.directives(service, Section::Service, service_lines(service, context, commands)?);
    Ok(text.finish(Some("default.target")))
}

/// Returns the variables of the unit; the service's own win over those of its container and of its limits.
fn variables(service: &Service) -> Variables {
    let container = service.container();
    let limits =
        container.and_then(|container| container.cgroup_config.as_ref()).or(service.cgroup_config.as_ref());
    let mut variables = Variables::new();
    // Python keeps its last lines in a buffer otherwise, and a job that is killed takes them along.
    if let (Ok(name), Ok(value)) = ("PYTHONUNBUFFERED".parse(), "1".parse()) {
        variables.insert(name, value);
    }
    let maps = [
        limits.map(|limits| &limits.environment),
        container.map(|container| &container.environment),
        Some(&service.env),
    ];
    for map in maps.into_iter().flatten() {
        variables.extend(map.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    variables
}

/// Returns the policy that is in force: a watchdog that restarts has one where the definition has none.
fn restart_policy(service: &Service) -> Cow<'_, RestartPolicy> {
    let policy = &service.restart_policy;
    let restarts = service.watchdog.is_some_and(|watchdog| watchdog.restart_on_hang);
    match policy.condition {
        RestartCondition::No if restarts => Cow::Owned(RestartPolicy::new(RestartCondition::OnWatchdog)),
        RestartCondition::No => match service.container().and_then(|container| container.restart_policy) {
            Some(condition) => Cow::Owned(RestartPolicy::new(condition)),
            None => Cow::Borrowed(policy),
        },
        _ => Cow::Borrowed(policy),
    }
}

fn unit_lines(service: &Service, context: &RenderContext, commands: &Commands) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    if context.scope == Scope::System && matches!(commands.container, Some((_, true))) {
        // The container needs its daemon. A user's manager does not know the machine's units.
        lines.extend(["Wants", "After"].map(|key| (key.to_owned(), "docker.service".to_owned())));
    }
    let policy = restart_policy(service);
    if policy.condition != RestartCondition::No {
        lines.push(("StartLimitIntervalSec".to_owned(), policy.window.to_string()));
        let burst = policy.max_attempts.unwrap_or(0);
        lines.push(("StartLimitBurst".to_owned(), burst.to_string()));
    }
    for (relation, units) in &service.relations {
        let names: Vec<String> = units.iter().map(unit_name).collect();
        lines.push((relation.directive().to_owned(), names.join(" ")));
    }
    lines.extend(commands.assert.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    lines.extend(service.system_load_constraints.iter().map(|constraint| constraint.directive()));
    lines
}

/// Names a unit in a list of them, where systemd keeps a backslash as it stands.
fn unit_name(unit: &UnitReference) -> String {
    match unit {
        UnitReference::Service(name) => UnitName::service(name).to_string(),
        UnitReference::Unit(unit) => unit.as_str().to_owned(),
    }
}

fn service_lines(
    service: &Service,
    context: &RenderContext,
    commands: Commands,
) -> Result<Vec<(String, String)>, ServiceError> {
    let mut lines: Vec<(String, String)> = Vec::new();
    let mut add = |key: &str, value: String| lines.push((key.to_owned(), value));
    // `exec` makes a start that cannot run its program fail, where `simple` reports success.
    add("Type", if service.watchdog.is_some() { "notify" } else { "exec" }.into());
    if let Some(watchdog) = &service.watchdog {
        // The first process of a task is not the one that is watched.
        let access = if service.task.is_some() { NotifyAccess::All } else { watchdog.notify_access };
        add("NotifyAccess", access.as_str().into());
        add("WatchdogSec", watchdog.interval().to_string());
    }
    let in_container = service.container().is_some();
    commands.lines.into_iter().for_each(|(key, value)| add(key, value));
    add("ExecStopPost", task::hook(service, &variables(service), context));
    support::told_directory(context).into_iter().for_each(|value| add("Environment", value));
    if !in_container {
        let own = service.working_directory.as_ref();
        let directory = own.or_else(|| service.cgroup_config.as_ref()?.working_dir.as_ref());
        directory.map(path).or(commands.directory).into_iter().for_each(|path| add("WorkingDirectory", path));
    }
    // The engine reads a container's files, and is not steered by a container's variables.
    service.env_file.iter().filter(|_| !in_container).for_each(|file| add("EnvironmentFile", path(file)));
    let own = |name: &VariableName| !in_container || !Container::steers_engine(name);
    for (name, value) in variables(service).into_iter().filter(|(name, _)| own(name)) {
        add("Environment", assignment(name.as_str(), value.as_str()));
    }
    if let Some(timeout) = service.timeout {
        add("RuntimeMaxSec", timeout.to_string());
    }
    for (name, file) in &service.credentials {
        add("LoadCredential", format!("{name}:{}", path(file)));
    }
    if let Some(signal) = service.kill_signal.filter(|_| !in_container) {
        add("KillSignal", signal.to_string());
    }
    add("TimeoutStopSec", commands.stop_limit);
    for (key, value) in limits(service, context)? {
        add(key, value);
    }
    let policy = restart_policy(service);
    if policy.condition != RestartCondition::No {
        add("Restart", policy.condition.as_str().into());
        add("RestartSec", policy.delay.to_string());
    }
    add("StandardOutput", "journal".into());
    add("StandardError", "journal".into());
    // The journal learns the unit of a line from the process, which may be gone by then; the identifier
    // travels with the stream, so that the last words of a short job are found (systemd issue 2913).
    add("SyslogIdentifier", format!("taskflows-{}", service.name));
    match lines.iter().find(|(_, value)| is_of_another_home(service, context, value)) {
        None => Ok(lines),
        Some((key, _)) => {
            let reason = format!(
                "`{key}` names a path with `~`, which is root's home to the machine's manager, not that of the \
                 service's user: write the whole path"
            );
            Err(ServiceError::Render { name: service.name.clone(), reason })
        }
    }
}

/// Tells whether a line has the home of whoever runs the manager (systemd.unit(5), `%h`) where the service is
/// somebody else.
fn is_of_another_home(service: &Service, context: &RenderContext, value: &str) -> bool {
    let limited = service.cgroup_config.as_ref().is_some_and(|limits| limits.user.is_some());
    let told = || service.systemd.of(Section::Service).any(|(key, _)| key == "User");
    context.scope == Scope::System
        && value.replace("%%", "").contains("%h")
        && service.container().is_none()
        && (limited || told())
}

/// Returns the lines that hold the process to its limits. A container has its own: to limit the engine's command
/// would limit nothing and might kill it.
fn limits(service: &Service, context: &RenderContext) -> Result<Vec<(&'static str, String)>, ServiceError> {
    let Some(limits) = service.cgroup_config.as_ref().filter(|_| service.container().is_none()) else {
        return Ok(Vec::new());
    };
    let reason = match context.scope {
        Scope::User if limits.user.is_some() || limits.group.is_some() => {
            Some("a user's manager runs everything as that user: `user` and `group` need --scope system")
        }
        _ => None,
    };
    if let Some(reason) = reason {
        return Err(ServiceError::Render { name: service.name.clone(), reason: reason.to_owned() });
    }
    // That line is written already, for every service.
    let lines = limits.directives().into_iter().filter(|(key, _)| *key != "TimeoutStopSec");
    let bounded = |key: &str| context.is_unprivileged && key == "CapabilityBoundingSet";
    // Only root's manager may take capabilities away (systemd.exec(5)). Who is not root has none, and so gets none.
    let instead = ("NoNewPrivileges", "yes".to_owned());
    Ok(lines.map(|line| if bounded(line.0) { instead.clone() } else { line }).collect())
}

fn timer_unit(service: &Service, role: Role, schedules: &[Schedule], context: &RenderContext) -> String {
    let what = match role {
        Role::Main => "Timer for",
        Role::Stop => "Stop timer for",
        Role::Restart => "Restart timer for",
    };
    let unit = UnitName { role, timer: true, service: service.name.clone() };
    let mut text = Text::begin(&unit, &format!("{what} {}", service.name), service, context);
    text.section("Timer");
    let lines = timer_lines(schedules);
    if role == Role::Main {
        text.directives(service, Section::Timer, lines);
    } else {
        lines.iter().for_each(|(key, value)| text.line(key, value));
    }
    text.finish(Some("timers.target"))
}

fn timer_lines(schedules: &[Schedule]) -> Vec<(String, String)> {
    let mut lines: Vec<(String, String)> = Vec::new();
    for schedule in schedules {
        let new = match schedule {
            Schedule::Calendar(calendar) => vec![("OnCalendar".to_owned(), calendar.text().to_owned())],
            Schedule::Periodic(periodic) => periodic_lines(periodic),
            // The schedules of this version are all above.
            _ => Vec::new(),
        };
        lines.extend(new.into_iter().filter(|line| !lines.contains(line)).collect::<Vec<_>>());
    }
    let accuracy = schedules.iter().map(Schedule::accuracy).min();
    lines.extend(accuracy.map(|accuracy| ("AccuracySec".to_owned(), accuracy.to_string())));
    // A timer has one delay, so the widest serves for all its schedules.
    let delay = schedules.iter().filter_map(Schedule::randomized_delay).max();
    lines.extend(delay.map(|delay| ("RandomizedDelaySec".to_owned(), delay.to_string())));
    let persistent =
        |schedule: &Schedule| matches!(schedule, Schedule::Calendar(calendar) if calendar.persistent);
    if schedules.iter().any(persistent) {
        lines.push(("Persistent".to_owned(), "true".to_owned()));
    }
    lines
}

fn periodic_lines(periodic: &Periodic) -> Vec<(String, String)> {
    let first = match periodic.start_on {
        StartOn::Boot => Some("OnBootSec"),
        StartOn::Login => Some("OnStartupSec"),
        StartOn::Command => None,
    };
    let again = match periodic.relative_to {
        RelativeTo::Start => "OnUnitActiveSec",
        RelativeTo::Finish => "OnUnitInactiveSec",
    };
    let mut lines: Vec<_> = first.map(|key| (key.to_owned(), "1s".to_owned())).into_iter().collect();
    lines.push((again.to_owned(), periodic.period().to_string()));
    lines
}

/// A service that stops or restarts another one. It takes nothing from the other's `[Unit]` lines, which
/// could refuse it, and is never enabled, which would run it at boot.
fn helper_service(service: &Service, role: Role, context: &RenderContext) -> String {
    let (what, verb) = match role {
        Role::Restart => ("Restart", "reload-or-restart"),
        _ => ("Stop", "stop"),
    };
    let unit = UnitName { role, timer: false, service: service.name.clone() };
    let mut text = Text::begin(&unit, &format!("{what} {} on schedule", service.name), service, context);
    text.section("Service");
    text.line("Type", "oneshot");
    let scope = match context.scope {
        Scope::User => "--user ",
        Scope::System => "",
    };
    text.line("ExecStart", &format!("systemctl {scope}{verb} {}", UnitName::service(&service.name)));
    text.finish(None)
}
