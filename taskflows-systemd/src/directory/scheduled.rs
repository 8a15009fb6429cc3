use std::path::Path;

use jiff::Timestamp;
use taskflows_core::ServiceName;
use taskflows_core::effects::ServiceError;

use super::UnitDirectory;
use super::files::{open_directory, read_unit};
use crate::unit::UnitName;

/// What those who watch over a service need of its files.
#[derive(Clone, Debug)]
pub(crate) struct Scheduled {
    pub(crate) name: ServiceName,
    /// The groups that are told of it; `None` where it has no alerts.
    pub(crate) groups: Option<Vec<String>>,
    /// Whether there is a file of the name of its start timer, even one that masks it.
    pub(crate) has_timer: bool,
    /// The text of its start timer.
    pub(crate) timer: Option<String>,
    /// Whether the timer is linked to its target.
    pub(crate) is_linked: bool,
    /// When the timer or its link was last written.
    pub(crate) changed: Option<Timestamp>,
    /// The stamp of its timer, which is not of this directory.
    pub(crate) stamp: Option<Timestamp>,
}

impl UnitDirectory {
    /// Looks at every service whose main unit is ours, sorted by name.
    pub(crate) fn scheduled(&self) -> Result<Vec<Scheduled>, ServiceError> {
        let Some(directory) = open_directory(self.path())? else { return Ok(Vec::new()) };
        let read = |unit: &UnitName| match read_unit(&directory, self.path(), &unit.to_string()) {
            Err(ServiceError::NotOurs { .. }) => Ok(None),
            other => other,
        };
        let mut found = Vec::new();
        for units in self.find(&[])? {
            let Some(main) = units.iter().find(|unit| unit.is_service()) else { continue };
            let Some(text) = read(main)? else { continue };
            let unit = UnitName::timer(&main.service);
            let has_timer = units.contains(&unit);
            let timer = if has_timer { read(&unit)? } else { None };
            let file = self.path().join(unit.to_string());
            let link = self.path().join(Self::link(&unit));
            let linked = written(&link);
            found.push(Scheduled {
                name: main.service.clone(),
                groups: text.mark.alerts.map(|alerts| alerts.groups),
                has_timer,
                timer: timer.map(|timer| timer.text),
                is_linked: linked.is_some(),
                changed: written(&file).max(linked),
                stamp: None,
            });
        }
        Ok(found)
    }
}

/// Returns when a file, or a link itself, was last written.
fn written(path: &Path) -> Option<Timestamp> {
    path.symlink_metadata().ok()?.modified().ok()?.try_into().ok()
}
