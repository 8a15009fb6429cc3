use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fd::OwnedFd;
use taskflows_core::alerting::AlertMark;
use taskflows_core::effects::ServiceError;
use taskflows_core::{NamePattern, ServiceName, UnitFiles};

use super::files::{Text, file_error, open_directory, read_unit};
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

/// Tells whether a service with these units starts by itself: by its timers where it has any, else with
/// its target.
pub(super) fn is_enabled<'a>(
    mut units: impl Iterator<Item = &'a UnitName> + Clone,
    mut is_linked: impl FnMut(&UnitName) -> bool,
) -> bool {
    let timers = units.clone().any(|unit| unit.timer);
    units.any(|unit| unit.timer == timers && is_linked(unit))
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

    /// Tells whether it starts by itself.
    pub(crate) fn is_enabled(&self) -> bool {
        is_enabled(self.units.keys(), |unit| self.units[unit].enabled)
    }
}

impl UnitDirectory {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the link by which `unit` is enabled, relative to the directory.
    pub(crate) fn link(unit: &UnitName) -> PathBuf {
        let target = if unit.timer { TARGETS[0] } else { TARGETS[1] };
        Path::new(&format!("{target}.wants")).join(unit.to_string())
    }

    /// Returns the units here, by their names, of each service that one of `patterns` selects and that has
    /// a service unit; sorted by service. Whether they bear our mark is seen when they are read.
    pub(super) fn find(&self, patterns: &[NamePattern]) -> Result<Vec<Vec<UnitName>>, ServiceError> {
        let mut units: Vec<UnitName> = entries(&self.path)?
            .iter()
            .filter_map(|entry| UnitName::parse(entry))
            .filter(|unit| NamePattern::any_matches(patterns, &unit.service))
            .collect();
        units.sort_unstable_by(|a, b| a.service.cmp(&b.service));
        let of_one = units.chunk_by(|a, b| a.service == b.service).map(<[UnitName]>::to_vec);
        Ok(of_one.filter(|units| units.iter().any(UnitName::is_service)).collect())
    }

    /// Reads the text of one unit, if it is there and ours.
    pub(crate) fn text(&self, unit: &UnitName) -> Option<String> {
        let directory = open_directory(&self.path).ok()??;
        Some(read_unit(&directory, &self.path, &unit.to_string()).ok()??.text)
    }

    /// Reads the files of ours of these names that are there.
    ///
    /// # Errors
    /// `NotOurs` when one of them does not bear our mark.
    pub(crate) fn texts<'n>(
        &self,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<BTreeMap<String, String>, ServiceError> {
        let Some(directory) = open_directory(&self.path)? else { return Ok(BTreeMap::new()) };
        let mut texts = BTreeMap::new();
        for name in names {
            let text = read_unit(&directory, &self.path, name)?;
            texts.extend(text.map(|found| (name.to_owned(), found.text)));
        }
        Ok(texts)
    }

    /// Returns the services here that have alerts, of those that one of `patterns` selects and that are ours.
    pub(crate) fn alert_marks(
        &self,
        patterns: &[NamePattern],
    ) -> Result<BTreeMap<ServiceName, AlertMark>, ServiceError> {
        let Some(directory) = open_directory(&self.path)? else { return Ok(BTreeMap::new()) };
        let mut marks = BTreeMap::new();
        for unit in self.find(patterns)?.into_iter().flatten().filter(UnitName::is_service) {
            match read_unit(&directory, &self.path, &unit.to_string()) {
                Err(ServiceError::NotOurs { .. }) | Ok(None) => {}
                Err(error) => return Err(error),
                Ok(Some(found)) => marks.extend(found.mark.alerts.map(|alerts| (unit.service, alerts))),
            }
        }
        Ok(marks)
    }

    /// Returns the unit files of one service; `None` where there is none of that name.
    ///
    /// # Errors
    /// `NotOurs` when a unit of that name does not bear our mark.
    pub(crate) fn files(&self, name: &ServiceName) -> Result<Option<UnitFiles>, ServiceError> {
        let Some(directory) = open_directory(&self.path)? else { return Ok(None) };
        Ok(self.read_one(&directory, name, &HashSet::new())?.map(|installed| installed.files()))
    }

    /// Reads several services, each `None` where there is none of that name.
    ///
    /// # Errors
    /// `NotOurs` when a unit of one of the names does not bear our mark.
    pub(crate) fn read_each(&self, names: &[ServiceName]) -> Result<Vec<Option<Installed>>, ServiceError> {
        self.read_apart(names)?.into_iter().collect()
    }

    /// Does as [`UnitDirectory::read_each`], with an error for each name that has one.
    pub(crate) fn read_apart(
        &self,
        names: &[ServiceName],
    ) -> Result<Vec<Result<Option<Installed>, ServiceError>>, ServiceError> {
        let Some(directory) = open_directory(&self.path)? else {
            return Ok(names.iter().map(|_| Ok(None)).collect());
        };
        let enabled = self.enabled_units()?;
        Ok(names.iter().map(|name| self.read_one(&directory, name, &enabled)).collect())
    }

    fn read_one(
        &self,
        directory: &OwnedFd,
        name: &ServiceName,
        enabled: &HashSet<String>,
    ) -> Result<Option<Installed>, ServiceError> {
        let mut units = BTreeMap::new();
        for unit in UnitName::all(name) {
            let file = unit.to_string();
            if let Some(text) = read_unit(directory, &self.path, &file)? {
                units.insert(unit, InstalledUnit { text, enabled: enabled.contains(&file) });
            }
        }
        Ok((!units.is_empty()).then(|| Installed { name: name.clone(), units }))
    }

    /// Returns the files that others have put beside the units of a service, to add to them:
    /// `taskflows-web.service.d/limits.conf` to its text. Source: systemd.unit(5).
    pub(crate) fn drop_ins(&self, name: &ServiceName) -> Result<BTreeMap<String, String>, ServiceError> {
        let mut found = BTreeMap::new();
        for unit in UnitName::all(name) {
            let directory = format!("{unit}.d");
            for entry in entries(&self.path.join(&directory))?.iter().filter(|name| name.ends_with(".conf")) {
                let (file, path) = (format!("{directory}/{entry}"), self.path.join(&directory).join(entry));
                // What is no file, or was taken away meanwhile, adds nothing.
                if path.is_file()
                    && let Ok(text) = fs::read(&path)
                {
                    found.insert(file, String::from_utf8_lossy(&text).into_owned());
                }
            }
        }
        Ok(found)
    }

    /// Returns the names of all units that are linked to one of our targets.
    pub(super) fn enabled_units(&self) -> Result<HashSet<String>, ServiceError> {
        let mut names = HashSet::new();
        for target in TARGETS {
            names.extend(entries(&self.path.join(format!("{target}.wants")))?);
        }
        Ok(names)
    }
}

/// Returns the names in a directory; none where there is no directory.
pub(super) fn entries(path: &Path) -> Result<Vec<String>, ServiceError> {
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
