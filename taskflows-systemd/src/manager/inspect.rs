//! What is installed and how it stands, for the rules of core.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use taskflows_core::effects::{Depth, Details, Inspector, Next, ServiceError, State};
use taskflows_core::inspect::{
    Deed, Directive, Ended, Event, Evidence, FileState, LoadedUnit, ManagerFacts, Silence, Survey,
    TimerEvidence, Trigger, UnitFacts, attempts,
};

use taskflows_core::{ExitKind, NamePattern, Outcome, RunEnd, ServiceName, TimeSpan};

use super::{SystemdServiceManager, not_found};
use crate::Scope;
use crate::bus::{Bus, Units};
use crate::directory::{Installed, is_interrupted};
use crate::journal::{Events, Witness, in_full};
use crate::unit::{UnitName, directives, references};

/// Of so many failed services at most is looked up in the journal whether they hit their start limit.
const MOST_FAILED: usize = 16;

/// The last entries of a failed service that are looked at for that.
const LAST_ENTRIES: usize = 20;

/// The manager's word of a start and the start itself are at most so far apart.
const JITTER: SignedDuration = SignedDuration::from_secs(1);

/// systemd's own accuracy of a timer that names none. Source: systemd.timer(5), `AccuracySec=`.
const ACCURACY: TimeSpan = TimeSpan::from_micros(60_000_000);

#[async_trait]
impl Inspector for SystemdServiceManager {
    async fn survey(&self) -> Survey {
        let directory = self.directory.clone();
        let read = async {
            let read = tokio::task::spawn_blocking(move || directory.survey()).await;
            // The survey does not panic; should it be cancelled, the runtime is ending.
            read.unwrap_or_else(|_| Ok(Vec::new()))
        };
        let (witness, files, manager) = (self.witness(), read, self.ask_manager());
        let (journal, files, manager) = tokio::join!(witness.facts(), files, manager);
        let (manager, known) = match manager {
            Ok((bus, facts, units)) => (Ok(facts), Some((bus, units))),
            Err(error) => (Err(Silence { reason: said(&error), is_absent: error.is_unreachable() }), None),
        };
        let mut units = files.map_err(|error| said(&error));
        if let (Ok(units), Some((bus, known))) = (&mut units, &known) {
            self.add_loaded(bus, known, units).await;
            self.add_limits(units).await;
        }
        Survey {
            is_user_scope: self.settings.scope == Scope::User,
            manager,
            units,
            unit_directory: self.settings.unit_directory.clone(),
            state_directory: self.settings.state_directory.clone(),
            is_interrupted: is_interrupted(&self.directory),
            journal,
        }
    }

    async fn evidence(&self, name: &ServiceName, at: Option<Timestamp>) -> Result<Evidence, ServiceError> {
        let read = self.directory.read_each(std::slice::from_ref(name))?;
        let installed = read.into_iter().next().flatten().ok_or_else(|| not_found(name))?;
        let mut evidence = on_disk(&installed, self.settings.scope);
        let witness = self.witness();
        let patterns = [NamePattern::from(name)];
        let (details, events, managers, sleeps) = tokio::join!(
            self.details_of(&patterns, Depth::Full),
            witness.events(name, at),
            witness.managers(at),
            witness.sleeps(at)
        );
        evidence.sleeps = sleeps.unwrap_or_default();
        match (events, managers) {
            (Ok(Events { events, is_cut }), Ok(managers)) => {
                (evidence.events, evidence.is_cut, evidence.managers) = (events, is_cut, managers);
                evidence.removed = self.last_runs.removed(name);
                let removed = evidence.removed;
                evidence.events.retain(|event| removed.is_none_or(|removed| event.time > removed));
            }
            (Err(error), _) | (_, Err(error)) => evidence.unreadable = Some(in_full(&error)),
        }
        match details {
            Ok(details) => {
                if let Some(details) = details.into_iter().next() {
                    self.add_details(&mut evidence, &details).await?;
                }
            }
            Err(error) => evidence.unreachable = Some(said(&error)),
        }
        Ok(evidence)
    }
}

