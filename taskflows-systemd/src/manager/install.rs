use taskflows_core::effects::{Edits, ServiceError};
use taskflows_core::schedule::{Calendar, Schedule, Zones};
use taskflows_core::{Change, Plan, Service, ServiceName, UnitFiles};

use super::changes::{Installation, removal};
use super::{SystemdServiceManager, not_found};
use crate::directory::{Installed, Transaction, has_leftovers};
use crate::unit::{Mark, UnitName, render, same_meaning};

/// What is wanted beside what there is.
pub(super) struct Comparison {
    pub(super) plan: Plan,
    pub(super) installed: Vec<Option<Installed>>,
}

impl SystemdServiceManager {
    /// Compares `services` with what is installed, and refuses new schedules that would never fire.
    pub(super) fn compare(&self, services: &[Service]) -> Result<Comparison, ServiceError> {
        let context = self.context();
        let desired =
            services.iter().map(|service| render(service, &context)).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<ServiceName> = services.iter().map(|service| service.name.clone()).collect();
        let installed = self.directory.read_each(&names)?;
        let present: Vec<UnitFiles> = installed.iter().flatten().map(Installed::files).collect();
        let plan = Plan::between(&desired, &present, same_meaning).with_edits(is_edited);
        for (service, step) in services.iter().zip(&plan.steps) {
            check_schedules(service, &step.change, &self.settings.zones)?;
        }
        Ok(Comparison { plan, installed })
    }

    pub(super) async fn install_all(&self, services: &[Service], edits: Edits) -> Result<Plan, ServiceError> {
        // Most often nothing is to be done, which needs neither the lock nor the manager.
        let plan = self.compare(services)?.plan;
        check_edits(&plan, edits)?;
        if plan.is_empty() && !has_leftovers(&self.directory) {
            return Ok(plan);
        }
        // A manager that cannot be reached is told before anything is written.
        let bus = self.bus().await?;
        bus.units().await?;
        let transaction = Transaction::begin(&self.directory, self.settings.limits.lock).await?;
        self.recover(&transaction, &bus).await?;
        let Comparison { plan, installed } = self.compare(services)?;
        if plan.is_empty() {
            return Ok(plan);
        }
        check_edits(&plan, edits)?;
        let units = bus.units().await?;
        let installation = Installation { services, plan: &plan, installed: &installed, units: &units };
        self.carry_out(&transaction, &bus, &installation.changes()).await?;
        Ok(plan)
    }

    pub(super) async fn remove_all(&self, names: &[ServiceName]) -> Result<Plan, ServiceError> {
        let bus = self.bus().await?;
        bus.units().await?;
        let transaction = Transaction::begin(&self.directory, self.settings.limits.lock).await?;
        self.recover(&transaction, &bus).await?;
        let found = self.directory.read_each(names)?.into_iter().zip(names);
        let installed: Vec<Installed> = found
            .map(|(installed, name)| installed.ok_or_else(|| not_found(name)))
            .collect::<Result<_, _>>()?;
        let units = bus.units().await?;
        self.carry_out(&transaction, &bus, &removal(&installed, &units)).await?;
        let present: Vec<UnitFiles> = installed.iter().map(Installed::files).collect();
        Ok(Plan::removal(&present))
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
