use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use taskflows_core::ServiceName;
use taskflows_core::effects::{State, StateChange};

use super::super::list::state;
use crate::bus::{Signal, Units, Word};
use crate::directory::Footprint;
use crate::unit::UnitName;

/// What is known of units and services, from which it is seen what changes. `P` is a position in the order of messages.
#[derive(Debug, Default)]
pub(super) struct Track<P> {
    units: HashMap<UnitName, Unit<P>>,
    installed: BTreeMap<ServiceName, Footprint>,
    told: HashMap<ServiceName, State>,
    /// Those of which something was done, of unknown effect.
    stirred: HashSet<ServiceName>,
    is_reloading: bool,
    /// Whether the units were looked at, and the files.
    seen: (bool, bool),
}

#[derive(Debug)]
struct Unit<P> {
    active: Word,
    since: Option<Timestamp>,
    /// Where what is known of it was said.
    position: P,
}

/// What comes of something that was heard.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) changes: Vec<StateChange>,
    pub(super) ask_units: bool,
    pub(super) ask_files: bool,
    pub(super) is_replaced: bool,
}

impl<P: Copy + Ord> Track<P> {
    /// Notes a signal.
    pub(super) fn hear(&mut self, signal: Signal, position: P, now: Timestamp) -> Told {
        match signal {
            Signal::Unit { unit, active, since } => {
                let changes = self.changed(unit, active, since, position, now).into_iter().collect();
                Told { changes, ..Told::default() }
            }
            Signal::Stirred(unit) => {
                self.stirred.insert(unit.service);
                Told { ask_units: true, ..Told::default() }
            }
            // A reload unloads everything and loads it again.
            Signal::Unloaded(_) if self.is_reloading => Told::default(),
            Signal::Unloaded(unit) => {
                let changes = self.changed(unit, Some("inactive".into()), None, position, now);
                Told { changes: changes.into_iter().collect(), ..Told::default() }
            }
            Signal::Files => Told { ask_files: true, ..Told::default() },
            Signal::Reloading(begins) => {
                self.is_reloading = begins;
                Told { ask_units: !begins, ask_files: !begins, ..Told::default() }
            }
            Signal::Replaced => Told { is_replaced: true, ..Told::default() },
        }
    }

    /// Notes how all units stood when the answer at `position` was given.
    pub(super) fn look(&mut self, units: &Units, position: P, now: Timestamp) -> Told {
        for (name, unit) in units {
            let Some(name) = UnitName::parse(name) else { continue };
            if name.is_service() || name.is_start_timer() {
                self.note(name, Some(unit.active_state.clone()), None, position);
            }
        }
        for (name, unit) in &mut self.units {
            // What is not loaded does not run.
            if unit.position < position && !units.contains_key(&name.to_string()) {
                (unit.active, unit.position) = ("inactive".into(), position);
            }
        }
        if !std::mem::replace(&mut self.seen.0, true) {
            return self.begun();
        }
        let mut changes = self.settle(now);
        let stirred = std::mem::take(&mut self.stirred);
        let is_told = |name: &ServiceName| changes.iter().any(|change| change.names().contains(&name));
        let silent: Vec<_> = stirred
            .into_iter()
            .filter(|name| self.installed.contains_key(name) && !is_told(name))
            .map(|name| StateChange::Touched { name, at: now })
            .collect();
        changes.extend(silent);
        Told { changes, ..Told::default() }
    }

    /// Notes which services are installed.
    pub(super) fn installed(&mut self, found: BTreeMap<ServiceName, Footprint>, now: Timestamp) -> Told {
        let before = std::mem::replace(&mut self.installed, found);
        let after = &self.installed;
        self.told.retain(|name, _| after.contains_key(name));
        self.units.retain(|unit, seen| after.contains_key(&unit.service) || seen.active != "inactive");
        if !std::mem::replace(&mut self.seen.1, true) {
            return self.begun();
        }
        let mut changes: Vec<StateChange> = services(&before, after).into_iter().collect();
        changes.extend(self.settle(now));
        Told { changes, ..Told::default() }
    }

