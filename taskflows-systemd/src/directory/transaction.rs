//! Changes to the unit directory that are made as a whole or not at all.
//!
//! New files are staged in `.taskflows/staging` beside the units, written through to the disk, and the
//! directory is then renamed to `pending`: that rename is the instant at which the change is decided.
//! Whatever ends the process after it, the next command finds `pending` and carries it out; before it,
//! nothing has happened. Each unit file is replaced by one rename, so no reader sees half of one. While
//! `pending` is there it also keeps what was replaced, so that a change which systemd refuses is taken
//! back; from then on it is called `undoing`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags, fsync, open, syncfs};
use serde::{Deserialize, Serialize};
use taskflows_core::effects::ServiceError;

use super::files::{exists, if_present, joined, sync_directory, write_new};
use super::lock::Lock;
use super::scan::TARGETS;
use super::{UnitDirectory, file_error};
use crate::unit::UnitName;

const AREA: &str = ".taskflows";
const MANIFEST: &str = "manifest.json";

/// From this many files on, one sync of the file system is cheaper than one of each file.
const SYNC_ALL_FROM: usize = 32;

/// What a transaction changes, on disk and in the manager.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Changes {
    /// File names and texts to write; in a manifest on disk the names alone.
    #[serde(skip)]
    pub(crate) texts: BTreeMap<String, String>,
    pub(crate) writes: Vec<String>,
    /// Those of `writes` that were not there before.
    pub(crate) fresh: Vec<String>,
    pub(crate) deletes: Vec<String>,
    /// Links to make and to take away, relative to the directory.
    pub(crate) links: Vec<PathBuf>,
    pub(crate) unlinks: Vec<PathBuf>,
    /// Units to start, which did not run before.
    pub(crate) starts: Vec<String>,
    /// Units to stop, which ran before.
    pub(crate) stops: Vec<String>,
    /// Timers whose new schedule counts from now: to stop, to clear of their memory, and to start.
    pub(crate) resets: Vec<String>,
    /// Timers that are linked and of which the manager is to forget when they last elapsed.
    #[serde(default)]
    pub(crate) forgets: Vec<String>,
    /// Their links, which are away for that moment.
    #[serde(default)]
    pub(crate) relinks: Vec<PathBuf>,
}

impl Changes {
    /// Writes a file in place of `before`, or a new one.
    pub(crate) fn write(&mut self, file: &str, before: Option<&str>, text: &str) {
        self.texts.insert(file.to_owned(), text.to_owned());
        self.writes.push(file.to_owned());
        if before.is_none() {
            self.fresh.push(file.to_owned());
        }
    }

    pub(crate) fn link(&mut self, unit: &UnitName) {
        self.links.push(UnitDirectory::link(unit));
    }

    pub(crate) fn unlink(&mut self, unit: &UnitName) {
        self.unlinks.push(UnitDirectory::link(unit));
    }

    /// Adds the changes of another, of other services.
    pub(crate) fn extend(&mut self, other: Self) {
        self.texts.extend(other.texts);
        self.writes.extend(other.writes);
        self.fresh.extend(other.fresh);
        self.deletes.extend(other.deletes);
        self.links.extend(other.links);
        self.unlinks.extend(other.unlinks);
        self.starts.extend(other.starts);
        self.stops.extend(other.stops);
        self.resets.extend(other.resets);
        self.forgets.extend(other.forgets);
        self.relinks.extend(other.relinks);
    }

    /// Makes the manager forget when a timer that is linked last elapsed.
    pub(crate) fn forget(&mut self, timer: &UnitName) {
        self.forgets.push(timer.to_string());
        self.relinks.push(UnitDirectory::link(timer));
    }

    pub(crate) fn touches_files(&self) -> bool {
        !(self.writes.is_empty()
            && self.deletes.is_empty()
            && self.links.is_empty()
            && self.unlinks.is_empty())
    }
}

/// The right to change the unit directory, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Transaction {
    directory: UnitDirectory,
    _lock: Lock,
}

/// What an earlier process left behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// A decided change that must be carried out.
    Redo(Changes),
    /// A refused change that must be taken back.
    Undo(Changes),
}

/// Tells, without a lock, whether an earlier process left a change unfinished.
pub(crate) fn is_interrupted(directory: &UnitDirectory) -> bool {
    holds(directory, &["pending", "undoing"])
}

