mod feed;
mod installed;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use feed::Feed;
use installed::{EDIT, Installed, files};

use crate::effects::{
    Action, Began, Depth, Details, Edits, Effect, Listing, Next, Origin, Performed, ServiceError,
    ServiceManager, Start, Target, Wanted,
};
use crate::schedule::{Schedule, Zones};
use crate::{
    Change, Consequence, ExitKind, NamePattern, Occasion, Outcome, Plan, Run, RunEnd, Service, ServiceName,
    StartOn, Step, UnitFiles,
};

/// A service manager in memory, with a clock of its own that moves a second with each run.
///
/// What a service runs decides how a run ends: `false` fails with exit code 1, `sleep` goes on until it is
/// stopped, anything else succeeds after a second.
#[derive(Debug)]
pub struct FakeServiceManager {
    host: Mutex<Host>,
}

#[derive(Debug)]
struct Host {
    now: Timestamp,
    services: BTreeMap<ServiceName, Installed>,
    foreign: BTreeSet<ServiceName>,
    failures: VecDeque<ServiceError>,
    drop_ins: BTreeMap<String, String>,
    /// How runs began, where a test says so.
    began: BTreeMap<ServiceName, Began>,
    is_interrupted: bool,
    /// Why a plan is made without the manager, where it is.
    unasked: Option<String>,
    feed: Feed,
}

impl Default for FakeServiceManager {
    fn default() -> Self {
        Self::at(Timestamp::UNIX_EPOCH)
    }
}

impl FakeServiceManager {
    /// Makes one that has no services and whose clock shows `now`.
    pub fn at(now: Timestamp) -> Self {
        let host = Host {
            now,
            services: BTreeMap::new(),
            foreign: BTreeSet::new(),
            failures: VecDeque::new(),
            drop_ins: BTreeMap::new(),
            began: BTreeMap::new(),
            is_interrupted: false,
            unasked: None,
            feed: Feed::default(),
        };
        Self { host: Mutex::new(host) }
    }

    /// Returns what its clock shows.
    pub fn now(&self) -> Timestamp {
        self.host().now
    }

    /// Makes the next call fail; several are failed in turn.
    pub fn fail_next(&self, error: ServiceError) {
        self.host().failures.push_back(error);
    }

    /// Puts another's unit of the name of a service there.
    pub fn add_foreign(&self, name: ServiceName) {
        self.host().foreign.insert(name);
    }

    /// Adds to the unit of a service what an administrator would, in a file called `file`.
    pub fn add_drop_in(&self, name: &ServiceName, file: &str, text: &str) {
        let file = format!("taskflows-{name}.service.d/{file}");
        self.host().drop_ins.insert(file, text.to_owned());
    }

    /// Changes the unit files of a service by hand, if there is one.
    pub fn edit(&self, name: &ServiceName) {
        if let Some(installed) = self.host().services.get_mut(name) {
            installed.edited = true;
        }
    }

    /// Makes plans from now on without the manager, for this reason.
    pub fn go_unasked(&self, reason: impl Into<String>) {
        self.host().unasked = Some(reason.into());
    }

    /// Says how the run of a service began that goes on.
    pub fn begin(&self, name: ServiceName, began: Began) {
        self.host().began.insert(name, began);
    }

    /// Makes it look as if a change was cut off in the middle.
    pub fn interrupt(&self) {
        self.host().is_interrupted = true;
    }

    fn host(&self) -> MutexGuard<'_, Host> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a call: it fails where it was told to.
    fn call(&self) -> Result<MutexGuard<'_, Host>, ServiceError> {
        let mut host = self.host();
        match host.failures.pop_front() {
            Some(error) => Err(error),
            None => Ok(host),
        }
    }
}

impl Host {
    fn check_ours(&self, name: &ServiceName) -> Result<(), ServiceError> {
        if !self.foreign.contains(name) {
            return Ok(());
        }
        let path = PathBuf::from(format!("/units/taskflows-{name}.service"));
        Err(ServiceError::NotOurs { path, reason: "it has no X-Taskflows mark".into() })
    }

    fn get(&mut self, name: &ServiceName) -> Result<&mut Installed, ServiceError> {
        self.check_ours(name)?;
        self.services.get_mut(name).ok_or_else(|| ServiceError::NotFound { name: name.to_string() })
    }

