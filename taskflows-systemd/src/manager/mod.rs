//! The service manager of this host.

mod act;
mod changes;
mod cleanup;
mod consequences;
mod details;
mod enforce;
mod feed;
mod inspect;
mod install;
mod list;
mod monitor;
mod support;
mod switch;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use taskflows_core::alerting::AlertMark;
use taskflows_core::effects::{
    Action, Began, Depth, Details, EnvironmentStore, Listing, NamedEnvironment, Origin, Performed,
    ServiceError, ServiceManager, Start, Target, Toolbox, Wanted,
};
use taskflows_core::schedule::Zones;
use taskflows_core::task::ProcessMark;
use taskflows_core::{Change, NamePattern, Plan, Service, ServiceName, TextError, UnitFiles, UnitPath};
use tokio::sync::Mutex;

use crate::bus::{Bus, Limits};
use crate::directory::{Glance, UnitDirectory, is_interrupted};
use crate::journal::{JournalSource, LastRuns};
use crate::unit::RenderContext;
use crate::{JournalReader, JournalRuns, Scope};

/// Where a [`SystemdServiceManager`] finds what it needs.
#[derive(Clone, Debug)]
pub struct SystemdSettings {
    /// Whose manager it is.
    pub scope: Scope,
    /// The directory of unit files, such as `~/.config/systemd/user`.
    pub unit_directory: PathBuf,
    /// The directory for what is kept between commands.
    pub state_directory: PathBuf,
    /// The directory in which the manager keeps the stamps of persistent timers, where that is known.
    pub timer_stamps: Option<PathBuf>,
    /// The address of the message bus on which the manager is, such as `unix:path=/run/user/1000/bus`.
    pub bus: String,
    /// Where the journal is read.
    pub journal: JournalSource,
    /// How long things may take.
    pub limits: Limits,
    /// The zones that schedules name, and the host's own.
    pub zones: Zones,
    /// The version to write into units.
    pub version: String,
    /// Finds the programs that environments need.
    pub tools: Arc<dyn Toolbox>,
    /// The absolute path of `tf`, for the units of tasks and of services with alerts.
    pub program: UnitPath,
    /// Whether units must say where `state_directory` is, since `tf` would not find it by itself there.
    pub tells_state_directory: bool,
    /// The environments that this host keeps under names.
    pub environments: Arc<dyn EnvironmentStore>,
}

/// Installs and controls services through systemd on this host.
///
/// It connects when a call first needs the manager, and again after a connection was lost.
#[derive(Debug)]
pub struct SystemdServiceManager {
    settings: SystemdSettings,
    directory: UnitDirectory,
    last_runs: LastRuns,
    bus: Mutex<Option<Bus>>,
}

impl SystemdServiceManager {
    /// Makes a manager for `settings`; nothing is opened yet.
    pub fn new(settings: SystemdSettings) -> Self {
        Self {
            directory: UnitDirectory::new(settings.unit_directory.clone()),
            last_runs: LastRuns::new(settings.scope, settings.journal.clone(), &settings.state_directory),
            bus: Mutex::new(None),
            settings,
        }
    }

    /// Returns what the journal tells of the runs of services. `is_gone` says whether the process that drives a run is
    /// gone, by which one that was cut off is known.
    pub fn history(&self, is_gone: fn(&ProcessMark) -> bool) -> JournalRuns {
        JournalRuns::new(self.settings.scope, self.settings.journal.clone(), is_gone)
    }

    /// Returns a reader for what the services write.
    pub fn journal(&self) -> JournalReader {
        JournalReader::new(self.settings.scope, self.settings.journal.clone())
    }

    async fn bus(&self) -> Result<Bus, ServiceError> {
        let mut kept = self.bus.lock().await;
        if let Some(bus) = kept.as_ref().filter(|bus| !bus.is_closed()) {
            return Ok(bus.clone());
        }
        let bus = Bus::connect(&self.settings.bus, self.settings.scope, self.settings.limits).await?;
        *kept = Some(bus.clone());
        Ok(bus)
    }

