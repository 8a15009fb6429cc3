use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rustix::fs::{Mode, OFlags, open};
use taskflows_alerts::outbox::Limits;
use thiserror::Error;

use crate::schema;

/// How long a process waits for another that writes.
const WAIT: Duration = Duration::from_secs(5);

/// The file of the store in its directory.
const FILE: &str = "state.db";

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
        // SQLite would make the file as wide as the umask allows.
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        open(&path, flags, Mode::RUSR | Mode::WUSR).map_err(|error| failed(error.into()))?;
        let opened = || -> rusqlite::Result<(Connection, Result<(), u32>)> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let mut connection = Connection::open_with_flags(&path, flags)?;
            connection.busy_timeout(WAIT)?;
            connection.set_prepared_statement_cache_capacity(64);
            connection.pragma_update(None, "journal_mode", "WAL")?;
            let migrated = schema::migrate(&mut connection)?;
            Ok((connection, migrated))
        };
        match opened() {
            Ok((connection, Ok(()))) => {
                Ok(Self { connection: Arc::new(Mutex::new(connection)), path, limits: Limits::default() })
            }
            Ok((_, Err(version))) => Err(StoreError::Newer { path, version }),
            Err(source) => Err(StoreError::Sqlite { operation: "open", path, source: Box::new(source) }),
        }
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
