use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use taskflows_core::ServiceName;
use taskflows_core::effects::ServiceError;

use super::UnitDirectory;
use crate::unit::UnitName;

/// By what it is seen that a service on disk is another than before, without reading its files again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Footprint {
    enabled: bool,
    files: Vec<(UnitName, Stamp)>,
}

/// inode, size, and when it was changed: seconds and nanoseconds
type Stamp = (u64, u64, i64, i64);

impl UnitDirectory {
    /// Returns the footprint of every service here that is ours.
    pub(crate) fn footprints(&self) -> Result<BTreeMap<ServiceName, Footprint>, ServiceError> {
        let found = self.glance(&[])?.into_iter();
        let footprint = |one: super::Glance| {
            let files = UnitName::all(&one.name)
                .filter_map(|unit| Some((stamp(&self.path().join(unit.to_string()))?, unit)))
                .map(|(stamp, unit)| (unit, stamp));
            let footprint = Footprint { enabled: one.enabled, files: files.collect() };
            (one.name, footprint)
        };
        Ok(found.map(footprint).collect())
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = path.symlink_metadata().ok()?;
    Some((found.ino(), found.size(), found.ctime(), found.ctime_nsec()))
}

#[cfg(test)]
impl Footprint {
    pub(crate) fn of_enabled(enabled: bool) -> Self {
        Self { enabled, files: Vec::new() }
    }
}
