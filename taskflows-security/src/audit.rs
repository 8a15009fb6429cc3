//! What was changed and what was refused, a line of JSON each.

mod read;
mod record;

use std::fmt;
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use thiserror::Error;

pub use read::AuditQuery;
pub use record::{AuditRecord, AuditResult};

/// Where the records of those who were recognised are.
const FILE: &str = "audit.jsonl";
/// Where the records of nobody are: however many there are, they push none of the others out.
const STRANGERS: &str = "audit-strangers.jsonl";
/// A file of this size is put aside before the next record, in bytes.
const LARGEST: u64 = 16 << 20;
/// So many files that were put aside are kept.
const KEPT: u32 = 4;

/// Why a record could not be written or read.
#[derive(Debug, Error)]
#[error("could not {operation} the audit log `{}`", path.display())]
pub struct AuditError {
    operation: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Is told of each record besides the file.
pub type AlsoTo = Arc<dyn Fn(&AuditRecord) + Send + Sync>;

/// The record of what was changed and refused, in a directory. Nothing that stands in it is changed by us.
#[derive(Clone)]
pub struct AuditLog {
    directory: PathBuf,
    also_to: Option<AlsoTo>,
    largest: u64,
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl AuditLog {
    /// Keeps records in `directory`, which is made when it is needed: 0700, its files 0600.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), also_to: None, largest: LARGEST }
    }

    /// Tells each record to somebody else as well, such as the journal.
    #[must_use]
    pub fn with(self, also_to: AlsoTo) -> Self {
        Self { also_to: Some(also_to), ..self }
    }

    /// Puts a file aside at this size, in bytes.
    #[must_use]
    pub fn with_largest(self, largest: u64) -> Self {
        Self { largest, ..self }
    }

    /// Writes down what is about to be changed, so that it is on the disk before it happens.
    ///
    /// # Errors
    /// When it cannot be written. The change must then not be made.
    pub fn begin(&self, record: &AuditRecord) -> Result<(), AuditError> {
        self.write(record, true)
    }

    /// Writes down what has happened.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn append(&self, record: &AuditRecord) -> Result<(), AuditError> {
        self.write(record, false)
    }

    fn write(&self, record: &AuditRecord, to_disk: bool) -> Result<(), AuditError> {
        if let Some(also_to) = &self.also_to {
            also_to(record);
        }
        let name = if record.who.is_none() { STRANGERS } else { FILE };
        let path = self.directory.join(name);
        let failed = |source| AuditError { operation: "write", path: path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).map_err(failed)?;
        let file = open_file(&path).map_err(failed)?;
        let file = if file.metadata().map_err(failed)?.len() >= self.largest {
            self.put_aside(&path).map_err(failed)?;
            open_file(&path).map_err(failed)?
        } else {
            file
        };
        append_line(&file, &record.line()).map_err(failed)?;
        // Nobody makes the disk wait without being known.
        if to_disk && record.who.is_some() {
            file.sync_data().map_err(failed)?;
        }
        Ok(())
    }

    /// Gives `audit.jsonl` the name `audit.jsonl.1`, which is `audit.jsonl.2` from then on, and so forth.
    fn put_aside(&self, path: &Path) -> io::Result<()> {
        let lock = self.directory.join(format!("{FILE}.lock"));
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = open(&lock, flags, Mode::RUSR | Mode::WUSR)?;
        flock(&held, FlockOperation::LockExclusive)?;
        // Another process may have been faster.
        if path.metadata().is_ok_and(|about| about.len() < self.largest) {
            return Ok(());
        }
        for number in (0..KEPT).rev() {
            match std::fs::rename(aside(path, number), aside(path, number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Returns the name of a file that was put aside so many times.
fn aside(path: &Path, times: u32) -> PathBuf {
    match times {
        0 => path.to_owned(),
        times => PathBuf::from(format!("{}.{times}", path.display())),
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(open(path, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Writes a line at once. What was cut off before it ends with it.
fn append_line(mut file: &File, line: &str) -> io::Result<()> {
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        file.read_exact_at(&mut last, length - 1)?;
    }
    let before = if last == [b'\n'] { "" } else { "\n" };
    let text = format!("{before}{line}\n");
    match file.write(text.as_bytes())? {
        written if written == text.len() => Ok(()),
        _ => Err(io::ErrorKind::StorageFull.into()),
    }
}
