//! The environments that this host keeps under names: `environments.json` in the data directory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use taskflows_core::effects::{EnvironmentError, EnvironmentStore, NamedEnvironment};
use taskflows_core::{Environment, EnvironmentName, Format, Source, read_environment};

use crate::own_file;

const FILE: &str = "environments.json";

/// Environments in a file that people may read and copy. Only its owner can, since variables may stand in it.
#[derive(Clone, Debug)]
pub(crate) struct EnvironmentFile {
    directory: PathBuf,
}

/// One environment as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    name: String,
    #[serde(default)]
    description: Option<String>,
    /// `venv` or `docker`, for who reads it without us.
    #[serde(rename = "type")]
    kind: String,
    environment: serde_json::Value,
    created_at: Timestamp,
    updated_at: Timestamp,
}

type Records = BTreeMap<EnvironmentName, NamedEnvironment>;

impl EnvironmentFile {
    /// Keeps environments in `directory`, which is made when it is needed.
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    fn read(&self) -> Result<Records, EnvironmentError> {
        let path = self.path();
        let text = match own_file::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Records::new()),
            Err(source) => return Err(EnvironmentError::File { operation: "read".into(), path, source }),
            Ok(text) => text,
        };
        let damaged = |reason: String| EnvironmentError::Damaged { path: path.clone(), reason };
        let records: BTreeMap<String, Record> =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        records.into_iter().map(|(key, record)| known(&key, record).map_err(&damaged)).collect()
    }

    /// Changes what is kept as a whole, with nobody else at it.
    fn change(
        &self,
        change: impl FnOnce(&mut Records) -> Result<(), EnvironmentError>,
    ) -> Result<(), EnvironmentError> {
        let failed = |operation: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source| EnvironmentError::File { operation: operation.into(), path, source }
        };
        let made = own_file::make_directory(&self.directory);
        made.map_err(failed("create the directory", &self.directory))?;
        let lock = self.directory.join(format!("{FILE}.lock"));
        let _held = own_file::lock(&lock).map_err(failed("lock", &lock))?;
        let mut records = self.read()?;
        change(&mut records)?;
        self.write(&records).map_err(failed("write", &self.path()))
    }

    fn write(&self, records: &Records) -> io::Result<()> {
        let records: BTreeMap<&str, Record> =
            records.iter().map(|(name, one)| (name.as_str(), record(one))).collect();
        own_file::replace(&self.directory, FILE, &serde_json::to_string_pretty(&records)?)
    }
}

fn known(key: &str, record: Record) -> Result<(EnvironmentName, NamedEnvironment), String> {
    let wrong = |what: &dyn std::fmt::Display| format!("`{}`: {what}", key.escape_debug());
    if key != record.name {
        return Err(wrong(&format!("it calls itself `{}`", record.name.escape_debug())));
    }
    let name: EnvironmentName = key.parse().map_err(|error| wrong(&error))?;
    let source = Source::new(FILE, record.environment.to_string(), Format::Json);
    let (environment, definition) = read_environment(&source)
        .map_err(|error| wrong(&error.problems().first().map_or("", |one| one.message())))?;
    let description = record.description.filter(|text| !text.is_empty());
    let description = description.map(|text| text.parse()).transpose().map_err(|error| wrong(&error))?;
    let (created_at, updated_at) = (record.created_at, record.updated_at);
    Ok((
        name.clone(),
        NamedEnvironment { name, description, definition, environment, created_at, updated_at },
    ))
}

fn record(one: &NamedEnvironment) -> Record {
    Record {
        name: one.name.to_string(),
        description: one.description.as_ref().map(ToString::to_string),
        kind: if matches!(one.environment, Environment::Container(_)) { "docker" } else { "venv" }.to_owned(),
        environment: one.definition.clone(),
        created_at: one.created_at,
        updated_at: one.updated_at,
    }
}

#[async_trait]
impl EnvironmentStore for EnvironmentFile {
    async fn list(&self) -> Result<Vec<NamedEnvironment>, EnvironmentError> {
        Ok(self.read()?.into_values().collect())
    }

    async fn create(&self, environment: NamedEnvironment) -> Result<(), EnvironmentError> {
        self.change(|records| match records.contains_key(&environment.name) {
            true => Err(EnvironmentError::Exists { name: environment.name.to_string() }),
            false => {
                records.insert(environment.name.clone(), environment);
                Ok(())
            }
        })
    }

