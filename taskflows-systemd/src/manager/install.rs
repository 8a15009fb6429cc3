use std::collections::BTreeSet;
use std::time::Duration;

use taskflows_core::effects::{Edits, Removal, ServiceError, Wanted};
use taskflows_core::schedule::{Calendar, Schedule, Zones};
use taskflows_core::{Change, Consequence, Plan, Service, ServiceName, UnitFiles};

use super::changes::{Installation, is_active, is_up, removal, wants_boot};
use super::cleanup::clean_up;
use super::consequences::Weighing;
use super::{SystemdServiceManager, not_found};
use crate::bus::{Bus, Units};
use crate::directory::{Changes, Installed, Transaction, has_leftovers};
use crate::unit::{Mark, TimerLines, UnitName, render, same_meaning};

/// The wait for a manager whose answer is only noted.
const SOON: Duration = Duration::from_secs(1);

/// What is wanted beside what there is.
pub(super) struct Comparison<'a> {
    pub(super) services: &'a [Service],
    /// One step for each of `services`, then one for each of `leaving`.
    pub(super) plan: Plan,
    /// What is installed of each of `services`.
    pub(super) installed: Vec<Option<Installed>>,
    /// What is to go.
    pub(super) leaving: Vec<Installed>,
}

impl Comparison<'_> {
    /// Returns what it changes where `active` units run.
    fn changes(&self, active: &BTreeSet<&str>) -> Changes {
        let (services, plan, installed) = (self.services, &self.plan, &self.installed);
        let mut changes = Installation { services, plan, installed, active }.changes();
        changes.extend(removal(&self.leaving, active));
        changes
    }

    /// Notes of each service that is as defined whether it was switched off here since it was installed, so
    /// that it does not start by itself although it is defined to.
    fn note_switched_off(&mut self, units: Option<&Units>) {
        for (step, installed) in self.plan.steps.iter_mut().zip(&self.installed) {
            if let (Change::Unchanged, Some(installed)) = (&step.change, installed) {
                step.consequences.extend(switched_off(installed, units));
            }
        }
    }

    /// Returns the units that run as far as links tell: the timers that are enabled.
    fn linked_timers(&self) -> BTreeSet<String> {
        let units = self.installed.iter().flatten().chain(&self.leaving).flat_map(|found| &found.units);
        let linked = units.filter(|(unit, found)| unit.timer && found.enabled);
        linked.map(|(unit, _)| unit.to_string()).collect()
    }

    /// Tells whether anything that changes counts from the last run.
    fn has_periods(&self) -> bool {
        let texts = self.plan.files().filter(|file| file.file.ends_with(".timer"));
        let mut texts = texts.flat_map(|file| [&file.before, &file.after]).flatten();
        texts.any(|text| TimerLines::read(text).has_periods())
    }
}

fn switched_off(installed: &Installed, units: Option<&Units>) -> Option<Consequence> {
    let service = UnitName::service(&installed.name);
    let by_itself = installed.units.iter().filter(|(unit, found)| match unit.timer {
        true => true,
        false => **unit == service && wants_boot(&found.text.text),
    });
    if by_itself.clone().any(|(_, found)| !found.enabled) {
        return Some(Consequence::StaysDisabled);
    }
    let units = units?;
    let stopped =
        by_itself.filter(|(unit, _)| unit.timer).any(|(unit, _)| !is_active(units, &unit.to_string()));
    stopped.then_some(Consequence::TimersStayStopped)
}

/// Returns the names of the units that run or are about to.
pub(super) fn active(units: &Units) -> BTreeSet<&str> {
    units.iter().filter(|(_, unit)| is_up(unit)).map(|(name, _)| name.as_str()).collect()
}

