//! The composition root: the one place that chooses real adapters.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use taskflows_alerts::task_events::RunFacts;
use taskflows_api::ports::{Definer, Desk};
use taskflows_core::UnitPath;
use taskflows_core::effects::{
    EnvironmentStore, HostProbe, Inspector, LogReader, RunHistory, RunStore, ServiceManager, ServiceWatch,
    StateFeed, Toolbox,
};
use taskflows_core::grafana::Explore;
use taskflows_core::schedule::Zones;
use taskflows_logging::loki::LokiSettings;
use taskflows_store::{Retention, SqliteRunStore, is_gone};
use taskflows_systemd::{JournalSource, Limits, Scope, SystemdServiceManager, SystemdSettings};

use crate::alerting::{DeskSink, Telling};
use crate::environments::EnvironmentFile;
use crate::host::LocalHost;
use crate::monitor::MonitorSink;
use crate::tools::HostTools;
use crate::{CliError, Config, Exit};

/// Where the seed kept its data; used where it exists and can be written.
const SHARED_DATA: &str = "/opt/taskflows/data";

/// Looks up a variable of the environment.
pub type Variable = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Everything a command has to work with.
#[derive(Clone)]
pub struct App {
    /// The server that is asked; `None` is this host.
    pub server: Option<String>,
    /// Takes definitions for that server; `None` is this host, for which commands see to it themselves.
    pub definer: Option<Arc<dyn Definer>>,
    /// What answers for another server when something is wrong; `None` is this host.
    pub desk: Option<Arc<dyn Desk>>,
    /// The services of this host.
    pub services: Arc<dyn ServiceManager>,
    /// What they wrote.
    pub logs: Arc<dyn LogReader>,
    /// The runs that are kept.
    pub runs: Arc<dyn RunStore>,
    /// The runs that the journal tells of.
    pub journal_runs: Arc<dyn RunHistory>,
    /// How long and how many runs are kept.
    pub retention: Retention,
    /// The environments that this host keeps under names.
    pub environments: Arc<dyn EnvironmentStore>,
    /// The directory of what this host keeps between commands.
    pub data_directory: PathBuf,
    /// The absolute path of the `tf` that units call.
    pub program: UnitPath,
    /// Whether units must say where `data_directory` is.
    pub tells_data_directory: bool,
    /// The programs that environments need.
    pub tools: Arc<dyn Toolbox>,
    /// What is installed and how it stands, for those who ask what is wrong.
    pub inspector: Arc<dyn Inspector>,
    /// What changes, as it happens.
    pub feed: Arc<dyn StateFeed>,
    /// What those who watch over scheduled services look at.
    pub watch: Arc<dyn ServiceWatch>,
    /// Takes what they find.
    pub monitor_sink: Arc<dyn MonitorSink>,
    /// The host beside its service manager.
    pub host: Arc<dyn HostProbe>,
    /// The directory of security settings.
    pub security_directory: Option<PathBuf>,
    /// The zones that schedules name.
    pub zones: Zones,
    /// The variables that definitions take.
    pub variable: Arc<Variable>,
    /// The home directory of who runs the services.
    pub home: Option<PathBuf>,
    /// Where the logs of services are looked at.
    pub explore: Option<Explore>,
    /// The token by which dashboards are made in Grafana.
    pub grafana_api_key: Option<String>,
    /// Where Loki is, where that is known.
    pub loki: Option<LokiSettings>,
    /// Fluent Bit's forward input, `host:port`.
    pub fluent_bit: Option<String>,
    /// What is called after each look for missed runs, so that somebody outside knows of it.
    pub deadman_url: Option<String>,
    /// The name of this host.
    pub host_name: String,
    /// The zone in which times are shown.
    pub display: TimeZone,
    /// The time.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// The command line of the editor that the user chose.
    pub editor: Option<String>,
    /// What to tell a user whose services would end at logout.
    pub linger_hint: Option<String>,
    /// What to tell a user whose manager cannot be reached.
    pub unreachable_hint: String,
    /// What to tell a user who lacks a permission.
    pub permission_hint: String,
    /// How `systemctl` is called for the units of this scope.
    pub systemctl: &'static str,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("display", &self.display).finish_non_exhaustive()
    }
}

