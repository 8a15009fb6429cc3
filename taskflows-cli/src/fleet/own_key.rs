//! What `security.json` says of this host.

use std::path::Path;

use jiff::Timestamp;
use taskflows_security::{SecurityFile, SigningKey, machine_mark};

use crate::CliError;

/// The keys that requests are signed with, and the id of this host.
#[derive(Debug, Default)]
pub struct OwnKey {
    /// The one that is in force first, then those that still are for the grace.
    pub keys: Vec<SigningKey>,
    /// The id of this host.
    pub server_id: Option<String>,
}

impl OwnKey {
    /// Reads what is kept in `directory`; nothing where there is no file.
    ///
    /// # Errors
    /// When the file cannot be read, others can look into it, or it is damaged. What it holds is not told.
    pub fn read(directory: Option<&Path>, now: Timestamp) -> Result<Self, CliError> {
        let Some(directory) = directory else { return Ok(Self::default()) };
        match SecurityFile::new(directory).load() {
            Ok(settings) => {
                let server_id = settings.own_server_id(machine_mark().as_deref()).map(str::to_owned);
                Ok(Self { keys: settings.signing_keys(now), server_id })
            }
            Err(error) if error.is_not_found() => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }
}
