//! `security.json`: a file with a secret in it, which only its owner may read.

use std::fs::{DirBuilder, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, fsync, open};
use rustix::io::Errno;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::SecuritySettings;

/// The file in its directory.
const FILE: &str = "security.json";

/// The greatest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// Why the settings could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecurityFileError {
    /// It is not there.
    #[error("`{}` is not there", .0.display())]
    NotFound(PathBuf),
    /// Others than its owner may read or change it.
    #[error("others may look into `{}` (its mode is {mode:o})", path.display())]
    Exposed {
        /// The file or its directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It belongs to somebody else.
    #[error("`{}` belongs to another user (uid {owner})", path.display())]
    Foreign {
        /// The file or its directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// It is a symbolic link, or something else that is not what it has to be.
    #[error("`{}` is {what}", path.display())]
    WrongKind {
        /// The file or its directory.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// What it says is wrong.
    #[error("`{}`: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong; no value of a secret is told.
        reason: String,
    },
    /// The operating system would not.
    #[error("could not {operation} `{}`", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file or its directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl SecurityFileError {
    /// Tells whether the file is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }

    /// Returns the file or directory whose mode is too wide.
    #[must_use]
    pub fn exposed(&self) -> Option<&Path> {
        match self {
            Self::Exposed { path, .. } => Some(path),
            _ => None,
        }
    }
}

/// Where `security.json` is.
#[derive(Clone, Debug)]
pub struct SecurityFile {
    directory: PathBuf,
    path: PathBuf,
}

impl SecurityFile {
    /// Takes the directory, `~/.services`.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        Self { path: directory.join(FILE), directory }
    }

    /// Returns where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is not there, or is not as it has to be, or others may read it.
    pub fn load(&self) -> Result<SecuritySettings, SecurityFileError> {
        self.read().map(|(settings, _)| settings)
    }

    /// Reads it, and what tells it from the next.
    pub(crate) fn read(&self) -> Result<(SecuritySettings, Metadata), SecurityFileError> {
        self.check_directory()?;
        let path = &self.path;
        let failed = |source| SecurityFileError::Io { operation: "read", path: path.clone(), source };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match open(path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Err(SecurityFileError::NotFound(path.clone())),
            Err(Errno::LOOP) => return Err(wrong(path, "a symbolic link")),
            Err(error) => return Err(failed(error.into())),
        };
        // What is looked at is what is read, whatever takes its name meanwhile.
        let about = file.metadata().map_err(failed)?;
        if !about.is_file() {
            return Err(wrong(path, "no regular file"));
        }
        check_private(path, &about)?;
        let mut text = Zeroizing::new(String::new());
        file.take(LARGEST).read_to_string(&mut text).map_err(failed)?;
        let malformed = |reason| SecurityFileError::Malformed { path: path.clone(), reason };
        Ok((SecuritySettings::from_json(&text).map_err(malformed)?, about))
    }

    /// Makes the directory where it is not there; of mode 0700 it has to be. Returns the mode that it had where that was
    /// wider and nothing of ours was in it yet, so that it could be narrowed.
    ///
    /// # Errors
    /// When it cannot be made, or is somebody else's, or no directory.
    pub fn make_directory(&self) -> Result<Option<u32>, SecurityFileError> {
        let directory = &self.directory;
        let failed = |source| SecurityFileError::Io { operation: "make", path: directory.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
        match self.check_directory() {
            Err(SecurityFileError::Exposed { mode, .. }) if self.path.symlink_metadata().is_err() => {
                let narrow = std::fs::Permissions::from_mode(0o700);
                std::fs::set_permissions(directory, narrow).map_err(failed)?;
                Ok(Some(mode))
            }
            checked => checked.map(|()| None),
        }
    }

    /// Changes it as a whole while nobody else does, and returns what it says from then on. Where it is not there, what is
    /// changed are the defaults; the directory has to be there.
    ///
    /// # Errors
    /// As [`Self::load`]; when it cannot be written; and what `change` refuses.
    pub fn change<E: From<SecurityFileError>>(
        &self,
        change: impl FnOnce(&mut SecuritySettings) -> Result<(), E>,
    ) -> Result<SecuritySettings, E> {
        let _held = self.lock()?;
        let mut settings = match self.load() {
            Err(error) if error.is_not_found() => SecuritySettings::default(),
            loaded => loaded?,
        };
        change(&mut settings)?;
        self.write(&settings).map_err(|source| SecurityFileError::Io {
            operation: "write",
            path: self.path.clone(),
            source,
        })?;
        Ok(settings)
    }

    fn lock(&self) -> Result<impl Sized, SecurityFileError> {
        self.check_directory()?;
        let path = self.directory.join(format!("{FILE}.lock"));
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // A change takes milliseconds, so whoever holds it is done soon.
        let held = open(&path, flags, Mode::RUSR | Mode::WUSR).and_then(|held| {
            flock(&held, FlockOperation::LockExclusive)?;
            Ok(held)
        });
        held.map_err(|error| SecurityFileError::Io { operation: "lock", path, source: error.into() })
    }

    /// Whoever reads it finds the old one or the new one.
    fn write(&self, settings: &SecuritySettings) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(FILE).tempfile_in(&self.directory)?;
        file.write_all(settings.to_json().as_bytes())?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        fsync(File::open(&self.directory)?)?;
        Ok(())
    }

    fn check_directory(&self) -> Result<(), SecurityFileError> {
        let directory = &self.directory;
        let about = directory.symlink_metadata().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => SecurityFileError::NotFound(self.path.clone()),
            _ => SecurityFileError::Io { operation: "look at", path: directory.clone(), source },
        })?;
        match about.file_type() {
            kind if kind.is_symlink() => Err(wrong(directory, "a symbolic link")),
            kind if !kind.is_dir() => Err(wrong(directory, "no directory")),
            _ => check_private(directory, &about),
        }
    }
}

fn wrong(path: &Path, what: &'static str) -> SecurityFileError {
    SecurityFileError::WrongKind { path: path.to_owned(), what }
}

fn check_private(path: &Path, about: &Metadata) -> Result<(), SecurityFileError> {
    let (owner, mode) = (about.uid(), about.mode() & 0o7777);
    if owner != rustix::process::geteuid().as_raw() {
        return Err(SecurityFileError::Foreign { path: path.to_owned(), owner });
    }
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(SecurityFileError::Exposed { path: path.to_owned(), mode }),
    }
}