    fn plan(&self, wanted: Wanted<'_>) -> Result<Plan, ServiceError> {
        wanted.services.iter().try_for_each(|service| self.check_ours(&service.name))?;
        let desired: Vec<UnitFiles> = wanted.services.iter().map(files).collect();
        let installed: Vec<UnitFiles> = self.services.values().map(Installed::files).collect();
        let mut leaving = Vec::new();
        for removal in wanted.leaving() {
            self.check_ours(&removal.name)?;
            let Some(found) = self.services.get(&removal.name) else { continue };
            if found.source().as_ref() != Some(&removal.source) {
                let (name, expected) = (removal.name.clone(), removal.source.clone());
                return Err(ServiceError::OtherSource { name, expected, found: found.source() });
            }
            leaving.push(found.files());
        }
        let mut plan = Plan::between(&desired, &installed, |a, b| a == b)
            .with_removal(&leaving)
            .with_edits(|text| text.ends_with(EDIT));
        for (index, step) in plan.steps.iter_mut().enumerate() {
            step.consequences = self.consequences(step, wanted.services.get(index));
        }
        plan.unasked = self.unasked.clone().filter(|_| !plan.is_empty());
        Ok(plan)
    }

    fn consequences(&self, step: &Step, service: Option<&Service>) -> Vec<Consequence> {
        let before = self.services.get(&step.name);
        if step.change == Change::Unchanged {
            return before.and_then(Installed::switched_off).into_iter().collect();
        }
        let after = service.map(|service| Installed::new(service.clone(), before));
        let mut told = Vec::new();
        if let (Some(before), Some(after)) = (before, &after)
            && before.source() != after.source()
        {
            told.push(Consequence::ComesFrom { from: before.source(), to: after.source() });
        }
        let next = |one: Option<&Installed>| one.map_or(Next::Unscheduled, |one| one.next(self.now));
        match service.filter(|_| before.is_none()).and_then(first_start) {
            Some(start) => told.push(start),
            None if step.change.files().iter().any(|file| file.file.ends_with(".timer")) => {
                let (from, to) = (next(before), next(after.as_ref()));
                told.extend(Consequence::of_schedule(Occasion::Run, before.is_none(), from, to));
            }
            None => {}
        }
        if let (Some(_), Some(after)) = (before, &after)
            && after.service.is_scheduled()
            && !after.enabled
        {
            told.push(Consequence::StaysDisabled);
        }
        told.extend(before.filter(|one| one.runs && self.unasked.is_none()).map(|_| match service {
            None => Consequence::Stops,
            Some(service) if service.start_schedule.is_empty() => Consequence::RestartNeeded,
            Some(_) => Consequence::RunContinues,
        }));
        told
    }

    fn perform(
        &mut self,
        name: &ServiceName,
        action: Action,
        target: Target,
    ) -> Result<Effect, ServiceError> {
        let now = self.now;
        let installed = self.get(name)?;
        match (action, target) {
            (Action::Enable, _) => Ok(installed.switch(true)),
            (Action::Disable, _) => Ok(installed.switch(false)),
            (Action::Stop, Target::Timers) => {
                installed.timers_run = false;
                Ok(Effect::Stopped)
            }
            (_, Target::Timers) => {
                installed.timers_run = installed.service.is_scheduled();
                Ok(Effect::TimersStarted)
            }
            (Action::Stop, Target::Service) => Ok(installed.stop(now)),
            (Action::Restart, Target::Service) => {
                installed.stop(now);
                self.start(name).map(|effect| match effect {
                    Effect::Started => Effect::Restarted,
                    other => other,
                })
            }
            (_, Target::Service) if installed.runs => Ok(Effect::AlreadyRunning),
            (_, Target::Service) => self.start(name),
        }
    }

    fn start(&mut self, name: &ServiceName) -> Result<Effect, ServiceError> {
        let started = self.now;
        self.now = started.checked_add(SignedDuration::from_secs(1)).unwrap_or(started);
        let ended = self.now;
        let installed = self.get(name)?;
        let command = installed.service.start_command.as_ref();
        let program = command.map_or_else(String::new, |command| command.argv()[0].clone());
        let run = |outcome, ended| Run { started: Some(started), ended, outcome };
        installed.runs = program == "sleep";
        let last = match program.as_str() {
            "sleep" => run(Outcome::Running, None),
            "false" => {
                let end = RunEnd {
                    result: "exit-code".into(),
                    exit: Some(ExitKind::Exited(1)),
                    is_preparation: false,
                };
                installed.last = Some(run(Outcome::Failed(end.clone()), Some(ended)));
                return Err(ServiceError::RunFailed { name: name.clone(), end });
            }
            _ => run(Outcome::Succeeded, Some(ended)),
        };
        installed.last = Some(last.clone());
        Ok(if installed.runs { Effect::Started } else { Effect::Finished(last) })
    }
}

/// Tells how a new service starts where no calendar says it.
fn first_start(service: &Service) -> Option<Consequence> {
    let periods = service.start_schedule.iter().filter_map(|schedule| match schedule {
        Schedule::Periodic(periodic) => Some(periodic.start_on),
        Schedule::Calendar(_) => None,
    });
    let starts: Vec<StartOn> = periods.collect();
    match starts.iter().any(|start| *start != StartOn::Command) {
        true => Some(Consequence::StartsAtOnce),
        false if starts.len() == service.start_schedule.len() => Some(Consequence::WaitsForStart),
        false => None,
    }
}

