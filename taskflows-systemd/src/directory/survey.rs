use std::fs;
use std::path::Path;

use taskflows_core::effects::ServiceError;
use taskflows_core::inspect::{FileState, UnitFacts};

use super::UnitDirectory;
use super::files::{Text, open_directory, read_unit};
use super::scan::entries;
use crate::unit::{UnitName, directives, references};

impl UnitDirectory {
    /// Looks at every unit file that is named as ours are, sorted by name, whoever wrote it.
    pub(crate) fn survey(&self) -> Result<Vec<UnitFacts>, ServiceError> {
        let Some(directory) = open_directory(self.path())? else { return Ok(Vec::new()) };
        let links = self.enabled_units()?;
        let is_unit = |name: &String| {
            UnitName::is_like_ours(name) && (name.ends_with(".service") || name.ends_with(".timer"))
        };
        let mut names: Vec<String> = entries(self.path())?.into_iter().filter(is_unit).collect();
        names.sort_unstable();
        let facts = |unit: String| {
            let path = self.path().join(&unit);
            let file = state(read_unit(&directory, self.path(), &unit), &path);
            let service = UnitName::parse(&unit).map(|unit| unit.service);
            let is_enabled = links.contains(&unit);
            UnitFacts { unit, service, path, file, is_enabled, loaded: None }
        };
        Ok(names.into_iter().map(facts).collect())
    }
}

fn state(read: Result<Option<Text>, ServiceError>, path: &Path) -> FileState {
    match read {
        Ok(Some(Text { text, mark })) => {
            let directives = directives(&text);
            let references = references(&directives);
            FileState::Ours { is_intact: mark.is_intact(&text), directives, references }
        }
        Ok(None) => FileState::Missing,
        Err(ServiceError::NotOurs { reason, .. }) => match is_masked(path) {
            true => FileState::Masked,
            false => FileState::Foreign { reason },
        },
        Err(ServiceError::File { source, .. }) => FileState::Unreadable { reason: source.to_string() },
        Err(error) => FileState::Unreadable { reason: error.to_string() },
    }
}

/// systemd reads an empty file, and a link to /dev/null, as masked. Source: systemd.unit(5).
fn is_masked(path: &Path) -> bool {
    fs::read_link(path).is_ok_and(|target| target == Path::new("/dev/null"))
        || path.symlink_metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
}
