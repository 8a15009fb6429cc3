//! The groups of alerts that this host keeps, with their secrets: `alerts.json` in the data directory.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use taskflows_core::alerting::AlertGroup;
use taskflows_core::{Format, ServiceName, Source, read_alert_group};

use crate::{CliError, Exit, own_file};

const FILE: &str = "alerts.json";

/// The groups of alerts of a host, in a file that only its owner may read.
///
/// A group that services share is kept under its name, the first that is the service `web`'s alone as `web/1`.
#[derive(Clone, Debug)]
pub struct AlertGroups {
    directory: PathBuf,
}

/// A group as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptGroup {
    /// The definition file it came from; `None` where it came by the standard input.
    pub source: Option<String>,
    /// The group, secrets included.
    pub group: AlertGroup,
}

/// Groups by their keys.
pub(crate) type Kept = BTreeMap<String, KeptGroup>;

/// What is done to the groups that are kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GroupChanges {
    pub(crate) writes: Kept,
    pub(crate) removes: BTreeSet<String>,
}

/// How a group is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    #[serde(default)]
    source: Option<String>,
    group: serde_json::Value,
}

impl AlertGroups {
    /// Keeps groups in `directory`, which is made when it is needed.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Returns the groups that are kept in a data directory, by their keys; none where there is no file.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or may be changed by others.
    pub fn load(directory: &Path) -> Result<BTreeMap<String, AlertGroup>, CliError> {
        let kept = Self::new(directory).list()?;
        Ok(kept.into_iter().map(|(key, kept)| (key, kept.group)).collect())
    }

    /// Returns the groups with the files they came from.
    ///
    /// # Errors
    /// As [`AlertGroups::load`].
    pub fn list(&self) -> Result<BTreeMap<String, KeptGroup>, CliError> {
        let path = self.directory.join(FILE);
        let text = match own_file::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::new()),
            read => read.map_err(|error| failed("read", &path, &error))?,
        };
        let damaged = |reason: &str| {
            let message = format!("`{}` is damaged: {reason}", path.display());
            CliError::new(Exit::Failed, message).hint("`tf create` writes it again once it is moved away")
        };
        let records: BTreeMap<String, Record> =
            serde_json::from_str(&text).map_err(|error| damaged(&at(&error)))?;
        let known = |(key, record): (String, Record)| {
            let source = Source::new(FILE, record.group.to_string(), Format::Json);
            match read_alert_group(&source) {
                Ok(group) => Ok((key, KeptGroup { source: record.source, group })),
                Err(error) => {
                    let said = error.problems().first().map_or("", |one| one.message());
                    Err(damaged(&format!("`{}`: {said}", key.escape_debug())))
                }
            }
        };
        records.into_iter().map(known).collect()
    }

    /// Returns when the file was last written.
    pub(crate) fn written(&self) -> Option<SystemTime> {
        self.directory.join(FILE).metadata().ok()?.modified().ok()
    }

    /// Changes what is kept as a whole, with nobody else at it, and returns what takes that back.
    pub(crate) fn change(&self, changes: &GroupChanges) -> Result<GroupChanges, CliError> {
        if *changes == GroupChanges::default() {
            return Ok(GroupChanges::default());
        }
        let made = own_file::make_directory(&self.directory);
        made.map_err(|error| failed("create the directory", &self.directory, &error))?;
        let lock = self.directory.join(format!("{FILE}.lock"));
        let _held = own_file::lock(&lock).map_err(|error| failed("lock", &lock, &error))?;
        let mut kept = self.list()?;
        let mut back = GroupChanges::default();
        for (key, group) in &changes.writes {
            match kept.insert(key.clone(), group.clone()) {
                Some(before) => drop(back.writes.insert(key.clone(), before)),
                None => drop(back.removes.insert(key.clone())),
            }
        }
        for key in &changes.removes {
            back.writes.extend(kept.remove(key).map(|before| (key.clone(), before)));
        }
        self.write(&kept).map_err(|error| failed("write", &self.directory.join(FILE), &error))?;
        Ok(back)
    }

    fn write(&self, kept: &Kept) -> io::Result<()> {
        let record = |kept: &KeptGroup| Record { source: kept.source.clone(), group: kept.group.to_json() };
        let records: BTreeMap<&str, Record> =
            kept.iter().map(|(key, kept)| (key.as_str(), record(kept))).collect();
        own_file::replace(&self.directory, FILE, &serde_json::to_string_pretty(&records)?)
    }

    /// Forgets the groups that were those of services alone which are gone.
    pub(crate) fn forget(&self, gone: &[ServiceName]) -> Result<(), CliError> {
        let kept = self.list()?;
        let removes = kept.into_keys().filter(|key| owner(key).is_some_and(|own| is_one_of(own, gone)));
        self.change(&GroupChanges { writes: Kept::new(), removes: removes.collect() }).map(drop)
    }
}