    /// Returns the services with the environments that they name.
    async fn resolved<'s>(&self, services: &'s [Service]) -> Result<Cow<'s, [Service]>, ServiceError> {
        let is_named = |service: &Service| {
            service.environment.as_ref().is_some_and(|choice| choice.environment().is_none())
        };
        if !services.iter().any(is_named) {
            return Ok(Cow::Borrowed(services));
        }
        let kept = self.settings.environments.list().await?;
        let mut resolved = services.to_vec();
        NamedEnvironment::resolve(&mut resolved, &kept)?;
        Ok(Cow::Owned(resolved))
    }

    fn forget_removed(&self, result: &Result<Plan, ServiceError>) {
        let steps = result.iter().flat_map(|plan| &plan.steps);
        let mut gone = steps.filter(|step| matches!(step.change, Change::Remove(_))).map(|step| &step.name);
        if let Some(first) = gone.next() {
            self.last_runs.forget(std::iter::once(first).chain(gone), Self::now());
        }
    }

    fn context(&self) -> Result<RenderContext, ServiceError> {
        let directory = &self.settings.state_directory;
        let wrong = |source: TextError| {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, source);
            ServiceError::File { operation: "name in a unit".into(), path: directory.clone(), source }
        };
        Ok(RenderContext {
            version: self.settings.version.clone(),
            scope: self.settings.scope,
            is_unprivileged: RenderContext::is_unprivileged(),
            tools: Arc::clone(&self.settings.tools),
            program: self.settings.program.clone(),
            data_directory: directory.to_string_lossy().parse().map_err(wrong)?,
            tells_data_directory: self.settings.tells_state_directory,
        })
    }

    /// The adapter may look at the clock; what it decides by it is decided in pure functions.
    fn now() -> Timestamp {
        Timestamp::now()
    }
}

fn not_found(name: &ServiceName) -> ServiceError {
    ServiceError::NotFound { name: name.to_string() }
}

#[async_trait]
impl ServiceManager for SystemdServiceManager {
    async fn plan(&self, wanted: Wanted<'_>) -> Result<Plan, ServiceError> {
        let services = self.resolved(wanted.services).await?;
        self.plan_all(Wanted { services: &services, ..wanted }).await
    }

    async fn install(&self, wanted: Wanted<'_>) -> Result<Plan, ServiceError> {
        let services = self.resolved(wanted.services).await?;
        let result = self.install_all(Wanted { services: &services, ..wanted }).await;
        self.forget_removed(&result);
        self.last_runs.expect_news();
        result
    }

    async fn remove(&self, names: &[ServiceName]) -> Result<Plan, ServiceError> {
        let result = self.remove_all(names).await;
        self.forget_removed(&result);
        self.last_runs.expect_news();
        result
    }

    async fn perform(
        &self,
        names: &[ServiceName],
        action: Action,
        target: Target,
    ) -> Result<Vec<Performed>, ServiceError> {
        let result = match action {
            Action::Enable => self.switch(names, true).await,
            Action::Disable => self.switch(names, false).await,
            _ => self.act(names, action, target).await,
        };
        self.last_runs.expect_news();
        result
    }

    async fn names(&self, patterns: &[NamePattern]) -> Result<Vec<ServiceName>, ServiceError> {
        Ok(self.directory.glance(patterns)?.into_iter().map(|service| service.name).collect())
    }

    async fn origins(&self, patterns: &[NamePattern]) -> Result<Vec<Origin>, ServiceError> {
        let found = self.directory.glance(patterns)?.into_iter();
        let origin =
            |one: Glance| Origin { name: one.name, source: one.source, environment: one.environment };
        Ok(found.map(origin).collect())
    }

    async fn alerts(
        &self,
        patterns: &[NamePattern],
    ) -> Result<BTreeMap<ServiceName, AlertMark>, ServiceError> {
        self.marks(patterns)
    }

    async fn began(&self, name: &ServiceName) -> Result<Option<Began>, ServiceError> {
        self.run_began(name).await
    }

    async fn ensure_support_units(&self) -> Result<bool, ServiceError> {
        self.ensure_support().await
    }

    fn is_interrupted(&self) -> bool {
        is_interrupted(&self.directory)
    }

    async fn list(&self, patterns: &[NamePattern]) -> Result<Vec<Listing>, ServiceError> {
        self.listings(patterns).await
    }

    async fn upcoming(&self, patterns: &[NamePattern], count: usize) -> Result<Vec<Start>, ServiceError> {
        self.starts(patterns, count).await
    }

    async fn details(&self, patterns: &[NamePattern], depth: Depth) -> Result<Vec<Details>, ServiceError> {
        self.details_of(patterns, depth).await
    }

    async fn files(&self, name: &ServiceName) -> Result<UnitFiles, ServiceError> {
        self.directory.files(name)?.ok_or_else(|| not_found(name))
    }

    async fn drop_ins(&self, name: &ServiceName) -> Result<BTreeMap<String, String>, ServiceError> {
        self.directory.drop_ins(name)
    }
}
