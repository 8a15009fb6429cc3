use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;

use super::ServiceError;
use crate::alerting::AlertMark;
use crate::task::RunId;
use crate::{ExitKind, NamePattern, Plan, Run, RunEnd, Service, ServiceName, UnitFiles};

/// Installs services on a host and controls them there: systemd on this one, a remote server, a fake.
#[async_trait]
pub trait ServiceManager: Send + Sync {
    /// Returns what [`ServiceManager::install`] would change, with what that means for people, and changes
    /// nothing. A manager that cannot be reached is no error: the plan says so.
    ///
    /// # Errors
    /// When a unit of that name is not ours, when a service that is to go comes from elsewhere by now, or
    /// when the installed units cannot be read.
    async fn plan(&self, wanted: Wanted<'_>) -> Result<Plan, ServiceError>;

    /// Installs and removes what is `wanted`, all or none, and returns what was changed once it is in force.
    ///
    /// Services that are installed as they should be are not touched. Timers of new services are
    /// enabled and started; what was disabled stays so.
    ///
    /// # Errors
    /// As [`ServiceManager::plan`], when a file that would be written or removed was changed by hand and
    /// `edits` does not say otherwise, and when anything on the way fails; then all is as it was before.
    async fn install(&self, wanted: Wanted<'_>) -> Result<Plan, ServiceError>;

    /// Stops and removes services, all or none.
    ///
    /// # Errors
    /// When one of the names is not installed or not ours, or when anything on the way fails.
    async fn remove(&self, names: &[ServiceName]) -> Result<Plan, ServiceError>;

    /// Performs `action` on each of `names` at once and returns one result each, in the same order,
    /// when systemd has reported every job finished.
    ///
    /// # Errors
    /// Only when nothing could be tried at all; what failed for one service is in its [`Performed`].
    async fn perform(
        &self,
        names: &[ServiceName],
        action: Action,
        target: Target,
    ) -> Result<Vec<Performed>, ServiceError>;

    /// Returns the names of the installed services that one of `patterns` selects, sorted; of all where
    /// there are none. The manager is not asked.
    ///
    /// # Errors
    /// When the unit directory cannot be read.
    async fn names(&self, patterns: &[NamePattern]) -> Result<Vec<ServiceName>, ServiceError>;

    /// Returns where the installed services were defined that one of `patterns` selects, sorted by name; of
    /// all where there are none. The manager is not asked.
    ///
    /// # Errors
    /// When the unit directory cannot be read.
    async fn origins(&self, patterns: &[NamePattern]) -> Result<Vec<Origin>, ServiceError>;

    /// Returns the installed services that one of `patterns` selects and that have alerts, with the groups that are
    /// told; of all where there are none. The manager is not asked.
    ///
    /// # Errors
    /// When the unit directory cannot be read.
    async fn alerts(
        &self,
        patterns: &[NamePattern],
    ) -> Result<BTreeMap<ServiceName, AlertMark>, ServiceError> {
        let mut found = BTreeMap::new();
        for name in self.names(patterns).await? {
            let units = self.files(&name).await?;
            let mark = units.files.get(&format!("taskflows-{name}.service"));
            found.extend(mark.and_then(|text| AlertMark::of_unit(text)).map(|mark| (name, mark)));
        }
        Ok(found)
    }

    /// Returns how the run of a service began that goes on or is just ending; `None` where that is not known.
    ///
    /// # Errors
    /// When the manager cannot be asked.
    async fn began(&self, name: &ServiceName) -> Result<Option<Began>, ServiceError> {
        let _ = name;
        Ok(None)
    }

    /// Makes what sends alerts and looks for missed runs be there and run, and tells whether anything was to do.
    /// [`ServiceManager::install`] sees to it by itself where a service has alerts, and takes it away after the last
    /// one, unless alerts still wait to be sent.
    ///
    /// # Errors
    /// When anything on the way fails; then all is as it was before.
    async fn ensure_support_units(&self) -> Result<bool, ServiceError> {
        Ok(false)
    }

    /// Tells whether an earlier change was cut off in the middle, which the next change will finish.
    fn is_interrupted(&self) -> bool {
        false
    }

    /// Returns the installed services that one of `patterns` selects, sorted by name; all where there
    /// are none.
    ///
    /// # Errors
    /// When the unit directory or the manager cannot be read. An empty list is not an error.
    async fn list(&self, patterns: &[NamePattern]) -> Result<Vec<Listing>, ServiceError>;

    /// Returns the next `count` starts of the services that one of `patterns` selects, in order; of all
    /// services where there are none. Of a period only the next start is known.
    ///
    /// # Errors
    /// As [`ServiceManager::list`].
    async fn upcoming(&self, patterns: &[NamePattern], count: usize) -> Result<Vec<Start>, ServiceError>;

    /// Returns what the manager says now of each service that [`ServiceManager::list`] would return.
    ///
    /// # Errors
    /// As [`ServiceManager::list`].
    async fn details(&self, patterns: &[NamePattern], depth: Depth) -> Result<Vec<Details>, ServiceError>;

    /// Returns the unit files of `name` as they stand on disk.
    ///
    /// # Errors
    /// When the name is not installed or not ours.
    async fn files(&self, name: &ServiceName) -> Result<UnitFiles, ServiceError>;

    /// Returns the files by which somebody else adds to the units of `name`, whether it is installed or not:
    /// `taskflows-web.service.d/limits.conf` to its text. No change touches them.
    ///
    /// # Errors
    /// When a directory of theirs cannot be read.
    async fn drop_ins(&self, name: &ServiceName) -> Result<BTreeMap<String, String>, ServiceError>;
}

/// What is wanted of a host, as one change.
///
/// ```
/// use taskflows_core::Service;
/// use taskflows_core::effects::{Edits, Wanted};
///
/// let web = [Service::builder("web").start_command("serve").build()?];
/// let wanted = Wanted { edits: Edits::Overwrite, ..Wanted::services(&web) };
/// assert!(wanted.removals.is_empty());
/// # Ok::<(), taskflows_core::BuildServiceError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// The services that are to be installed as they stand here.
    pub services: &'a [Service],
    /// The services that are to go. One that is gone already, or that is among `services`, is passed over.
    pub removals: &'a [Removal],
    /// What becomes of changes by hand.
    pub edits: Edits,
}

impl<'a> Wanted<'a> {
    /// Wants `services`, and no other touched.
    pub fn services(services: &'a [Service]) -> Self {
        Self { services, ..Self::default() }
    }