/// Returns the service whose alone the group of a key is.
pub(crate) fn owner(key: &str) -> Option<&str> {
    key.split_once('/').map(|(service, _)| service)
}

fn is_one_of(name: &str, services: &[ServiceName]) -> bool {
    services.iter().any(|service| service.as_str() == name)
}

/// What is said of a broken text, without a piece of it, which may be a secret.
fn at(error: &serde_json::Error) -> String {
    format!("it is broken at line {}, column {}", error.line(), error.column())
}

fn failed(operation: &str, path: &Path, error: &io::Error) -> CliError {
    let exit = match error.kind() {
        io::ErrorKind::PermissionDenied => Exit::Permission,
        _ => Exit::Failed,
    };
    CliError {
        hint: None,
        ..CliError::new(exit, format!("could not {operation} `{}`: {error}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn group(channel: &str) -> KeptGroup {
        let text = format!(r#"{{"send_to": {{"type": "slack", "channel": "{channel}", "bot_token": "t"}}}}"#);
        let group = read_alert_group(&Source::new("a.json", text, Format::Json)).unwrap();
        KeptGroup { source: Some("/a.toml".to_owned()), group }
    }

    fn writes(groups: &[(&str, &str)]) -> GroupChanges {
        let writes = groups.iter().map(|(key, channel)| ((*key).to_owned(), group(channel))).collect();
        GroupChanges { writes, removes: BTreeSet::new() }
    }

    #[test]
    fn groups_are_kept_where_only_their_owner_may_read_them() {
        let directory = tempfile::tempdir().unwrap();
        let groups = AlertGroups::new(directory.path().join("data"));
        assert!(groups.list().unwrap().is_empty());
        groups.change(&GroupChanges::default()).unwrap();
        assert!(!directory.path().join("data").exists(), "nothing is made for nothing");
        groups.change(&writes(&[("ops", "x"), ("web/1", "y")])).unwrap();
        assert_eq!(groups.list().unwrap()["ops"], group("x"));
        let mode =
            |path: &str| fs::metadata(directory.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("data"), mode("data/alerts.json")), (0o700, 0o600));
        assert_eq!(fs::read_dir(directory.path().join("data")).unwrap().count(), 2);
    }

    #[test]
    fn a_change_is_taken_back_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let groups = AlertGroups::new(directory.path());
        groups.change(&writes(&[("ops", "x"), ("old", "z")])).unwrap();
        let before = groups.list().unwrap();
        let mut changes = writes(&[("ops", "other"), ("new", "y")]);
        changes.removes.insert("old".to_owned());
        let back = groups.change(&changes).unwrap();
        assert_eq!(groups.list().unwrap().into_keys().collect::<Vec<_>>(), ["new", "ops"]);
        groups.change(&back).unwrap();
        assert_eq!(groups.list().unwrap(), before);
    }

    #[test]
    fn the_groups_of_a_service_go_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let groups = AlertGroups::new(directory.path());
        groups.change(&writes(&[("web", "x"), ("web/1", "y"), ("web/2", "y"), ("web.x/1", "y")])).unwrap();
        groups.forget(&["web".parse().unwrap()]).unwrap();
        assert_eq!(groups.list().unwrap().into_keys().collect::<Vec<_>>(), ["web", "web.x/1"]);
    }

    #[test]
    fn a_damaged_file_is_refused_left_as_it_is_and_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        let groups = AlertGroups::new(directory.path());
        let path = directory.path().join(FILE);
        for text in [
            "",
            "{\"a\": 1}",
            "{\"a\": {\"group\": {\"send_to\": []}}}",
            "{\"a\": {\"group\": {}, \"hunter2\": 1}}",
        ] {
            fs::write(&path, text).unwrap();
            let error = groups.list().unwrap_err().to_string();
            assert!(error.contains("is damaged") && !error.contains("hunter2"), "{error}");
            assert!(groups.change(&writes(&[("ops", "x")])).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(groups.list().unwrap_err().exit, Exit::Permission);
    }
}