#[async_trait]
impl ServiceManager for FakeServiceManager {
    async fn plan(&self, wanted: Wanted<'_>) -> Result<Plan, ServiceError> {
        self.call()?.plan(wanted)
    }

    async fn install(&self, wanted: Wanted<'_>) -> Result<Plan, ServiceError> {
        let mut host = self.call()?;
        let plan = host.plan(wanted)?;
        if wanted.edits == Edits::Keep && !plan.edited().is_empty() {
            return Err(ServiceError::Edited { files: plan.edited() });
        }
        for service in wanted.services {
            let new = Installed::new(service.clone(), host.services.get(&service.name));
            host.services.insert(service.name.clone(), new);
        }
        for removal in wanted.leaving() {
            host.services.remove(&removal.name);
        }
        host.tell();
        Ok(plan)
    }

    async fn remove(&self, names: &[ServiceName]) -> Result<Plan, ServiceError> {
        let mut host = self.call()?;
        let present: Vec<UnitFiles> = names
            .iter()
            .map(|name| host.get(name).map(|installed| installed.files()))
            .collect::<Result<_, _>>()?;
        for name in names {
            host.services.remove(name);
        }
        host.tell();
        Ok(Plan::removal(&present))
    }

    async fn perform(
        &self,
        names: &[ServiceName],
        action: Action,
        target: Target,
    ) -> Result<Vec<Performed>, ServiceError> {
        let mut host = self.call()?;
        let perform = |name: &ServiceName| {
            let result = host.perform(name, action, target);
            Performed { name: name.clone(), result }
        };
        let performed = names.iter().map(perform).collect();
        host.tell();
        Ok(performed)
    }

    async fn names(&self, patterns: &[NamePattern]) -> Result<Vec<ServiceName>, ServiceError> {
        let host = self.call()?;
        let names = host.services.keys().filter(|name| NamePattern::any_matches(patterns, name));
        Ok(names.cloned().collect())
    }

    async fn origins(&self, patterns: &[NamePattern]) -> Result<Vec<Origin>, ServiceError> {
        let host = self.call()?;
        let found = host.services.values();
        let found = found.filter(|one| NamePattern::any_matches(patterns, &one.service.name));
        let origin = |one: &Installed| Origin {
            name: one.service.name.clone(),
            source: one.source(),
            environment: one
                .service
                .environment
                .as_ref()
                .and_then(|choice| choice.name())
                .map(ToString::to_string),
        };
        Ok(found.map(origin).collect())
    }

    async fn began(&self, name: &ServiceName) -> Result<Option<Began>, ServiceError> {
        Ok(self.call()?.began.get(name).copied())
    }

    fn is_interrupted(&self) -> bool {
        self.host().is_interrupted
    }

    async fn list(&self, patterns: &[NamePattern]) -> Result<Vec<Listing>, ServiceError> {
        let host = self.call()?;
        let found = host.services.values();
        let found = found.filter(|one| NamePattern::any_matches(patterns, &one.service.name));
        Ok(found.map(|one| one.listing(host.now)).collect())
    }

    async fn upcoming(&self, patterns: &[NamePattern], count: usize) -> Result<Vec<Start>, ServiceError> {
        let host = self.call()?;
        let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
        let mut starts = Vec::new();
        let found = host.services.values().filter(|one| one.timers_run);
        for one in found.filter(|one| NamePattern::any_matches(patterns, &one.service.name)) {
            for schedule in &one.service.start_schedule {
                let Schedule::Calendar(calendar) = schedule else { continue };
                let Ok(zone) = zones.resolve(calendar.spec()) else { continue };
                let times = calendar.spec().upcoming_with_changes(host.now, &zone).take(count);
                let start = |(at, after_clock_change)| Start {
                    name: one.service.name.clone(),
                    at,
                    after_clock_change,
                };
                starts.extend(times.map(start));
            }
        }
        starts.sort_by_key(|start| start.at);
        starts.truncate(count);
        Ok(starts)
    }

    async fn details(&self, patterns: &[NamePattern], _: Depth) -> Result<Vec<Details>, ServiceError> {
        let host = self.call()?;
        let found = host.services.values();
        let found = found.filter(|one| NamePattern::any_matches(patterns, &one.service.name));
        Ok(found.map(|one| one.details(host.now)).collect())
    }

    async fn files(&self, name: &ServiceName) -> Result<UnitFiles, ServiceError> {
        self.call()?.get(name).map(|installed| installed.files())
    }

    async fn drop_ins(&self, name: &ServiceName) -> Result<BTreeMap<String, String>, ServiceError> {
        let (host, directory) = (self.call()?, format!("taskflows-{name}.service.d/"));
        let of_one = host.drop_ins.iter().filter(|(file, _)| file.starts_with(&directory));
        Ok(of_one.map(|(file, text)| (file.clone(), text.clone())).collect())
    }
}
