use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use super::FakeServiceManager;
use crate::effects::{
    Depth, Details, HostProbe, Inspector, Listing, Next, ServiceError, ServiceManager, State,
};
use crate::inspect::{
    Deed, Event, Evidence, FileState, HostFacts, JournalFacts, LoadedUnit, ManagerFacts, ManagerLife,
    Questions, Silence, Survey, TimerEvidence, UnitFacts,
};
use crate::{NamePattern, Outcome, ServiceName, TimeSpan};

/// Inspects a [`FakeServiceManager`]. What that does not know can be put there with `alter_survey` and
/// `alter_evidence`, which stay in force.
pub struct FakeInspector {
    manager: Arc<FakeServiceManager>,
    survey: Mutex<Vec<Change<Survey>>>,
    evidence: Mutex<Vec<Change<Evidence>>>,
}

type Change<T> = Box<dyn Fn(&mut T) + Send + Sync>;

impl FakeInspector {
    /// Makes one that looks at `manager`.
    pub fn over(manager: Arc<FakeServiceManager>) -> Self {
        Self { manager, survey: Mutex::default(), evidence: Mutex::default() }
    }

    /// Changes every survey from now on.
    pub fn alter_survey(&self, change: impl Fn(&mut Survey) + Send + Sync + 'static) {
        lock(&self.survey).push(Box::new(change));
    }

    /// Changes all evidence from now on.
    pub fn alter_evidence(&self, change: impl Fn(&mut Evidence) + Send + Sync + 'static) {
        lock(&self.evidence).push(Box::new(change));
    }

    async fn units(&self, listing: &Listing) -> Result<Vec<UnitFacts>, ServiceError> {
        let files = self.manager.files(&listing.name).await?.files;
        let facts = |(unit, text): (String, String)| {
            let is_timer = unit.ends_with(".timer");
            let is_active =
                if is_timer { listing.next != Next::Off } else { listing.state == State::Running };
            let word = |active: &str, idle: &str| if is_active { active.to_owned() } else { idle.to_owned() };
            UnitFacts {
                service: Some(listing.name.clone()),
                path: PathBuf::from("/units").join(&unit),
                file: FileState::Ours {
                    is_intact: !text.ends_with("# by hand\n"),
                    directives: Vec::new(),
                    references: Vec::new(),
                },
                is_enabled: is_timer && listing.enabled,
                loaded: Some(LoadedUnit {
                    load_state: "loaded".into(),
                    active_state: word("active", "inactive"),
                    sub_state: word("running", "dead"),
                    ..LoadedUnit::default()
                }),
                unit,
            }
        };
        Ok(files.into_iter().map(facts).collect())
    }
}

impl std::fmt::Debug for FakeInspector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeInspector").field("manager", &self.manager).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Inspector for FakeInspector {
    async fn survey(&self) -> Survey {
        let mut units = Vec::new();
        let listed = self.manager.list(&[]).await;
        let silence =
            |error: &ServiceError| Silence { reason: error.to_string(), is_absent: error.is_unreachable() };
        let answered = listed.as_ref().map(drop).map_err(silence);
        for listing in listed.iter().flatten() {
            units.extend(self.units(listing).await.into_iter().flatten());
        }
        let manager = ManagerFacts { name: "the systemd user manager".into(), version: "257.1".into() };
        let mut survey = Survey {
            is_user_scope: true,
            manager: answered.map(|()| manager),
            units: Ok(units),
            unit_directory: "/units".into(),
            state_directory: "/state".into(),
            is_interrupted: self.manager.is_interrupted(),
            journal: JournalFacts { unreadable: None, is_persistent: Some(true) },
        };
        lock(&self.survey).iter().for_each(|change| change(&mut survey));
        survey
    }

    async fn evidence(&self, name: &ServiceName, _: Option<Timestamp>) -> Result<Evidence, ServiceError> {
        self.manager.files(name).await?;
        let details = self.manager.details(&[NamePattern::from(name)], Depth::Full).await?;
        let details =
            details.into_iter().next().ok_or_else(|| ServiceError::NotFound { name: name.to_string() })?;
        let mut evidence = evidence(&details);
        lock(&self.evidence).iter().for_each(|change| change(&mut evidence));
        Ok(evidence)
    }
}

fn evidence(details: &Details) -> Evidence {
    let listing = &details.listing;
    let manager = "boot/1".to_owned();
    let event = |time: Option<Timestamp>, deed| Some(Event { time: time?, manager: manager.clone(), deed });
    let events = listing.last.as_ref().map(|run| {
        let end = match &run.outcome {
            Outcome::Succeeded => event(run.ended, Deed::Succeeded),
            Outcome::Failed(end) => event(run.ended, Deed::Failed(end.result.clone())),
            _ => None,
        };
        let exit = match &run.outcome {
            Outcome::Failed(end) => end.exit.and_then(|exit| event(run.ended, Deed::Exited(exit))),
            _ => None,
        };
        [event(run.started, Deed::Starting), exit, end].into_iter().flatten().collect()
    });
    let timer = TimerEvidence {
        is_enabled: listing.enabled,
        is_active: listing.next != Next::Off,
        next: listing.next,
        last: details.last_trigger,
        calendars: Vec::new(),
        has_periods: false,
        after_start: Vec::new(),
        after_finish: Vec::new(),
        is_persistent: true,
        slack: TimeSpan::from_micros(1_000),
    };
    let is_scheduled = listing.next != Next::Unscheduled;
    Evidence {
        name: listing.name.clone(),
        is_user_scope: true,
        unreachable: None,
        state: listing.state,
        is_enabled: !is_scheduled && listing.enabled,
        needs_reload: details.needs_reload,
        timer: is_scheduled.then_some(timer),
        constraints: Vec::new(),
        references: Vec::new(),
        failure: details.failure.clone(),
        trigger: None,
        events: events.unwrap_or_default(),
        managers: vec![ManagerLife {
            manager,
            began: Timestamp::UNIX_EPOCH,
            last_seen: None,
            has_exited: false,
        }],
        sleeps: Vec::new(),
        unreadable: None,
        is_cut: false,
        removed: None,
    }
}

/// A host whose facts are set.
#[derive(Debug, Default)]
pub struct FakeHostProbe {
    facts: Mutex<HostFacts>,
}

impl FakeHostProbe {
    /// Makes one with these facts.
    pub fn new(facts: HostFacts) -> Self {
        Self { facts: Mutex::new(facts) }
    }

    /// Changes its facts.
    pub fn alter(&self, change: impl FnOnce(&mut HostFacts)) {
        change(&mut lock(&self.facts));
    }
}

#[async_trait]
impl HostProbe for FakeHostProbe {
    async fn look(&self, _: &Questions) -> HostFacts {
        lock(&self.facts).clone()
    }
}