/// Tells, without a lock, whether an earlier process left anything at all.
pub(crate) fn has_leftovers(directory: &UnitDirectory) -> bool {
    holds(directory, &["pending", "undoing", "staging", "done"])
}

fn holds(directory: &UnitDirectory, names: &[&str]) -> bool {
    let area = directory.path().join(AREA);
    names.iter().any(|name| exists(&area.join(name)))
}

impl Transaction {
    /// Makes the directory where it is missing and takes its lock.
    pub(crate) async fn begin(directory: &UnitDirectory, limit: Duration) -> Result<Self, ServiceError> {
        let area = directory.path().join(AREA);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&area)
            .map_err(file_error("create the directory", &area))?;
        let lock = Lock::take(&area.join("lock"), limit).await?;
        Ok(Self { directory: directory.clone(), _lock: lock })
    }

    /// Clears what was only staged, and returns what an earlier process had decided.
    pub(crate) fn leftover(&self) -> Result<Option<Recovery>, ServiceError> {
        for rubbish in ["staging", "done"] {
            let path = self.area(&[rubbish]);
            if_present(fs::remove_dir_all(&path)).map_err(file_error("clear", &path))?;
        }
        if exists(&self.area(&["undoing"])) {
            return Ok(Some(Recovery::Undo(self.manifest("undoing")?)));
        }
        if exists(&self.area(&["pending"])) {
            return Ok(Some(Recovery::Redo(self.manifest("pending")?)));
        }
        Ok(None)
    }

    fn manifest(&self, phase: &str) -> Result<Changes, ServiceError> {
        let path = self.area(&[phase, MANIFEST]);
        let text = fs::read_to_string(&path).map_err(file_error("read", &path))?;
        serde_json::from_str(&text).map_err(|error| file_error("read", &path)(error.into()))
    }

    /// Writes everything that the change needs to the disk and decides it.
    pub(crate) fn decide(&self, changes: &Changes) -> Result<(), ServiceError> {
        let staged = self.stage(changes);
        if staged.is_err() {
            // What was staged is of no use to anyone; the error that matters is the first one.
            let _ = fs::remove_dir_all(self.area(&["staging"]));
        }
        staged
    }

    fn stage(&self, changes: &Changes) -> Result<(), ServiceError> {
        let staging = self.area(&["staging"]);
        for part in ["new", "old"] {
            let path = staging.join(part);
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
            made.map_err(file_error("create the directory", &path))?;
        }
        let manifest =
            serde_json::to_string(changes).map_err(|error| file_error("write", &staging)(error.into()))?;
        let mut written = vec![write_new(&staging.join(MANIFEST), &manifest)?];
        for (file, text) in &changes.texts {
            let opened = write_new(&joined(&staging, &["new", file]), text)?;
            if changes.texts.len() < SYNC_ALL_FROM {
                written.push(opened);
            }
        }
        if changes.texts.len() < SYNC_ALL_FROM {
            for file in &written {
                fsync(file).map_err(|error| file_error("sync", &staging)(error.into()))?;
            }
            sync_directory(&staging.join("new"))?;
            sync_directory(&staging)?;
        } else {
            sync_file_system(&staging)?;
        }
        let pending = self.area(&["pending"]);
        fs::rename(&staging, &pending).map_err(file_error("create", &pending))?;
        let decided = sync_directory(&self.area(&[]));
        if decided.is_err() {
            // Not on the disk for sure, so not decided: nothing was applied, and nothing is to be.
            let _ = fs::rename(&pending, &staging);
        }
        decided
    }

    /// Carries the decided change out on disk. May be done again after a part of it was.
    pub(crate) fn apply(&self, changes: &Changes) -> Result<(), ServiceError> {
        for file in &changes.writes {
            self.replace(file)?;
        }
        for file in &changes.deletes {
            let (target, old) = (self.target(file), self.area(&["pending", "old", file]));
            if_present(fs::rename(&target, &old)).map_err(file_error("remove", &target))?;
        }
        changes.links.iter().try_for_each(|link| self.make_link(link))?;
        changes.unlinks.iter().try_for_each(|link| self.remove_link(link))?;
        self.sync_targets(changes)
    }

    /// Takes the links away by which targets hold on to timers, so that the manager can forget them.
    ///
    /// This is not synced: a power cut most likely leaves them where they are.
    pub(crate) fn let_go(&self, changes: &Changes) -> Result<(), ServiceError> {
        changes.relinks.iter().try_for_each(|link| self.remove_link(link))
    }

    /// Puts the links back that [`Transaction::let_go`] took away.
    pub(crate) fn take_hold(&self, changes: &Changes) -> Result<(), ServiceError> {
        if changes.relinks.is_empty() {
            return Ok(());
        }
        changes.relinks.iter().try_for_each(|link| self.make_link(link))?;
        self.sync_targets(changes)
    }

    fn replace(&self, file: &str) -> Result<(), ServiceError> {
        let target = self.target(file);
        let new = self.area(&["pending", "new", file]);
        if !exists(&new) {
            return Ok(());
        }
        let kept = fs::hard_link(&target, self.area(&["pending", "old", file]));
        match kept {
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists) => {
                Err(file_error("keep a copy of", &target)(error))
            }
            _ => fs::rename(&new, &target).map_err(file_error("write", &target)),
        }
    }

    /// Takes the change back on disk. May be done again after a part of it was.
    pub(crate) fn undo(&self, changes: &Changes) -> Result<(), ServiceError> {
        let (pending, undoing) = (self.area(&["pending"]), self.area(&["undoing"]));
        if_present(fs::rename(&pending, &undoing)).map_err(file_error("create", &undoing))?;
        // A power cut must not bring `pending` back to half of what it was.
        sync_directory(&self.area(&[]))?;
        for file in changes.writes.iter().chain(&changes.deletes) {
            self.restore(file, changes.fresh.contains(file))?;
        }
        changes.links.iter().try_for_each(|link| self.remove_link(link))?;
        changes.unlinks.iter().chain(&changes.relinks).try_for_each(|link| self.make_link(link))?;
        self.sync_targets(changes)
    }

    fn restore(&self, file: &str, fresh: bool) -> Result<(), ServiceError> {
        let target = self.target(file);
        if !fresh {
            let old = self.area(&["undoing", "old", file]);
            return if_present(fs::rename(&old, &target)).map_err(file_error("restore", &target)).map(drop);
        }
        let was_written = !exists(&self.area(&["undoing", "new", file]));
        if was_written {
            if_present(fs::remove_file(&target)).map_err(file_error("remove", &target))?;
        }
        Ok(())
    }

    /// Forgets the change, which is in force or taken back.
    pub(crate) fn finish(&self) -> Result<(), ServiceError> {
        let done = self.area(&["done"]);
        for phase in ["pending", "undoing"] {
            let path = self.area(&[phase]);
            if_present(fs::rename(&path, &done)).map_err(file_error("finish", &path))?;
        }
        if_present(fs::remove_dir_all(&done)).map_err(file_error("clear", &done)).map(drop)
    }

    fn make_link(&self, link: &Path) -> Result<(), ServiceError> {
        let path = self.directory.path().join(link);
        let Some((wants, unit)) = path.parent().zip(path.file_name()) else { return Ok(()) };
        let to = self.directory.path().join(unit);
        match symlink(&to, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(wants).map_err(file_error("create the directory", wants))?;
                symlink(&to, &path).map_err(file_error("create the link", &path))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other.map_err(file_error("create the link", &path)),
        }
    }

    fn remove_link(&self, link: &Path) -> Result<(), ServiceError> {
        let path = self.directory.path().join(link);
        if_present(fs::remove_file(&path)).map_err(file_error("remove the link", &path)).map(drop)
    }

    fn sync_targets(&self, changes: &Changes) -> Result<(), ServiceError> {
        sync_directory(self.directory.path())?;
        if changes.links.is_empty() && changes.unlinks.is_empty() && changes.relinks.is_empty() {
            return Ok(());
        }
        let wants = TARGETS.map(|target| self.directory.path().join(format!("{target}.wants")));
        wants.iter().filter(|path| path.is_dir()).try_for_each(|path| sync_directory(path))
    }

    fn target(&self, file: &str) -> PathBuf {
        self.directory.path().join(file)
    }

    fn area(&self, names: &[&str]) -> PathBuf {
        joined(&self.directory.path().join(AREA), names)
    }
}

fn sync_file_system(path: &Path) -> Result<(), ServiceError> {
    let descriptor = open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| file_error("open", path)(error.into()))?;
    syncfs(&descriptor).map_err(|error| file_error("sync", path)(error.into()))
}