impl App {
    /// Chooses the adapters for this host. Nothing is opened before a command needs it.
    ///
    /// # Errors
    /// When the environment does not say where the unit files are, or names an unknown zone.
    pub fn connect(config: &Config, scope: Scope) -> Result<Self, CliError> {
        // jiff keeps one database for the process, which its look at the host's own zone opens as well.
        let zones = Zones::deferred(|| jiff::tz::db().clone(), TimeZone::system);
        let display = display_zone(config, &zones)?;
        let data = state_directory(config, scope)?;
        let environments: Arc<dyn EnvironmentStore> = Arc::new(EnvironmentFile::new(data.clone()));
        let runs = Arc::new(SqliteRunStore::new(data.clone()).with_retention(config.retention));
        let tools: Arc<dyn Toolbox> = Arc::new(HostTools::new(config));
        let program = program(config)?;
        // The machine's manager has no home directory by which the same place would be found.
        let tells_data_directory = config.has_own_state || scope == Scope::System;
        let manager = Arc::new(SystemdServiceManager::new(SystemdSettings {
            state_directory: data.clone(),
            program: program.clone(),
            tells_state_directory: tells_data_directory,
            tools: Arc::clone(&tools),
            environments: Arc::clone(&environments),
            zones: zones.clone(),
            scope,
            unit_directory: unit_directory(config, scope)?,
            timer_stamps: timer_stamps(config, scope),
            bus: bus(config, scope),
            journal: journal(config),
            limits: Limits::default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }));
        Ok(Self {
            server: None,
            definer: None,
            desk: None,
            explore: config.grafana.clone(),
            grafana_api_key: config.grafana_api_key.clone(),
            loki: config.loki.clone(),
            fluent_bit: config.fluent_bit.clone(),
            deadman_url: config.deadman_url.clone(),
            host_name: host_name(),
            data_directory: data.clone(),
            program,
            tells_data_directory,
            runs,
            journal_runs: Arc::new(manager.history(is_gone)),
            retention: config.retention,
            environments,
            tools,
            variable: Arc::new(|name| std::env::var(name).ok()),
            home: config.home.clone(),
            logs: Arc::new(manager.journal()),
            inspector: Arc::clone(&manager) as _,
            watch: Arc::clone(&manager) as _,
            feed: Arc::clone(&manager) as _,
            monitor_sink: Arc::new(desk_sink(config, &data, &display)),
            services: manager,
            host: Arc::new(LocalHost::new(config.home.clone())),
            security_directory: config.home.as_ref().map(|home| home.join(".services")),
            zones,
            display,
            now: Arc::new(Timestamp::now),
            editor: config.editor.clone(),
            linger_hint: linger_hint(scope),
            unreachable_hint: unreachable_hint(config, scope),
            permission_hint: permission_hint(scope),
            systemctl: systemctl(scope),
        })
    }

    /// Adds to an error what this host's user can do about it.
    pub(crate) fn advise(&self, mut error: CliError) -> CliError {
        let hint = match error.exit {
            Exit::Unreachable => Some(&self.unreachable_hint),
            Exit::Permission => Some(&self.permission_hint),
            _ => None,
        };
        if error.hint.is_none() {
            error.hint = hint.cloned();
        }
        error
    }
}

fn desk_sink(config: &Config, data: &Path, display: &TimeZone) -> DeskSink {
    DeskSink { directory: data.to_owned(), facts: facts_of_host(config, display) }
}

fn systemctl(scope: Scope) -> &'static str {
    match scope {
        Scope::User => "systemctl --user",
        Scope::System => "systemctl",
    }
}

fn journal(config: &Config) -> JournalSource {
    JournalSource { directory: config.journal_directory.clone(), ..JournalSource::default() }
}

/// Returns the `tf` that units call: this one, unless another is named.
fn program(config: &Config) -> Result<UnitPath, CliError> {
    let own = || std::env::current_exe().unwrap_or_else(|_| "/usr/bin/tf".into());
    let path = config.program.clone().unwrap_or_else(own);
    let text = path.to_string_lossy();
    text.strip_suffix(" (deleted)").unwrap_or(&text).parse().map_err(|error| {
        CliError::new(Exit::Usage, format!("units cannot call this tf: {error}"))
            .hint("set TASKFLOWS_TF to the path of one that they can")
    })
}

fn display_zone(config: &Config, zones: &Zones) -> Result<TimeZone, CliError> {
    let Some(name) = config.display_zone.as_deref() else { return Ok(TimeZone::UTC) };
    zones
        .named(name)
        .map_err(|error| CliError::new(Exit::Usage, format!("TASKFLOWS_DISPLAY_TIMEZONE: {error}")))
}

/// Returns what this host calls itself, without its domain.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let short = name.trim().split('.').next().unwrap_or_default();
    if short.is_empty() { "localhost".to_owned() } else { short.to_owned() }
}

