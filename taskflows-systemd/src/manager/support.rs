//! The units that send alerts and look for missed runs: there while any service has alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use taskflows_core::alerting::AlertMark;
use taskflows_core::effects::{ServiceError, Wanted};
use taskflows_core::{Service, ServiceName};

use super::SystemdServiceManager;
use crate::directory::{Changes, Transaction};
use crate::unit::{
    MONITOR_SERVICE, MONITOR_TIMER, OUTBOX_DUE, SENDER_PATH, SENDER_SERVICE, same_meaning, support_units,
};

/// The units, and the links by which those start that start by themselves.
const UNITS: [(&str, Option<&str>); 4] = [
    (SENDER_PATH, Some("default.target.wants")),
    (SENDER_SERVICE, None),
    (MONITOR_TIMER, Some("timers.target.wants")),
    (MONITOR_SERVICE, None),
];

/// What stands of the units.
pub(super) struct Support {
    /// The texts that are there.
    present: BTreeMap<String, String>,
    /// Whether they are to be there.
    is_needed: bool,
    desired: BTreeMap<String, String>,
    /// The links that are there.
    links: BTreeSet<&'static str>,
    /// Whether alerts wait to be sent.
    is_due: bool,
}

impl Support {
    /// Returns what changes where `active` units run.
    pub(super) fn changes(&self, active: &BTreeSet<&str>) -> Changes {
        let mut changes = Changes::default();
        if self.is_needed {
            UNITS.iter().for_each(|unit| self.add(&mut changes, unit, active));
        } else if !self.is_due {
            UNITS.iter().for_each(|unit| self.take_away(&mut changes, unit, active));
        }
        changes
    }

    /// Tells whether files or links are not as they should be.
    pub(super) fn is_settled(&self) -> bool {
        // What runs by itself runs while its link is there: that nothing was stopped by hand is seen when more changes.
        let all: BTreeSet<&str> = UNITS.iter().map(|(name, _)| *name).collect();
        !self.changes(&all).touches_files()
    }

    fn add(
        &self,
        changes: &mut Changes,
        (name, wants): &(&'static str, Option<&str>),
        active: &BTreeSet<&str>,
    ) {
        let (before, after) = (self.present.get(*name), self.desired.get(*name));
        let Some(after) = after else { return };
        let is_new = before.is_none_or(|before| !same_meaning(before, after));
        if is_new {
            changes.write(name, before.map(String::as_str), after);
        }
        let Some(wants) = wants else { return };
        if !self.links.contains(name) {
            changes.links.push(link(wants, name));
        }
        match (active.contains(name), is_new) {
            (false, _) => changes.starts.push((*name).to_owned()),
            (true, true) => changes.resets.push((*name).to_owned()),
            (true, false) => {}
        }
    }

    fn take_away(
        &self,
        changes: &mut Changes,
        (name, wants): &(&'static str, Option<&str>),
        active: &BTreeSet<&str>,
    ) {
        if !self.present.contains_key(*name) {
            return;
        }
        changes.deletes.push((*name).to_owned());
        if let Some(wants) = wants.filter(|_| self.links.contains(name)) {
            changes.unlinks.push(link(wants, name));
        }
        if active.contains(name) {
            changes.stops.push((*name).to_owned());
        }
    }
}

fn link(wants: &str, unit: &str) -> PathBuf {
    Path::new(wants).join(unit)
}

impl SystemdServiceManager {
    /// Looks at the units for a change after which `wanted` is in force.
    pub(super) fn support(&self, wanted: Wanted<'_>) -> Result<Support, ServiceError> {
        let has_alerts = |service: &Service| !service.alerts.is_empty();
        let mut touched: BTreeSet<&ServiceName> = wanted.leaving().map(|removal| &removal.name).collect();
        touched.extend(wanted.services.iter().map(|service| &service.name));
        self.support_unless(wanted.services.iter().any(has_alerts), &touched)
    }

    /// Looks at the units, which are needed where that is known already or where a service has alerts that is not
    /// `touched` by a change.
    pub(super) fn support_unless(
        &self,
        is_needed: bool,
        touched: &BTreeSet<&ServiceName>,
    ) -> Result<Support, ServiceError> {
        let present = self.directory.texts(UNITS.iter().map(|(name, _)| *name))?;
        // Where none is there nobody had alerts, and nothing else is to be read.
        let is_needed = is_needed || (!present.is_empty() && self.any_alerts(touched)?);
        let desired = if is_needed { support_units(&self.context()?) } else { BTreeMap::new() };
        let is_linked = |(name, wants): &(&'static str, Option<&str>)| {
            let link = link((*wants)?, name);
            self.directory.path().join(link).symlink_metadata().is_ok().then_some(*name)
        };
        let links = UNITS.iter().filter_map(is_linked).collect();
        let is_due = self.settings.state_directory.join(OUTBOX_DUE).exists();
        Ok(Support { present, is_needed, desired, links, is_due })
    }

    fn any_alerts(&self, touched: &BTreeSet<&ServiceName>) -> Result<bool, ServiceError> {
        Ok(self.marks(&[])?.keys().any(|name| !touched.contains(name)))
    }

    /// Returns the installed services that have alerts.
    pub(super) fn marks(
        &self,
        patterns: &[taskflows_core::NamePattern],
    ) -> Result<BTreeMap<ServiceName, AlertMark>, ServiceError> {
        self.directory.alert_marks(patterns)
    }

    /// Makes the units be there and run, whoever needs them.
    pub(super) async fn ensure_support(&self) -> Result<bool, ServiceError> {
        let bus = self.bus().await?;
        bus.units().await?;
        let transaction = Transaction::begin(&self.directory, self.settings.limits.lock).await?;
        self.recover(&transaction, &bus).await?;
        let units = bus.units().await?;
        let changes = self.support_unless(true, &BTreeSet::new())?.changes(&super::install::active(&units));
        if changes == Changes::default() {
            return Ok(false);
        }
        self.carry_out(&transaction, &bus, &changes).await?;
        Ok(true)
    }
}
