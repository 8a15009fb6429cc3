//! `users.json` and `ui_config.json`, as the predecessor wrote them.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{KeptError, PasswordDigest, Person, Role, TokenKey, UserName, kept_file};

pub(crate) const PEOPLE_FILE: &str = "users.json";
pub(crate) const UI_FILE: &str = "ui_config.json";

/// What changes where a file is replaced: device, inode, length and the times of its content and of itself.
pub(crate) type Stamp = Option<[i64; 7]>;

pub(crate) fn stamp(path: &Path) -> Stamp {
    let about = path.symlink_metadata().ok()?;
    let number = |value: u64| i64::from_ne_bytes(value.to_ne_bytes());
    Some([
        number(about.dev()),
        number(about.ino()),
        number(about.size()),
        about.mtime(),
        about.mtime_nsec(),
        about.ctime(),
        about.ctime_nsec(),
    ])
}

#[derive(Serialize, Deserialize)]
struct PersonRecord {
    username: String,
    password_hash: PasswordDigest,
    role: Role,
    created_at: String,
    #[serde(default)]
    last_login: Option<String>,
}

/// `ui_config.json`; what else stands in it stays.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct UiRecord {
    #[serde(default)]
    pub(crate) enabled: bool,
    #[serde(default, serialize_with = "plainly", deserialize_with = "wiped")]
    pub(crate) jwt_secret: Zeroizing<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

fn plainly<S: serde::Serializer>(secret: &Zeroizing<String>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret)
}

fn wiped<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

impl UiRecord {
    pub(crate) fn key(&self) -> Option<TokenKey> {
        TokenKey::new(&self.jwt_secret)
    }
}

/// Reads a moment, which the predecessor wrote without a zone and meant in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse().ok().or_else(|| civil().map(|zoned| zoned.timestamp()))
}

fn damaged(path: &Path, reason: impl std::fmt::Display) -> KeptError {
    KeptError::Damaged { place: path.display().to_string(), reason: reason.to_string() }
}

fn text(path: &Path) -> Result<Option<String>, KeptError> {
    kept_file::read(path).map_err(|error| KeptError::failed(format!("read `{}`", path.display()), error))
}

/// Says where a file is wrong and never what stands there, which may be a secret.
fn place(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

pub(crate) fn read_people(directory: &Path) -> Result<BTreeMap<String, Person>, KeptError> {
    let path = directory.join(PEOPLE_FILE);
    let Some(text) = text(&path)? else { return Ok(BTreeMap::new()) };
    let records: BTreeMap<String, PersonRecord> =
        serde_json::from_str(&text).map_err(|error| damaged(&path, place(&error)))?;
    let known = |(key, record): (String, PersonRecord)| {
        let wrong = |what: &str| damaged(&path, format!("`{}`: {what}", key.escape_debug()));
        if record.username != key {
            return Err(wrong("it calls itself otherwise"));
        }
        let name: UserName = key.parse().map_err(|_| wrong("this is no user name"))?;
        let created_at = moment(&record.created_at).ok_or_else(|| wrong("`created_at` is no time"))?;
        let last_login = record.last_login.as_deref().map(|text| moment(text).ok_or(())).transpose();
        let last_login = last_login.map_err(|()| wrong("`last_login` is no time"))?;
        let (password, role) = (record.password_hash, record.role);
        Ok((key, Person { name, password, role, created_at, last_login }))
    };
    records.into_iter().map(known).collect()
}

pub(crate) fn write_people(directory: &Path, people: &BTreeMap<String, Person>) -> io::Result<()> {
    let record = |person: &Person| PersonRecord {
        username: person.name.to_string(),
        password_hash: person.password.clone(),
        role: person.role,
        created_at: person.created_at.to_string(),
        last_login: person.last_login.map(|at| at.to_string()),
    };
    let records: BTreeMap<&str, PersonRecord> =
        people.iter().map(|(name, person)| (name.as_str(), record(person))).collect();
    kept_file::replace(directory, PEOPLE_FILE, &serde_json::to_string_pretty(&records)?)
}

pub(crate) fn read_ui(directory: &Path) -> Result<Option<UiRecord>, KeptError> {
    let path = directory.join(UI_FILE);
    let Some(text) = text(&path)?.map(Zeroizing::new) else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|error| damaged(&path, place(&error)))
}

pub(crate) fn write_ui(directory: &Path, record: &UiRecord) -> io::Result<()> {
    kept_file::replace(directory, UI_FILE, &Zeroizing::new(serde_json::to_string_pretty(record)?))
}