    /// Says that the watch begins, once everything has been looked at.
    fn begun(&mut self) -> Told {
        if self.seen != (true, true) {
            return Told::default();
        }
        let names: Vec<ServiceName> = self.installed.keys().cloned().collect();
        self.told = names.into_iter().map(|name| (name.clone(), self.state(&name))).collect();
        self.stirred.clear();
        Told { changes: vec![StateChange::Resync], ..Told::default() }
    }

    fn is_begun(&self) -> bool {
        self.seen == (true, true)
    }

    /// Returns what has not been told of the states as they are known now.
    fn settle(&mut self, now: Timestamp) -> Vec<StateChange> {
        if !self.is_begun() {
            return Vec::new();
        }
        let names: Vec<ServiceName> = self.installed.keys().cloned().collect();
        names.into_iter().filter_map(|name| self.tell(name, now)).collect()
    }

    /// Returns the change of a service's state that has not been told.
    fn tell(&mut self, name: ServiceName, at: Timestamp) -> Option<StateChange> {
        let state = self.state(&name);
        let previous = self.told.insert(name.clone(), state);
        // One that is new stands still until something is heard of it.
        let is_news = previous.unwrap_or(State::Stopped) != state;
        is_news.then_some(StateChange::State { name, state, previous, at })
    }

    fn changed(
        &mut self,
        unit: UnitName,
        active: Option<Word>,
        since: Option<Timestamp>,
        position: P,
        now: Timestamp,
    ) -> Option<StateChange> {
        let name = unit.service.clone();
        let is_news = self.note(unit, active, since, position)?;
        if !self.is_begun() || !self.installed.contains_key(&name) {
            return None;
        }
        let at = since.unwrap_or(now);
        let told = self.tell(name.clone(), at);
        told.or_else(|| is_news.then_some(StateChange::Touched { name, at }))
    }

    /// Keeps what is said of a unit, and tells whether its state began anew; `None` where something newer is known.
    fn note(
        &mut self,
        unit: UnitName,
        active: Option<Word>,
        since: Option<Timestamp>,
        position: P,
    ) -> Option<bool> {
        let known =
            self.units.entry(unit).or_insert(Unit { active: "inactive".into(), since: None, position });
        if position < known.position {
            return None;
        }
        known.position = position;
        if let Some(active) = active {
            known.active = active;
        }
        let is_news = since.is_some() && since != known.since;
        known.since = since.or(known.since);
        Some(is_news)
    }

    fn state(&self, name: &ServiceName) -> State {
        let active = |unit: UnitName| self.units.get(&unit).map_or("inactive", |unit| unit.active.as_ref());
        state(active(UnitName::service(name)), active(UnitName::timer(name)) == "active")
    }
}

/// Tells how what is installed differs from what was.
fn services(
    before: &BTreeMap<ServiceName, Footprint>,
    after: &BTreeMap<ServiceName, Footprint>,
) -> Option<StateChange> {
    let missing = |of: &BTreeMap<ServiceName, Footprint>, other: &BTreeMap<ServiceName, Footprint>| {
        of.keys().filter(|name| !other.contains_key(*name)).cloned().collect::<Vec<_>>()
    };
    let (installed, removed) = (missing(after, before), missing(before, after));
    let is_changed =
        |(name, found): &(&ServiceName, &Footprint)| before.get(*name).is_some_and(|before| before != *found);
    let changed: Vec<_> = after.iter().filter(is_changed).map(|(name, _)| name.clone()).collect();
    let is_same = installed.is_empty() && removed.is_empty() && changed.is_empty();
    (!is_same).then_some(StateChange::Services { installed, removed, changed })
}

#[cfg(test)]
mod tests;
