//! People who may log in, and whether anybody may.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use thiserror::Error;

use crate::people_file::{PEOPLE_FILE, UI_FILE, UiRecord, read_people, read_ui, stamp, write_people};
use crate::people_file::{Stamp, write_ui};
use crate::{KeptError, PasswordDigest, Role, TokenKey, kept_file, random_secret};

/// What somebody calls themselves when they log in: 1 to 64 of `A-Z a-z 0-9 . _ @ + -`, the first a letter or a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

/// A text that nobody is called.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{}` is no user name: letters, digits and . _ @ + - are, 64 at most, a letter or a digit first", .0.escape_debug())]
pub struct ParseUserNameError(String);

impl UserName {
    /// Returns it as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for UserName {
    type Err = ParseUserNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_known = |c: char| c.is_ascii_alphanumeric() || "._@+-".contains(c);
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        match begins_well && text.len() <= 64 && text.chars().all(is_known) {
            true => Ok(Self(text.to_owned())),
            false => Err(ParseUserNameError(text.chars().take(80).collect())),
        }
    }
}

/// Somebody who may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// What they call themselves.
    pub name: UserName,
    /// What is kept of their password.
    pub password: PasswordDigest,
    /// What they may do.
    pub role: Role,
    /// When they were added.
    pub created_at: Timestamp,
    /// When they last logged in.
    pub last_login: Option<Timestamp>,
}

/// Keeps people: files of this host, memory. Calls block for as long as the disk takes.
pub trait PeopleStore: fmt::Debug + Send + Sync {
    /// Returns the key of who logged in; `None` where nobody may log in.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged.
    fn key(&self) -> Result<Option<TokenKey>, KeptError>;

    /// Returns all people, sorted by name.
    ///
    /// # Errors
    /// When they cannot be read, or are damaged.
    fn list(&self) -> Result<Vec<Person>, KeptError>;

    /// Returns somebody.
    ///
    /// # Errors
    /// As [`PeopleStore::list`].
    fn get(&self, name: &str) -> Result<Option<Person>, KeptError>;

    /// Adds somebody.
    ///
    /// # Errors
    /// When there is somebody of that name already, or it cannot be written.
    fn add(&self, person: Person) -> Result<(), KeptError>;

    /// Changes somebody, with nobody else at it. Their name stays.
    ///
    /// # Errors
    /// When there is nobody of that name, or it cannot be written.
    fn change(&self, name: &str, change: &mut dyn FnMut(&mut Person)) -> Result<(), KeptError>;

    /// Removes somebody.
    ///
    /// # Errors
    /// When there is nobody of that name, or it cannot be written.
    fn remove(&self, name: &str) -> Result<(), KeptError>;
}

type People = BTreeMap<String, Person>;

/// People in `users.json` of a directory, and the key in `ui_config.json` beside it. What another process changes is seen by
/// the next who asks.
#[derive(Debug)]
pub struct PeopleFiles {
    directory: PathBuf,
    people: Mutex<Option<(Stamp, People)>>,
    key: Mutex<Option<(Stamp, Option<TokenKey>)>>,
}

impl PeopleFiles {
    /// Keeps people in `directory`, which is made when it is needed.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), people: Mutex::default(), key: Mutex::default() }
    }

    /// Lets people log in, with a key that is made once. Tells whether anything had to be changed.
    ///
    /// # Errors
    /// When the files cannot be read or written.
    pub fn enable(&self) -> Result<bool, KeptError> {
        self.locked(UI_FILE, || {
            let mut record = read_ui(&self.directory)?.unwrap_or_default();
            if record.key().is_some() && record.enabled {
                return Ok(false);
            }
            if record.key().is_none() {
                record.jwt_secret = random_secret();
            }
            record.enabled = true;
            write_ui(&self.directory, &record).map_err(|error| self.failed("write", UI_FILE, error))?;
            Ok(true)
        })
    }

    fn failed(&self, operation: &str, name: &str, source: std::io::Error) -> KeptError {
        KeptError::failed(format!("{operation} `{}`", self.directory.join(name).display()), source)
    }

    fn locked<T>(&self, name: &str, work: impl FnOnce() -> Result<T, KeptError>) -> Result<T, KeptError> {
        let _held =
            kept_file::lock(&self.directory, name).map_err(|error| self.failed("lock", name, error))?;
        work()
    }

    fn edit<T>(&self, edit: impl FnOnce(&mut People) -> Result<T, KeptError>) -> Result<T, KeptError> {
        self.locked(PEOPLE_FILE, || {
            let mut people = read_people(&self.directory)?;
            let done = edit(&mut people)?;
            write_people(&self.directory, &people)
                .map_err(|error| self.failed("write", PEOPLE_FILE, error))?;
            Ok(done)
        })
    }

    fn with_people<T>(&self, look: impl FnOnce(&People) -> T) -> Result<T, KeptError> {
        let path = self.directory.join(PEOPLE_FILE);
        remembered(&self.people, &path, || read_people(&self.directory), look)
    }
}