impl SystemdServiceManager {
    /// Compares what is `wanted` with what is installed, and refuses new schedules that would never fire.
    fn compare<'a>(&self, wanted: Wanted<'a>) -> Result<Comparison<'a>, ServiceError> {
        let (context, services) = (self.context()?, wanted.services);
        Service::check_together(services)?;
        let desired =
            services.iter().map(|service| render(service, &context)).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<ServiceName> = services.iter().map(|service| service.name.clone()).collect();
        let installed = self.directory.read_each(&names)?;
        let present: Vec<UnitFiles> = installed.iter().flatten().map(Installed::files).collect();
        let leaving = self.leaving(wanted)?;
        let going: Vec<UnitFiles> = leaving.iter().map(Installed::files).collect();
        let plan = Plan::between(&desired, &present, same_meaning).with_removal(&going).with_edits(is_edited);
        for (service, step) in services.iter().zip(&plan.steps) {
            check_schedules(service, &step.change, &self.settings.zones)?;
        }
        Ok(Comparison { services, plan, installed, leaving })
    }

    /// Returns the services that are to go and are there, each from where it is thought to come.
    fn leaving(&self, wanted: Wanted<'_>) -> Result<Vec<Installed>, ServiceError> {
        let removals: Vec<&Removal> = wanted.leaving().collect();
        let names: Vec<ServiceName> = removals.iter().map(|removal| removal.name.clone()).collect();
        let found = self.directory.read_each(&names)?.into_iter().zip(removals);
        found
            .filter_map(|(installed, removal)| Some((installed?, removal)))
            .map(|(installed, removal)| check_source(&installed, removal).map(|()| installed))
            .collect()
    }

    /// Plans, with what the manager knows where it answers.
    pub(super) async fn plan_all(&self, wanted: Wanted<'_>) -> Result<Plan, ServiceError> {
        let mut comparison = self.compare(wanted)?;
        if comparison.plan.is_empty() {
            comparison.note_switched_off(self.units_soon().await.as_ref());
            return Ok(comparison.plan);
        }
        let asked = async { self.bus().await?.units().await }.await;
        comparison.note_switched_off(asked.as_ref().ok());
        match asked {
            Ok(units) => {
                let changes = comparison.changes(&active(&units));
                self.weigh(&mut comparison, &changes, Some(&units)).await;
            }
            Err(error) => {
                let linked = comparison.linked_timers();
                let changes = comparison.changes(&linked.iter().map(String::as_str).collect());
                self.weigh(&mut comparison, &changes, None).await;
                comparison.plan.unasked = Some(error.to_string());
            }
        }
        Ok(comparison.plan)
    }

    /// Returns the units that are loaded where the manager answers at once: for a note on what stays as it is,
    /// nobody waits.
    async fn units_soon(&self) -> Option<Units> {
        let asked = async { self.bus().await?.units().await };
        tokio::time::timeout(SOON, asked).await.ok()?.ok()
    }

    /// Adds to each step what it means for people.
    async fn weigh(&self, comparison: &mut Comparison<'_>, changes: &Changes, units: Option<&Units>) {
        let latest = match comparison.has_periods() {
            true => Some(self.last_runs.read().await),
            false => None,
        };
        let linked = comparison.linked_timers();
        let active = match units {
            Some(units) => active(units),
            None => linked.iter().map(String::as_str).collect(),
        };
        let zones = &self.settings.zones;
        let weighing = Weighing::new(changes, active, latest.as_ref(), Self::now(), zones);
        let after = comparison.services.iter().map(Some).chain(std::iter::repeat(None));
        let leaving = comparison.leaving.iter().map(Some);
        let before = comparison.installed.iter().map(Option::as_ref).chain(leaving);
        for ((step, service), installed) in comparison.plan.steps.iter_mut().zip(after).zip(before) {
            if step.change != Change::Unchanged {
                step.consequences = weighing.of(step, service, installed);
            }
        }
    }

    pub(super) async fn install_all(&self, wanted: Wanted<'_>) -> Result<Plan, ServiceError> {
        // Most often nothing is to be done, which needs neither the lock nor the manager.
        let mut comparison = self.compare(wanted)?;
        check_edits(&comparison.plan, wanted.edits)?;
        let is_settled = comparison.plan.is_empty() && self.support(wanted)?.is_settled();
        if is_settled && !has_leftovers(&self.directory) {
            comparison.note_switched_off(self.units_soon().await.as_ref());
            return Ok(comparison.plan);
        }
        // A manager that cannot be reached is told before anything is written.
        let bus = self.bus().await?;
        bus.units().await?;
        let transaction = Transaction::begin(&self.directory, self.settings.limits.lock).await?;
        self.recover(&transaction, &bus).await?;
        let mut comparison = self.compare(wanted)?;
        let units = bus.units().await?;
        comparison.note_switched_off(Some(&units));
        let support = self.support(wanted)?.changes(&active(&units));
        if comparison.plan.is_empty() && support == Changes::default() {
            return Ok(comparison.plan);
        }
        check_edits(&comparison.plan, wanted.edits)?;
        let mut changes = comparison.changes(&active(&units));
        self.weigh(&mut comparison, &changes, Some(&units)).await;
        changes.extend(support);
        self.carry_out(&transaction, &bus, &changes).await?;
        clean_up(&mut comparison.plan).await;
        Ok(comparison.plan)
    }

    pub(super) async fn remove_all(&self, names: &[ServiceName]) -> Result<Plan, ServiceError> {
        let bus: Bus = self.bus().await?;
        bus.units().await?;
        let transaction = Transaction::begin(&self.directory, self.settings.limits.lock).await?;
        self.recover(&transaction, &bus).await?;
        let found = self.directory.read_each(names)?.into_iter().zip(names);
        let installed: Vec<Installed> = found
            .map(|(installed, name)| installed.ok_or_else(|| not_found(name)))
            .collect::<Result<_, _>>()?;
        let units = bus.units().await?;
        let mut changes = removal(&installed, &active(&units));
        let support = self.support_unless(false, &names.iter().collect())?;
        changes.extend(support.changes(&active(&units)));
        self.carry_out(&transaction, &bus, &changes).await?;
        let present: Vec<UnitFiles> = installed.iter().map(Installed::files).collect();
        let mut plan = Plan::removal(&present);
        clean_up(&mut plan).await;
        Ok(plan)
    }
}

