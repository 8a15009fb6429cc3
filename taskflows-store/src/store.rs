use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use taskflows_alerts::outbox::Limits;
use thiserror::Error;

use crate::schema;

/// How long a process waits for another that writes.
const WAIT: Duration = Duration::from_secs(5);

/// How long it waits before it tries again what SQLite does not wait for.
const BETWEEN: Duration = Duration::from_millis(5);

/// The file of the store in its directory.
const FILE: &str = "state.db";

/// After so many pages what was appended goes into the file itself: who opens it first reads all that is appended.
const CHECKPOINT_PAGES: u32 = 100;

/// Tries until no other process is in the way, for [`WAIT`] in all: SQLite itself waits for a lock, but gives up at once
/// where waiting could be a deadlock, as while many first make a file one that appends. Source: `sqlite3_busy_handler`.
fn patiently<T>(attempt: impl Fn() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let began = Instant::now();
    loop {
        match attempt() {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && began.elapsed() < WAIT =>
            {
                std::thread::sleep(BETWEEN);
            }
            ended => return ended,
        }
    }
}

/// One SQLite file, shared by every process of its owner.
///
/// Cloning gives another handle of the same connection. Calls block for as long as the disk takes.
#[derive(Clone, Debug)]
pub struct Store {
    connection: Arc<Mutex<Connection>>,
    path: PathBuf,
    limits: Limits,
}

impl Store {
    /// Opens `state.db` in `directory`, and makes both where they are not there: the directory 0700, the file 0600.
    ///
    /// # Errors
    /// When either cannot be made or opened, is of a newer version, or is damaged.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(FILE);
        let failed = |source: std::io::Error| StoreError::File { path: path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
        // SQLite would make the file as wide as the umask allows. One that is there is not opened beside it: to close a
        // descriptor of a file ends all locks that this process has on it. Source: fcntl(2), "Record locks".
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        match open(&path, flags, Mode::RUSR | Mode::WUSR) {
            Ok(_) | Err(Errno::EXIST) => {}
            Err(error) => return Err(failed(error.into())),
        }
        let opened = || -> rusqlite::Result<(Connection, Result<(), u32>)> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX
                | OpenFlags::SQLITE_OPEN_NOFOLLOW;
            let mut connection = Connection::open_with_flags(&path, flags)?;
            connection.busy_timeout(WAIT)?;
            connection.set_prepared_statement_cache_capacity(64);
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
            // A process that is done need not wait for the disk; the next one finds what it left.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            let migrated = schema::migrate(&mut connection)?;
            Ok((connection, migrated))
        };
        match patiently(opened) {
            Ok((connection, Ok(()))) => {
                Ok(Self { connection: Arc::new(Mutex::new(connection)), path, limits: Limits::default() })
            }
            Ok((_, Err(version))) => Err(StoreError::Newer { path, version }),
            Err(source) => Err(told("open", path, source)),
        }
    }

    /// Opens `state.db` in `directory` where it is there, and makes nothing.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_existing(directory: &Path) -> Result<Option<Self>, StoreError> {
        let path = directory.join(FILE);
        match path.symlink_metadata() {
            Ok(_) => Self::open(directory).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::File { path, source }),
        }
    }

    /// Tells whether `state.db` in `directory` is there and damaged: all of it is read.
    ///
    /// # Errors
    /// When it is of a newer version, or cannot be read for another reason.
    pub fn is_damaged(directory: &Path) -> Result<bool, StoreError> {
        let checked = match Self::open_existing(directory) {
            Ok(None) => return Ok(false),
            Ok(Some(store)) => {
                let first = store.connection().query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
                first.map(|word: String| word != "ok").map_err(|source| store.failure("check", source))
            }
            Err(error) => Err(error),
        };
        match checked {
            Err(StoreError::Damaged { .. }) => Ok(true),
            checked => checked,
        }
    }

    /// Moves `state.db` in `directory` aside, with what was appended to it, and returns where it is now:
    /// `state.db.broken-20261124T140000Z` of the time `now`. The next who writes makes a new one.
    ///
    /// # Errors
    /// When it is not there, or cannot be moved.
    pub fn set_aside(directory: &Path, now: jiff::Timestamp) -> Result<PathBuf, StoreError> {
        let name = format!("{FILE}.broken-{}", now.strftime("%Y%m%dT%H%M%SZ"));
        let aside = directory.join(&name);
        // The last is only a memory of the others, and none of it may meet a new file.
        for suffix in ["-wal", "-shm", ""] {
            let path = directory.join(format!("{FILE}{suffix}"));
            match std::fs::rename(&path, directory.join(format!("{name}{suffix}"))) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && !suffix.is_empty() => {}
                Err(source) => return Err(StoreError::File { path, source }),
                Ok(()) => {}
            }
        }
        Ok(aside)
    }

    /// Holds this much of what waits to be sent.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Lets the file grow to this many pages of 4 KiB; what would need more fails like on a full disk.
    ///
    /// # Errors
    /// When SQLite cannot do it.
    pub fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        let set = self.connection().pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
        set.map_err(|source| StoreError::Sqlite {
            operation: "limit the size of",
            path: self.path.clone(),
            source: Box::new(source),
        })
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Returns where it is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the connection once nobody else in this process uses it.
    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
        // What panicked in between left no transaction open: dropping one takes it back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does all of some work or none of it, without a wait for the disk: it survives the end of every process, though
    /// not for certain a loss of power.
    ///
    /// # Errors
    /// When the work fails, or cannot be kept.
    pub(crate) fn write_quickly<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection();
        let write = || {
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        let written = write();
        // Others keep through this connection what must survive a loss of power.
        let restored = connection.pragma_update(None, "synchronous", "FULL");
        written.and_then(|done| restored.map(|()| done)).map_err(|source| self.failure(operation, source))
    }

    /// Does all of some work or none of it; what is done survives a loss of power.
    ///
    /// # Errors
    /// When the work fails, or cannot be kept.
    pub(crate) fn write_durably<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection();
        let write = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        let written = write();
        written.map_err(|source| self.failure(operation, source))
    }

    /// Says what could not be done with this file.
    pub(crate) fn failure(&self, operation: &'static str, source: rusqlite::Error) -> StoreError {
        told(operation, self.path.clone(), source)
    }
}

fn told(operation: &'static str, path: PathBuf, source: rusqlite::Error) -> StoreError {
    let source_code = source.sqlite_error_code();
    let source = Box::new(source);
    match source_code {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Damaged { path, source },
        _ => StoreError::Sqlite { operation, path, source },
    }
}

/// Why the store could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Its file could not be made or opened.
    #[error("could not open `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A newer version made it.
    #[error("`{}` was made by a newer version of taskflows (its format {version})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its `user_version`.
        version: u32,
    },
    /// It is no database, or a damaged one.
    #[error("`{}` is damaged: `tf history --rebuild` moves it aside and fills a new one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// SQLite could not do it.
    #[error("could not {operation} `{}`", path.display())]
    Sqlite {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