/// Looks at what a file says, which is read again where it was replaced.
fn remembered<T, R>(
    known: &Mutex<Option<(Stamp, T)>>,
    path: &Path,
    read: impl FnOnce() -> Result<T, KeptError>,
    look: impl FnOnce(&T) -> R,
) -> Result<R, KeptError> {
    // Taken before it is read: a file that is replaced in between is read once more, not once too few.
    let stamp = stamp(path);
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    match known.as_ref() {
        Some((of, value)) if *of == stamp => Ok(look(value)),
        _ => {
            let value = read()?;
            let looked = look(&value);
            *known = Some((stamp, value));
            Ok(looked)
        }
    }
}

impl PeopleStore for PeopleFiles {
    fn key(&self) -> Result<Option<TokenKey>, KeptError> {
        let path = self.directory.join(UI_FILE);
        let read = || {
            let record = read_ui(&self.directory)?;
            Ok(record.filter(|record| record.enabled).as_ref().and_then(UiRecord::key))
        };
        remembered(&self.key, &path, read, Clone::clone)
    }

    fn list(&self) -> Result<Vec<Person>, KeptError> {
        self.with_people(|people| people.values().cloned().collect())
    }

    fn get(&self, name: &str) -> Result<Option<Person>, KeptError> {
        self.with_people(|people| people.get(name).cloned())
    }

    fn add(&self, person: Person) -> Result<(), KeptError> {
        self.edit(|people| add(people, person))
    }

    fn change(&self, name: &str, change: &mut dyn FnMut(&mut Person)) -> Result<(), KeptError> {
        self.edit(|people| alter(people, name, change))
    }

    fn remove(&self, name: &str) -> Result<(), KeptError> {
        self.edit(|people| remove(people, name))
    }
}

/// People in memory.
#[derive(Debug)]
pub struct MemoryPeople {
    key: Option<TokenKey>,
    people: Mutex<People>,
}

impl MemoryPeople {
    /// Keeps people who log in with `key`.
    #[must_use]
    pub fn new(key: Option<TokenKey>) -> Self {
        Self { key, people: Mutex::default() }
    }

    fn people(&self) -> std::sync::MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PeopleStore for MemoryPeople {
    fn key(&self) -> Result<Option<TokenKey>, KeptError> {
        Ok(self.key.clone())
    }

    fn list(&self) -> Result<Vec<Person>, KeptError> {
        Ok(self.people().values().cloned().collect())
    }

    fn get(&self, name: &str) -> Result<Option<Person>, KeptError> {
        Ok(self.people().get(name).cloned())
    }

    fn add(&self, person: Person) -> Result<(), KeptError> {
        add(&mut self.people(), person)
    }

    fn change(&self, name: &str, change: &mut dyn FnMut(&mut Person)) -> Result<(), KeptError> {
        alter(&mut self.people(), name, change)
    }

    fn remove(&self, name: &str) -> Result<(), KeptError> {
        remove(&mut self.people(), name)
    }
}

fn nobody(name: &str) -> KeptError {
    KeptError::NotFound { what: "person", name: name.to_owned() }
}

fn add(people: &mut People, person: Person) -> Result<(), KeptError> {
    if people.contains_key(person.name.as_str()) {
        return Err(KeptError::Exists { what: "person", name: person.name.to_string() });
    }
    people.insert(person.name.to_string(), person);
    Ok(())
}

fn alter(people: &mut People, name: &str, change: &mut dyn FnMut(&mut Person)) -> Result<(), KeptError> {
    let person = people.get_mut(name).ok_or_else(|| nobody(name))?;
    let kept = person.name.clone();
    change(person);
    person.name = kept;
    Ok(())
}

fn remove(people: &mut People, name: &str) -> Result<(), KeptError> {
    people.remove(name).map(|_| ()).ok_or_else(|| nobody(name))
}