fn facts_of_host(config: &Config, display: &TimeZone) -> RunFacts {
    let mut facts = RunFacts::new("", host_name());
    facts.explore = config.grafana.clone();
    facts.zone = display.clone();
    facts
}

/// Returns where a run of `tf exec` finds out who is told of it.
///
/// # Errors
/// As [`App::connect`].
pub(crate) fn telling(config: &Config, scope: Scope) -> Result<Telling, CliError> {
    let zones = Zones::deferred(|| jiff::tz::db().clone(), TimeZone::system);
    let display = display_zone(config, &zones)?;
    Ok(Telling {
        directory: state_directory(config, scope)?,
        units: unit_directory(config, scope).ok(),
        program: PathBuf::from(program(config)?.as_str()),
        facts: facts_of_host(config, &display),
    })
}

fn unit_directory(config: &Config, scope: Scope) -> Result<PathBuf, CliError> {
    match scope {
        Scope::System => Ok("/etc/systemd/system".into()),
        Scope::User => config.config_home.as_ref().map(|path| path.join("systemd/user")).ok_or_else(no_home),
    }
}

/// Returns where a manager keeps when persistent timers last elapsed. Source: systemd.timer(5), `Persistent=`.
fn timer_stamps(config: &Config, scope: Scope) -> Option<PathBuf> {
    match scope {
        Scope::System => Some("/var/lib/systemd/timers".into()),
        Scope::User => config.data_home.as_ref().map(|path| path.join("systemd/timers")),
    }
}

fn no_home() -> CliError {
    CliError::new(Exit::Usage, "neither HOME nor XDG_CONFIG_HOME is set, so there is no place for unit files")
        .hint("set HOME to your home directory")
}

pub(crate) fn state_directory(config: &Config, scope: Scope) -> Result<PathBuf, CliError> {
    let shared = Path::new(SHARED_DATA);
    let writable = || rustix::fs::access(shared, rustix::fs::Access::WRITE_OK).is_ok();
    if let Some(path) = &config.data_directory {
        return Ok(path.clone());
    }
    if writable() {
        return Ok(shared.into());
    }
    match (&config.state_home, scope) {
        (Some(path), _) => Ok(path.join("taskflows")),
        // As a unit of the system runs, without a home.
        (None, Scope::System) => Ok("/var/lib/taskflows".into()),
        (None, Scope::User) => Err(CliError::new(
            Exit::Usage,
            "neither HOME nor XDG_STATE_HOME is set, so there is no place for what is kept between commands",
        )
        .hint("set HOME to your home directory, or TASKFLOWS_DATA_DIR")),
    }
}

fn runtime_directory(config: &Config) -> PathBuf {
    let uid = rustix::process::getuid().as_raw();
    config.runtime_directory.clone().unwrap_or_else(|| format!("/run/user/{uid}").into())
}

fn bus(config: &Config, scope: Scope) -> String {
    match (scope, &config.bus_address) {
        (Scope::System, _) => "unix:path=/run/dbus/system_bus_socket".to_owned(),
        (Scope::User, Some(address)) => address.clone(),
        (Scope::User, None) => format!("unix:path={}/bus", runtime_directory(config).display()),
    }
}

/// A user's manager ends with the last session unless lingering is on. Where there is no logind, nobody
/// ends it.
fn linger_hint(scope: Scope) -> Option<String> {
    let uid = rustix::process::getuid().as_raw();
    let session =
        std::fs::read_to_string(format!("/run/systemd/users/{uid}")).ok().filter(|_| scope == Scope::User)?;
    let name = session.lines().find_map(|line| line.strip_prefix("NAME="))?;
    let lingers = Path::new("/var/lib/systemd/linger").join(name).exists();
    (!lingers)
        .then(|| format!("services of {name} end at logout; `loginctl enable-linger` keeps them running"))
}

fn unreachable_hint(config: &Config, scope: Scope) -> String {
    let uid = rustix::process::getuid().as_raw();
    match (scope, config.chosen_bus()) {
        (Scope::System, _) => "is systemd the init of this machine? containers often have none".to_owned(),
        (Scope::User, Some(_)) => {
            "DBUS_SESSION_BUS_ADDRESS names this bus; unset it to use the one of XDG_RUNTIME_DIR".to_owned()
        }
        (Scope::User, None) => format!(
            "no manager runs for this user; `loginctl enable-linger` starts it now and at boot \
             (or, as root: systemctl start user@{uid}.service)"
        ),
    }
}

fn permission_hint(scope: Scope) -> String {
    match scope {
        Scope::System => "units of the system scope belong to root: try again with sudo".to_owned(),
        Scope::User => "the unit directory and the manager must belong to you".to_owned(),
    }
}