    async fn replace(&self, name: &EnvironmentName, with: NamedEnvironment) -> Result<(), EnvironmentError> {
        self.change(|records| {
            let Some(before) = records.get(name) else {
                return Err(EnvironmentError::not_found(name, records.keys()));
            };
            if with.name != *name && records.contains_key(&with.name) {
                return Err(EnvironmentError::Exists { name: with.name.to_string() });
            }
            let created_at = before.created_at;
            records.remove(name);
            records.insert(with.name.clone(), NamedEnvironment { created_at, ..with });
            Ok(())
        })
    }

    async fn remove(&self, name: &EnvironmentName) -> Result<(), EnvironmentError> {
        self.change(|records| match records.remove(name) {
            Some(_) => Ok(()),
            None => Err(EnvironmentError::not_found(name, records.keys())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use taskflows_core::testing::{contract, ready};

    #[test]
    fn the_file_keeps_to_the_contract() {
        let directory = tempfile::tempdir().unwrap();
        let store = EnvironmentFile::new(directory.path().join("data"));
        ready(contract::environment_store(&store));
        let mode = fs::metadata(store.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::metadata(directory.path().join("data")).unwrap().permissions().mode() & 0o777, 0o700);
        // Nothing lies about but the file and its lock.
        assert_eq!(fs::read_dir(directory.path().join("data")).unwrap().count(), 2);
    }

    #[track_caller]
    fn damaged(text: &str, told: &str) {
        let directory = tempfile::tempdir().unwrap();
        let store = EnvironmentFile::new(directory.path().to_owned());
        fs::write(store.path(), text).unwrap();
        let error = ready(store.list()).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        let nobody: EnvironmentName = "a".parse().unwrap();
        assert!(ready(store.remove(&nobody)).is_err());
        assert_eq!(fs::read_to_string(store.path()).unwrap(), text, "it is left as it is");
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_as_it_is() {
        damaged("", "EOF");
        damaged("{\"a\": 1}", "invalid type");
        let record = |name: &str, environment: &str| {
            format!(
                r#"{{"a": {{"name": "{name}", "type": "venv", "environment": {environment},
                     "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}}}}"#
            )
        };
        damaged(&record("b", r#"{"path": "/x"}"#), "it calls itself `b`");
        damaged(&record("a", r#"{"pth": "/x"}"#), "unknown key `pth`");
        damaged(&record("a", r#"{"path": "x"}"#), "is not an absolute path");
    }

    #[test]
    fn a_file_that_others_may_change_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let store = EnvironmentFile::new(directory.path().to_owned());
        fs::write(store.path(), "{}").unwrap();
        assert!(ready(store.list()).unwrap().is_empty());
        fs::set_permissions(store.path(), fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(ready(store.list()), Err(EnvironmentError::File { .. })));
        fs::remove_file(store.path()).unwrap();
        std::os::unix::fs::symlink("/dev/null", store.path()).unwrap();
        assert!(ready(store.list()).is_err());
    }

    #[test]
    fn a_file_of_another_user_is_refused() {
        for (owner, me, is_good) in
            [(1000, 1000, true), (0, 1000, true), (1000, 0, false), (1000, 1001, false)]
        {
            assert_eq!(own_file::check_owner(owner, me, "it").is_ok(), is_good, "{owner} {me}");
        }
        let directory = tempfile::tempdir().unwrap();
        let store = EnvironmentFile::new(directory.path().to_owned());
        fs::write(store.path(), "{}").unwrap();
        // Only root may give files away.
        if std::os::unix::fs::chown(store.path(), Some(65_534), None).is_err() {
            return;
        }
        let told = |result: Result<_, EnvironmentError>| match result {
            Err(EnvironmentError::File { source, .. }) => source.to_string(),
            other => panic!("{:?}", other.map(|_: Vec<NamedEnvironment>| ())),
        };
        assert!(told(ready(store.list())).starts_with("it belongs to another user (uid 65534)"));
        std::os::unix::fs::chown(store.path(), Some(0), None).unwrap();
        assert!(ready(store.list()).is_ok());
        std::os::unix::fs::chown(directory.path(), Some(65_534), None).unwrap();
        assert!(told(ready(store.list())).starts_with("its directory belongs"));
    }
}
