//! What a plan means for files, links and running units.

use std::collections::BTreeSet;

use taskflows_core::{Change, FileChange, Plan, Service, Step};

use crate::bus::{Unit, Units};
use crate::directory::{Changes, Installed};
use crate::unit::{Mark, UnitName};

/// Everything that decides what an installation changes.
pub(super) struct Installation<'a> {
    pub(super) services: &'a [Service],
    pub(super) plan: &'a Plan,
    pub(super) installed: &'a [Option<Installed>],
    /// The units that run or are about to.
    pub(super) active: &'a BTreeSet<&'a str>,
}

/// Tells whether a unit runs or is about to.
pub(super) fn is_active(units: &Units, name: &str) -> bool {
    units.get(name).is_some_and(is_up)
}

pub(super) fn is_up(unit: &Unit) -> bool {
    !matches!(unit.active_state.as_ref(), "inactive" | "failed")
}

impl Installation<'_> {
    pub(super) fn changes(&self) -> Changes {
        let mut changes = Changes::default();
        let services = self.services.iter().zip(self.installed).zip(&self.plan.steps);
        for ((service, installed), step) in services.filter(|(_, step)| step.change != Change::Unchanged) {
            add_files(&mut changes, step);
            for file in step.change.files() {
                if let Some(unit) = UnitName::parse(&file.file) {
                    add_unit(&mut changes, service, installed.as_ref(), self.active, &unit, file);
                }
            }
        }
        changes
    }
}

fn add_files(changes: &mut Changes, step: &Step) {
    for file in step.change.files() {
        match &file.after {
            Some(text) => changes.write(&file.file, file.before.as_deref(), text),
            None => changes.deletes.push(file.file.clone()),
        }
    }
}

/// Decides on the links and the state of one unit whose file changes.
fn add_unit(
    changes: &mut Changes,
    service: &Service,
    installed: Option<&Installed>,
    active: &BTreeSet<&str>,
    unit: &UnitName,
    file: &FileChange,
) {
    let name = unit.to_string();
    let was_linked = installed.and_then(|found| found.units.get(unit)).is_some_and(|found| found.enabled);
    let is_running = active.contains(name.as_str());
    let Some(after) = &file.after else {
        if was_linked {
            changes.unlink(unit);
        }
        if is_running {
            changes.stops.push(name);
        }
        return;
    };
    if !unit.timer {
        let (before, after) = (file.before.as_deref().is_some_and(wants_boot), wants_boot(after));
        match (before, after) {
            (false, true) if !was_linked => changes.link(unit),
            (true, false) if was_linked => changes.unlink(unit),
            _ => {}
        }
        return;
    }
    if file.before.is_none() {
        let was_disabled =
            installed.is_some_and(|found| found.units.keys().any(|unit| unit.timer) && !found.is_enabled());
        if was_disabled {
            return;
        }
        changes.link(unit);
        if !is_running {
            changes.starts.push(name);
        }
        return;
    }
    if is_running && is_calendar_only(service, unit) {
        changes.resets.push(name);
    } else if was_linked && !is_running {
        changes.starts.push(name);
    } else {
        return;
    }
    if was_linked {
        changes.forget(unit);
    }
}

/// Tells whether a service unit's text says that it starts at boot as well.
pub(super) fn wants_boot(text: &str) -> bool {
    Mark::read(text).is_some_and(|mark| mark.starts_at_boot)
}

/// A changed calendar counts from now; systemd would count from the timer's last elapse and start the
/// service at once where the new schedule has a time between then and now. A period that has begun goes
/// on, and to start its timer again would start the service again (`OnBootSec=`).
fn is_calendar_only(service: &Service, unit: &UnitName) -> bool {
    use crate::unit::Role;
    let schedules = match unit.role {
        Role::Main => &service.start_schedule,
        Role::Stop => &service.stop_schedule,
        Role::Restart => &service.restart_schedule,
    };
    schedules.iter().all(|schedule| matches!(schedule, taskflows_core::Schedule::Calendar(_)))
}

/// What the removal of services changes.
pub(super) fn removal(installed: &[Installed], active: &BTreeSet<&str>) -> Changes {
    let mut changes = Changes::default();
    for (unit, found) in installed.iter().flat_map(|service| &service.units) {
        changes.deletes.push(unit.to_string());
        if found.enabled {
            changes.unlink(unit);
        }
    }
    // Timers first, so that none starts what has just been stopped.
    for timers in [true, false] {
        let names =
            installed.iter().flat_map(|service| service.units.keys()).filter(|unit| unit.timer == timers);
        changes.stops.extend(names.map(UnitName::to_string).filter(|name| active.contains(name.as_str())));
    }
    changes
}
