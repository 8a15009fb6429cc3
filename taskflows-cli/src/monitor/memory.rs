use std::io;
use std::path::PathBuf;

use taskflows_core::monitor::Memory;

use crate::{CliError, Exit, own_file};

const FILE: &str = "monitor.json";

/// The file in the data directory in which a monitor keeps what it told, and when it last looked.
pub(crate) struct MemoryFile {
    directory: PathBuf,
}

impl MemoryFile {
    pub(crate) fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Returns what is kept: nothing where there is no file, or one that cannot be understood. Such a one is written
    /// again, since a monitor that stops for it would watch over nothing.
    pub(crate) fn read(&self) -> Result<Memory, CliError> {
        match own_file::read(&self.directory.join(FILE)) {
            Ok(text) => Ok(serde_json::from_str(&text).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Memory::default()),
            Err(error) => Err(self.failed("read", &error)),
        }
    }

    pub(crate) fn write(&self, memory: &Memory) -> Result<(), CliError> {
        let failed = |error: io::Error| self.failed("write", &error);
        let text = serde_json::to_string(memory).map_err(|error| failed(error.into()))?;
        own_file::make_directory(&self.directory).map_err(failed)?;
        own_file::replace(&self.directory, FILE, &text).map_err(failed)
    }

    /// Keeps others from looking at the same time: each would tell what is new.
    pub(crate) fn lock(&self) -> Result<impl Drop + use<>, CliError> {
        let failed = |error: io::Error| self.failed("lock", &error);
        own_file::make_directory(&self.directory).map_err(failed)?;
        own_file::lock(&self.directory.join(format!("{FILE}.lock"))).map_err(failed).map(Held)
    }

    fn failed(&self, verb: &str, error: &io::Error) -> CliError {
        let path = self.directory.join(FILE);
        CliError::new(Exit::Failed, format!("could not {verb} `{}`: {error}", path.display()))
    }
}

/// A lock that is let go with its descriptor.
struct Held(#[expect(dead_code, reason = "held until it is dropped")] rustix::fd::OwnedFd);

impl Drop for Held {
    fn drop(&mut self) {}
}