    /// Returns the services that are to go and are not to stay as well.
    pub fn leaving(&self) -> impl Iterator<Item = &'a Removal> {
        let staying: BTreeSet<&ServiceName> = self.services.iter().map(|service| &service.name).collect();
        self.removals.iter().filter(move |removal| !staying.contains(&removal.name))
    }
}

/// A service that is to go, as long as it comes from where it is thought to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The service.
    pub name: ServiceName,
    /// The definition file it came from. Where it comes from another by now, nothing is changed.
    pub source: String,
}

/// Where an installed service was defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The service.
    pub name: ServiceName,
    /// The definition file; `None` where it came by the standard input.
    pub source: Option<String>,
    /// The name of the environment that the host keeps and it runs in.
    pub environment: Option<String>,
}

/// What becomes of changes that somebody made to unit files by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edits {
    /// They are kept: what would write over them is refused.
    #[default]
    Keep,
    /// They are written over.
    Overwrite,
}

/// How much [`ServiceManager::details`] asks the manager, which answers one property at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What a table of many services shows: the next elapse, and process and memory of what runs.
    Table,
    /// Everything.
    Full,
}

/// What to do with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start it, and see whether it fails at once.
    Start,
    /// Start it and wait for the end of the run.
    StartAndWait,
    /// Stop it.
    Stop,
    /// Refresh it by its restart command while it runs, else stop and start it.
    Restart,
    /// Let it start by itself from now on and after a reboot.
    Enable,
    /// Let it start by itself no longer.
    Disable,
}

