use std::collections::HashSet;

use taskflows_core::effects::ServiceError;
use taskflows_core::{NamePattern, ServiceName};

use super::UnitDirectory;
use super::files::{Text, open_directory, read_unit};
use super::scan::is_enabled;
use crate::unit::UnitName;

/// What a list needs to know of a service: one file tells it, of the two that most services have.
#[derive(Clone, Debug)]
pub(crate) struct Glance {
    pub(crate) name: ServiceName,
    /// The text of its start timer, if it has one.
    pub(crate) timer: Option<String>,
    /// The text of its service unit, where that was read in the timer's place.
    pub(crate) service: Option<String>,
    /// The definition file it came from.
    pub(crate) source: Option<String>,
    /// The environment of the host's that it runs in.
    pub(crate) environment: Option<String>,
    pub(crate) enabled: bool,
}

impl UnitDirectory {
    /// Glances at the services that one of `patterns` selects and that are ours, sorted by name;
    /// another's are passed over.
    pub(crate) fn glance(&self, patterns: &[NamePattern]) -> Result<Vec<Glance>, ServiceError> {
        let Some(directory) = open_directory(self.path())? else { return Ok(Vec::new()) };
        let links = self.enabled_units()?;
        let read = |units: Vec<UnitName>| {
            let timer = units.iter().find(|unit| unit.is_start_timer());
            let head = timer.or_else(|| units.iter().find(|unit| unit.is_service()))?;
            match read_unit(&directory, self.path(), &head.to_string()) {
                Err(ServiceError::NotOurs { .. }) => None,
                other => other.transpose().map(|text| Ok(Glance::new(&units, head, text?, &links))),
            }
        };
        self.find(patterns)?.into_iter().filter_map(read).collect()
    }
}

impl Glance {
    fn new(units: &[UnitName], head: &UnitName, text: Text, links: &HashSet<String>) -> Self {
        let enabled = is_enabled(units.iter(), |unit| links.contains(&unit.to_string()));
        let (timer, service) = if head.timer { (Some(text.text), None) } else { (None, Some(text.text)) };
        let (source, environment) = (text.mark.source, text.mark.environment);
        Self { name: head.service.clone(), timer, service, source, environment, enabled }
    }
}
