//! What the server must know of `security.json` before it starts.

use taskflows_security::{SecurityFileError, machine_mark};

use crate::commands::security::security_file;
use crate::{App, CliError};

/// What makes a request for this host worthless on another.
pub(super) struct ServerId {
    pub(super) id: String,
    /// Whether it was made now in the place of one that another machine has, from which the file was copied.
    pub(super) is_replaced: bool,
}

/// Tells whether requests can be signed and have to be.
pub(super) fn is_signing(app: &App) -> Result<bool, CliError> {
    match security_file(app)?.load() {
        Ok(settings) => Ok(settings.enable_hmac && settings.verifier().is_some()),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Returns the id of this host, made once.
pub(super) fn server_id(app: &App) -> Result<ServerId, CliError> {
    let (file, machine) = (security_file(app)?, machine_mark());
    if let Ok(settings) = file.load()
        && let Some(id) = settings.own_server_id(machine.as_deref())
        && settings.server_of == machine
    {
        return Ok(ServerId { id: id.to_owned(), is_replaced: false });
    }
    file.make_directory()?;
    let mut own = ServerId { id: String::new(), is_replaced: false };
    file.change(|settings| {
        own.is_replaced = settings.is_copied_to(machine.as_deref());
        own.id = settings.ensure_server_id(machine.as_deref()).to_owned();
        Ok::<_, SecurityFileError>(())
    })?;
    Ok(own)
}
