use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{SecurityFile, SecurityFileError, SecuritySettings, Verifier};

/// The settings of now, and what checks requests by them.
#[derive(Clone, Debug)]
pub struct Secured {
    /// The settings.
    pub settings: SecuritySettings,
    /// Checks requests; `None` without a secret.
    pub verifier: Option<Verifier>,
}

/// What tells one file from the next: another place on the disk, another change of it, of its mode or its owner.
type Stamp = (u64, u64, i64, i64, i64, i64, u64);

fn stamp(about: &Metadata) -> Stamp {
    let (changed, touched) = (about.mtime(), about.ctime());
    (about.dev(), about.ino(), changed, about.mtime_nsec(), touched, about.ctime_nsec(), about.size())
}

/// `security.json` as it is at each look: the file is read when it has changed, and one look at it is all it costs else.
#[derive(Debug)]
pub struct Watched {
    file: SecurityFile,
    known: Mutex<Option<(Stamp, Arc<Secured>)>>,
}

impl Watched {
    /// Watches a file, which may be there or not.
    #[must_use]
    pub fn new(file: SecurityFile) -> Self {
        Self { file, known: Mutex::new(None) }
    }

    /// Returns the settings of now.
    ///
    /// # Errors
    /// As [`SecurityFile::load`]: what was good a moment ago is good no longer.
    pub fn current(&self) -> Result<Arc<Secured>, SecurityFileError> {
        let path = self.file.path();
        let about = path.symlink_metadata().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => SecurityFileError::NotFound(path.to_owned()),
            _ => SecurityFileError::Io { operation: "look at", path: path.to_owned(), source },
        })?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, secured)) = known.as_ref().filter(|(known, _)| *known == stamp(&about)) {
            return Ok(Arc::clone(secured));
        }
        *known = None;
        let (settings, about) = self.file.read()?;
        let secured = Arc::new(Secured { verifier: settings.verifier(), settings });
        *known = Some((stamp(&about), Arc::clone(&secured)));
        Ok(secured)
    }
}
