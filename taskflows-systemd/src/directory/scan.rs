use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use taskflows_core::effects::ServiceError;
use taskflows_core::{NamePattern, ServiceName, UnitFiles};

use super::{Text, file_error, read_unit};
use crate::unit::UnitName;

/// The targets whose `.wants` directories hold our links.
pub(super) const TARGETS: [&str; 2] = ["timers.target", "default.target"];

/// The directory in which unit files of ours stand, such as `~/.config/systemd/user`.
#[derive(Clone, Debug)]
pub(crate) struct UnitDirectory {
    path: PathBuf,
}

/// A service as it stands on disk.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    pub(crate) name: ServiceName,
    pub(crate) units: BTreeMap<UnitName, InstalledUnit>,
}

/// A unit file of a service, and whether it is linked to its target.
#[derive(Clone, Debug)]
pub(crate) struct InstalledUnit {
    pub(crate) text: Text,
    pub(crate) enabled: bool,
}

impl Installed {
    pub(crate) fn files(&self) -> UnitFiles {
        let files = self.units.iter().map(|(unit, found)| (unit.to_string(), found.text.text.clone()));
        UnitFiles { name: self.name.clone(), files: files.collect() }
    }

    /// Tells whether it starts by itself: by its timers where it has any, else with its target.
    pub(crate) fn is_enabled(&self) -> bool {
        let timers = self.units.keys().any(|unit| unit.timer);
        self.units.iter().any(|(unit, found)| unit.timer == timers && found.enabled)
    }
}

impl UnitDirectory {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn unit_path(&self, unit: &UnitName) -> PathBuf {
        self.path.join(unit.to_string())
    }

    /// Returns the link by which `unit` is enabled, relative to the directory.
    pub(crate) fn link(unit: &UnitName) -> PathBuf {
        let target = if unit.timer { TARGETS[0] } else { TARGETS[1] };
        Path::new(&format!("{target}.wants")).join(unit.to_string())
    }

    /// Returns the names of the services that `pattern` selects and that have a service unit of our
    /// naming here, sorted. Whether it bears our mark is seen when it is read.
    pub(crate) fn names(
        &self,
        pattern: &NamePattern,
    ) -> Result<BTreeMap<ServiceName, BTreeSet<UnitName>>, ServiceError> {
        let mut names: BTreeMap<ServiceName, BTreeSet<UnitName>> = BTreeMap::new();
        for unit in entries(&self.path)?.iter().filter_map(|entry| UnitName::parse(entry)) {
            if pattern.matches(&unit.service) {
                names.entry(unit.service.clone()).or_default().insert(unit);
            }
        }
        names.retain(|name, units| units.contains(&UnitName::service(name)));
        Ok(names)
    }

    /// Reads the services that `pattern` selects and that are ours, sorted by name; another's are passed
    /// over.
    pub(crate) fn read_all(&self, pattern: &NamePattern) -> Result<Vec<Installed>, ServiceError> {
        let enabled = self.enabled_units()?;
        let read = |(name, units)| match self.read_units(name, units, &enabled) {
            Err(ServiceError::NotOurs { .. }) => None,
            other => other.transpose(),
        };
        self.names(pattern)?.into_iter().filter_map(read).collect()
    }

    /// Reads one service; `None` where there is none of that name.
    ///
    /// # Errors
    /// `NotOurs` when a unit of that name does not bear our mark.
    pub(crate) fn read(&self, name: &ServiceName) -> Result<Option<Installed>, ServiceError> {
        self.read_units(name.clone(), UnitName::all(name).collect(), &self.enabled_units()?)
    }

    /// Reads several services, each as [`UnitDirectory::read`].
    pub(crate) fn read_each(&self, names: &[ServiceName]) -> Result<Vec<Option<Installed>>, ServiceError> {
        let enabled = self.enabled_units()?;
        let read =
            |name: &ServiceName| self.read_units(name.clone(), UnitName::all(name).collect(), &enabled);
        names.iter().map(read).collect()
    }

    fn read_units(
        &self,
        name: ServiceName,
        units: BTreeSet<UnitName>,
        enabled: &BTreeSet<String>,
    ) -> Result<Option<Installed>, ServiceError> {
        let mut found = BTreeMap::new();
        for unit in units {
            if let Some(text) = read_unit(&self.unit_path(&unit))? {
                let enabled = enabled.contains(&unit.to_string());
                found.insert(unit, InstalledUnit { text, enabled });
            }
        }
        Ok((!found.is_empty()).then_some(Installed { name, units: found }))
    }

    /// Returns the names of all units that are linked to one of our targets.
    fn enabled_units(&self) -> Result<BTreeSet<String>, ServiceError> {
        let mut names = BTreeSet::new();
        for target in TARGETS {
            names.extend(entries(&self.path.join(format!("{target}.wants")))?);
        }
        Ok(names)
    }
}

/// Returns the names in a directory; none where there is no directory.
fn entries(path: &Path) -> Result<Vec<String>, ServiceError> {
    let directory = match path.read_dir() {
        Ok(directory) => directory,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(file_error("read the directory", path)(error)),
    };
    let mut names = Vec::new();
    for entry in directory {
        let entry = entry.map_err(file_error("read the directory", path))?;
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}
