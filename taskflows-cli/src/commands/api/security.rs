//! What the server must know of `security.json` before it starts.

use taskflows_security::{SecurityFileError, SecuritySettings};

use crate::commands::security::security_file;
use crate::{App, CliError};

/// Tells whether requests can be signed and have to be.
pub(super) fn is_signing(app: &App) -> Result<bool, CliError> {
    match security_file(app)?.load() {
        Ok(settings) => Ok(settings.enable_hmac && settings.verifier().is_some()),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Returns what makes a request for this host worthless on another, made once.
pub(super) fn server_id(app: &App) -> Result<String, CliError> {
    let file = security_file(app)?;
    if let Ok(SecuritySettings { server_id: Some(id), .. }) = file.load() {
        return Ok(id);
    }
    file.make_directory()?;
    let mut own = String::new();
    file.change(|settings| {
        own = settings.ensure_server_id().to_owned();
        Ok::<_, SecurityFileError>(())
    })?;
    Ok(own)
}
