use std::collections::HashMap;

use taskflows_core::ServiceName;
use taskflows_core::effects::{Effect, Performed, ServiceError};

use super::changes::{is_active, wants_boot};
use super::{SystemdServiceManager, not_found};
use crate::bus::Units;
use crate::directory::{Changes, Installed, Transaction};
use crate::unit::UnitName;

impl SystemdServiceManager {
    /// Lets services start by themselves, or no longer: links to the targets, and timers that run.
    pub(super) async fn switch(
        &self,
        names: &[ServiceName],
        on: bool,
    ) -> Result<Vec<Performed>, ServiceError> {
        let bus = self.bus().await?;
        let units = bus.units().await?;
        let transaction = Transaction::begin(&self.directory, self.settings.limits.lock).await?;
        self.recover(&transaction, &bus).await?;
        let mut changes = Changes::default();
        let mut results: HashMap<&ServiceName, Result<Effect, ServiceError>> = HashMap::new();
        for (name, found) in names.iter().zip(self.directory.read_apart(names)?) {
            let effect = found.and_then(|found| {
                let installed = found.ok_or_else(|| not_found(name))?;
                Ok(add_switch(&mut changes, &installed, &units, on))
            });
            results.insert(name, effect);
        }
        if changes != Changes::default() {
            self.carry_out(&transaction, &bus, &changes).await?;
        }
        let performed = |name: &ServiceName| {
            let result = results.remove(name).unwrap_or(Ok(Effect::Unchanged));
            Performed { name: name.clone(), result }
        };
        Ok(names.iter().map(performed).collect())
    }
}

/// Adds what switches one service on or off.
fn add_switch(changes: &mut Changes, service: &Installed, units: &Units, on: bool) -> Effect {
    let mut changed = false;
    let scheduled = service.units.keys().any(|unit| unit.timer);
    for (unit, found) in &service.units {
        let boots = *unit == UnitName::service(&service.name) && (!scheduled || wants_boot(&found.text.text));
        if !unit.timer && !boots {
            continue;
        }
        match (on, found.enabled) {
            (true, false) => changes.link(unit),
            (false, true) => changes.unlink(unit),
            _ => {}
        }
        changed |= on != found.enabled;
        let name = unit.to_string();
        match (on, unit.timer, is_active(units, &name)) {
            (true, true, false) => changes.starts.push(name),
            (false, true, true) => changes.stops.push(name),
            _ => continue,
        }
        changed = true;
    }
    match (!changed, on) {
        (true, _) => Effect::Unchanged,
        (false, true) => Effect::Enabled,
        (false, false) => Effect::Disabled,
    }
}