/// Refuses to remove a service that comes from elsewhere than was thought when that was decided.
fn check_source(installed: &Installed, removal: &Removal) -> Result<(), ServiceError> {
    let sources = installed.units.values().map(|unit| unit.text.mark.source.as_deref());
    match sources.into_iter().find(|source| *source != Some(removal.source.as_str())) {
        None => Ok(()),
        Some(found) => Err(ServiceError::OtherSource {
            name: removal.name.clone(),
            expected: removal.source.clone(),
            found: found.map(str::to_owned),
        }),
    }
}

/// Tells whether a text is no longer what was written under its mark.
fn is_edited(text: &str) -> bool {
    Mark::read(text).is_some_and(|mark| !mark.is_intact(text))
}

fn check_edits(plan: &Plan, edits: Edits) -> Result<(), ServiceError> {
    match plan.edited() {
        files if files.is_empty() || edits == Edits::Overwrite => Ok(()),
        files => Err(ServiceError::Edited { files }),
    }
}

/// Refuses a schedule that names an unknown zone or never fires, where its timer is about to change.
fn check_schedules(service: &Service, change: &Change, zones: &Zones) -> Result<(), ServiceError> {
    let schedules = [
        (&service.start_schedule, UnitName::timer(&service.name)),
        (&service.stop_schedule, UnitName { role: crate::Role::Stop, ..UnitName::timer(&service.name) }),
        (
            &service.restart_schedule,
            UnitName { role: crate::Role::Restart, ..UnitName::timer(&service.name) },
        ),
    ];
    for (schedules, timer) in schedules {
        if !change.files().iter().any(|file| file.file == timer.to_string()) {
            continue;
        }
        for schedule in schedules {
            let Schedule::Calendar(calendar) = schedule else { continue };
            check_calendar(calendar, zones)
                .map_err(|reason| ServiceError::Render { name: service.name.clone(), reason })?;
        }
    }
    Ok(())
}

fn check_calendar(calendar: &Calendar, zones: &Zones) -> Result<(), String> {
    let zone = zones.resolve(calendar.spec()).map_err(|error| error.to_string())?;
    match calendar.spec().next_after(SystemdServiceManager::now(), &zone) {
        Some(_) => Ok(()),
        None => Err(format!("its schedule `{}` will never fire", calendar.text())),
    }
}