/// Which units of a service an [`Action`] is for. Enabling and disabling are always for all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// The service itself.
    #[default]
    Service,
    /// Its timers.
    Timers,
}

/// What became of an [`Action`] on one service.
#[derive(Debug)]
pub struct Performed {
    /// The service.
    pub name: ServiceName,
    /// What happened.
    pub result: Result<Effect, ServiceError>,
}

/// What an [`Action`] that did not fail brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// It runs.
    Started,
    /// It ran and ended well.
    Finished(Run),
    /// A condition of its definition was not met, so it did not start.
    Skipped,
    /// It was running already.
    AlreadyRunning,
    /// It was stopped, or its timers were.
    Stopped,
    /// It was not running.
    AlreadyStopped,
    /// It was stopped and started.
    Restarted,
    /// Its timers run.
    TimersStarted,
    /// It starts by itself from now on.
    Enabled,
    /// It starts by itself no longer.
    Disabled,
    /// There was nothing to change.
    Unchanged,
}

/// How a service stands, in words for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Its start has begun.
    Starting,
    /// It runs.
    Running,
    /// Its stop has begun.
    Stopping,
    /// It does not run, and nothing will start it.
    Stopped,
    /// Its last run failed.
    Failed,
    /// It does not run; a timer will start it.
    Waiting,
}

impl State {
    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Waiting => "waiting",
        }
    }
}

/// When a service starts next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At this instant.
    At(Timestamp),
    /// A period after the end of the run that is under way.
    AfterThisRun,
    /// Its timer runs and will not elapse again.
    Never,
    /// It has no start schedule.
    Unscheduled,
    /// Its timer does not run.
    Off,
    /// It cannot be told from here.
    Unknown,
}

/// A start that is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The service.
    pub name: ServiceName,
    /// When.
    pub at: Timestamp,
    /// Whether the clocks of its zone change between the start before it and this one, so that the two are
    /// not as far apart as usual.
    pub after_clock_change: bool,
}

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The service.
    pub name: ServiceName,
    /// Its description.
    pub description: String,
    /// How it stands.
    pub state: State,
    /// Whether it starts by itself after a reboot.
    pub enabled: bool,
    /// Its last run, or the one under way; `None` where none is known.
    pub last: Option<Run>,
    /// When another service of its name was removed, where that is known: what ran before was not this one.
    pub removed: Option<Timestamp>,
    /// When it starts next.
    pub next: Next,
    /// The file it was defined in.
    pub source: Option<String>,
}

/// What the manager says of one service now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// What a list says, with `next` as the manager has it.
    pub listing: Listing,
    /// systemd's two states of the service unit: `active`, `running`.
    pub unit_state: (String, String),
    /// The main process, while there is one.
    pub main_pid: Option<u32>,
    /// Memory in use, in bytes, where it is accounted for.
    pub memory: Option<u64>,
    /// Processor time used, in nanoseconds, where it is accounted for.
    pub cpu_nanos: Option<u64>,
    /// How often systemd has restarted it by its restart policy.
    pub restarts: u32,
    /// When its timer last elapsed.
    pub last_trigger: Option<Timestamp>,
    /// Whether unit files changed since the manager read them.
    pub needs_reload: bool,
    /// How its last run ended badly, if it did.
    pub failure: Option<RunEnd>,
}

/// How a run of a service began, as its manager has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Began {
    /// When.
    pub at: Timestamp,
    /// Which run it is.
    pub run: Option<RunId>,
    /// When its main process ended, where it has.
    pub ended: Option<Timestamp>,
    /// Whether it is another run after one that had ended so that its restart policy wanted it.
    pub is_restart: bool,
    /// How the command ended that was to prepare it, where that failed and the run itself never began.
    pub preparation: Option<ExitKind>,
}