/// Writes an error with its causes on one line.
fn said(error: &ServiceError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some causes say their own cause as well.
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

impl SystemdServiceManager {
    fn witness(&self) -> Witness {
        Witness::new(self.settings.scope, self.settings.journal.clone())
    }

    async fn ask_manager(&self) -> Result<(Bus, ManagerFacts, Units), ServiceError> {
        let bus = self.bus().await?;
        let facts = ManagerFacts { name: bus.name(), version: bus.version().await? };
        let units = bus.units().await?;
        Ok((bus, facts, units))
    }

    /// Adds to each unit what the manager has of it, and those that it alone has.
    async fn add_loaded(&self, bus: &Bus, known: &Units, units: &mut Vec<UnitFacts>) {
        // Those of our own beside the services' are not looked at by their files either.
        let is_unit = |name: &&String| {
            UnitName::is_like_ours(name) && (name.ends_with(".service") || name.ends_with(".timer"))
        };
        let mut only_loaded: Vec<&String> = known
            .keys()
            .filter(is_unit)
            .filter(|name| units.binary_search_by(|unit| unit.unit.cmp(name)).is_err())
            .collect();
        only_loaded.sort_unstable();
        let missing = only_loaded.into_iter().map(|name| UnitFacts {
            unit: name.clone(),
            service: UnitName::parse(name).map(|unit| unit.service),
            path: self.settings.unit_directory.join(name),
            file: FileState::Missing,
            is_enabled: false,
            loaded: None,
        });
        let missing: Vec<UnitFacts> = missing.collect();
        units.extend(missing);
        units.sort_by(|a, b| a.unit.cmp(&b.unit));
        let asks = units.iter().map(|unit| loaded(bus, known, unit));
        for (unit, loaded) in join_all(asks).await.into_iter().enumerate() {
            units[unit].loaded = loaded;
        }
    }

    /// systemd keeps the result of the run before where it refuses a start by its limit; the journal tells.
    async fn add_limits(&self, units: &mut [UnitFacts]) {
        let witness = self.witness();
        let failed =
            |unit: &&mut UnitFacts| unit.loaded.as_ref().is_some_and(|loaded| loaded.failure.is_some());
        for unit in units.iter_mut().filter(|unit| !unit.is_timer()).filter(failed).take(MOST_FAILED) {
            let Some(name) = &unit.service else { continue };
            let Ok(events) = witness.newest(name, LAST_ENTRIES).await else { return };
            let hit = attempts(&events).last().is_some_and(|last| last.ended == Ended::Limit);
            if let Some(loaded) = unit.loaded.as_mut().filter(|_| hit) {
                loaded.failure =
                    Some(RunEnd { result: "start-limit-hit".into(), exit: None, is_preparation: false });
            }
        }
    }

    /// Adds what the manager says now.
    async fn add_details(&self, evidence: &mut Evidence, details: &Details) -> Result<(), ServiceError> {
        evidence.state = details.listing.state;
        evidence.needs_reload = details.needs_reload;
        evidence.failure.clone_from(&details.failure);
        let bus = self.bus().await?;
        let units = bus.units().await?;
        let (service, timer) = (UnitName::service(&evidence.name), UnitName::timer(&evidence.name));
        if let Some(known) = &mut evidence.timer {
            let timer = timer.to_string();
            let unit = units.get(&timer);
            known.is_active = unit.is_some_and(|unit| unit.active_state == "active");
            (known.next, known.last) = (details.listing.next, details.last_trigger);
            if unit.is_some() {
                let value = bus.property(&timer, "Unit", "NeedDaemonReload").await?;
                evidence.needs_reload |= value.downcast_ref::<bool>().unwrap_or(false);
            }
        }
        if units.contains_key(&service.to_string()) {
            evidence.trigger = trigger(&bus, &service.to_string()).await;
            if evidence.state == State::Failed && evidence.failure.is_none() {
                evidence.failure = failure(&bus, &service.to_string()).await;
            }
        }
        add_end(evidence, details);
        Ok(())
    }
}

/// Adds the end of the last run where the journal does not tell it.
fn add_end(evidence: &mut Evidence, details: &Details) {
    let good = details.listing.last.as_ref().filter(|run| run.outcome == Outcome::Succeeded);
    let Some((started, ended)) = good.and_then(|run| run.started.zip(run.ended)) else { return };
    // It is the end of the run that is told of only if that began with it.
    let same = |event: &&Event| {
        let apart = event.time.duration_since(started).abs();
        matches!(event.deed, Deed::Starting | Deed::Started) && apart < JITTER
    };
    let Some(manager) = evidence.events.iter().rfind(same).map(|event| event.manager.clone()) else { return };
    let place = evidence.events.partition_point(|event| event.time <= ended);
    evidence.events.insert(place, Event { time: ended, manager, deed: Deed::Succeeded });
}

/// Returns what the manager has of a unit. What it does not tell counts as good.
async fn loaded(bus: &Bus, known: &Units, unit: &UnitFacts) -> Option<LoadedUnit> {
    let found = known.get(&unit.unit)?;
    let mut loaded = LoadedUnit {
        load_state: found.load_state.to_string(),
        active_state: found.active_state.to_string(),
        sub_state: found.sub_state.to_string(),
        ..LoadedUnit::default()
    };
    if let Ok(value) = bus.property(&unit.unit, "Unit", "NeedDaemonReload").await {
        loaded.needs_reload = value.downcast_ref::<bool>().unwrap_or(false);
    }
    if unit.file == FileState::Missing
        && let Ok(value) = bus.property(&unit.unit, "Unit", "FragmentPath").await
    {
        let path = value.downcast_ref::<&str>().unwrap_or_default();
        loaded.fragment = (!path.is_empty()).then(|| PathBuf::from(path));
    }
    if loaded.active_state == "failed" {
        loaded.failure = failure(bus, &unit.unit).await;
    }
    Some(loaded)
}

/// Returns how a unit that stands as failed failed.
async fn failure(bus: &Bus, unit: &str) -> Option<RunEnd> {
    if unit.ends_with(".timer") {
        let value = bus.property(unit, "Timer", "Result").await.ok()?;
        return Some(RunEnd {
            result: value.downcast_ref::<&str>().ok()?.to_owned(),
            exit: None,
            is_preparation: false,
        });
    }
    let value = bus.property(unit, "Service", "Result").await.ok()?;
    let result = value.downcast_ref::<&str>().ok()?.to_owned();
    let number = async |name: &str| {
        let value = bus.property(unit, "Service", name).await.ok()?;
        value.downcast_ref::<i32>().ok()
    };
    // The codes of waitid(2): 1 is CLD_EXITED, 2 and 3 are ends by a signal.
    let exit = match (number("ExecMainCode").await, number("ExecMainStatus").await) {
        (Some(1), Some(status)) => Some(ExitKind::Exited(status)),
        (Some(2 | 3), Some(signal)) => Some(ExitKind::Killed(signal)),
        _ => None,
    };
    Some(bus.told_by_preparation(unit, RunEnd { result, exit, is_preparation: false }).await)
}

/// Returns what started the run that is under way or was the last; systemd before 252 does not say.
async fn trigger(bus: &Bus, unit: &str) -> Option<Trigger> {
    let value = bus.property(unit, "Unit", "ActivationDetails").await.ok()?;
    let details: Vec<(String, String)> = value.try_into().ok()?;
    let get = |key: &str| details.iter().find(|(name, _)| name == key).map(|(_, value)| value);
    let at = get("trigger_timer_realtime_usec").and_then(|micros| micros.parse::<u64>().ok());
    Some(Trigger { unit: get("trigger_unit")?.clone(), at: at.and_then(crate::bus::realtime) })
}

/// Returns what the files of a service tell.
fn on_disk(installed: &Installed, scope: Scope) -> Evidence {
    let name = &installed.name;
    let unit = |unit: UnitName| installed.units.get(&unit);
    let service = unit(UnitName::service(name));
    let is_constraint = |line: &Directive| {
        line.section == "Unit" && (line.key.starts_with("Condition") || line.key.starts_with("Assert"))
    };
    let lines = service.map(|unit| directives(&unit.text.text)).unwrap_or_default();
    Evidence {
        name: name.clone(),
        is_user_scope: scope == Scope::User,
        unreachable: None,
        state: State::Stopped,
        is_enabled: service.is_some_and(|unit| unit.enabled),
        needs_reload: false,
        timer: unit(UnitName::timer(name)).map(|unit| timer_on_disk(&unit.text.text, unit.enabled)),
        references: references(&lines),
        constraints: lines.into_iter().filter(is_constraint).collect(),
        failure: None,
        trigger: None,
        events: Vec::new(),
        managers: Vec::new(),
        sleeps: Vec::new(),
        unreadable: None,
        is_cut: false,
        removed: None,
    }
}

fn timer_on_disk(text: &str, is_enabled: bool) -> TimerEvidence {
    let lines = directives(text);
    let values = |key: &'static str| lines.iter().filter(move |line| line.key == key).map(|line| &line.value);
    let slack = timer_slack(text);
    let spans = |key| values(key).filter_map(|value| value.parse().ok()).collect();
    let counts = |line: &Directive| line.key.starts_with("On") && line.key.ends_with("Sec");
    TimerEvidence {
        is_enabled,
        is_active: false,
        next: Next::Unknown,
        last: None,
        calendars: values("OnCalendar").filter_map(|value| value.parse().ok()).collect(),
        has_periods: lines.iter().any(counts),
        after_start: spans("OnUnitActiveSec"),
        after_finish: spans("OnUnitInactiveSec"),
        is_persistent: values("Persistent")
            .next_back()
            .is_some_and(|value| matches!(value.as_str(), "true" | "yes" | "1" | "on")),
        slack: TimeSpan::from_micros(u64::try_from(slack.as_micros()).unwrap_or(u64::MAX)),
    }
}

/// Returns by how much a timer may be late by itself.
pub(super) fn timer_slack(text: &str) -> Duration {
    let last = |key: &str| text.lines().rev().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let span = |key| last(key).and_then(|value| value.parse::<TimeSpan>().ok());
    let delay = span("RandomizedDelaySec").map(|delay| delay.duration()).unwrap_or_default();
    span("AccuracySec").unwrap_or(ACCURACY).duration() + delay
}
