//! What the server must know of `security.json` before it starts. What it says of keys is read where requests are verified.

use std::io;
use std::path::PathBuf;

use serde_json::{Map, Value};
use taskflows_security::random_hex;

use crate::{App, CliError, Exit, own_file};

const FILE: &str = "security.json";
const LOCK: &str = "security.json.lock";
const SERVER_ID: &str = "server_id";

/// What `security.json` says.
pub(super) struct Security {
    directory: PathBuf,
    keys: Map<String, Value>,
}

impl Security {
    /// Reads it; one that is not there says nothing.
    pub(super) fn read(app: &App) -> Result<Self, CliError> {
        let directory = app.security_directory.clone().ok_or_else(|| {
            CliError::new(Exit::Usage, "HOME is not set, so there is no place for security.json")
        })?;
        let path = directory.join(FILE);
        let keys = match own_file::read(&path) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| {
                let place = format!("line {}, column {}", error.line(), error.column());
                CliError::new(Exit::Failed, format!("`{}` is no JSON object: {place}", path.display()))
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
            Err(error) => return Err(failed(&path.display().to_string(), &error)),
        };
        Ok(Self { directory, keys })
    }

    /// Tells whether requests can be signed and have to be.
    pub(super) fn is_signing(&self) -> bool {
        let is_on = self.keys.get("enable_hmac").and_then(Value::as_bool).unwrap_or(true);
        let secret = self.keys.get("hmac_secret").and_then(Value::as_str);
        is_on && secret.is_some_and(|secret| !secret.is_empty())
    }

    /// Returns what makes a request for this host worthless on another, made once.
    pub(super) fn server_id(app: &App) -> Result<String, CliError> {
        if let Some(id) = Self::read(app)?.own_id() {
            return Ok(id);
        }
        let directory = Self::read(app)?.directory;
        let told = |error: &io::Error| failed(&directory.join(FILE).display().to_string(), error);
        own_file::make_directory(&directory).map_err(|error| told(&error))?;
        let _held = own_file::lock(&directory.join(LOCK)).map_err(|error| told(&error))?;
        // Another may have made it meanwhile.
        let mut security = Self::read(app)?;
        if let Some(id) = security.own_id() {
            return Ok(id);
        }
        let id = random_hex::<16>();
        security.keys.insert(SERVER_ID.to_owned(), Value::from(id.clone()));
        let text = Value::from(security.keys).to_string();
        own_file::replace(&directory, FILE, &text).map_err(|error| told(&error))?;
        Ok(id)
    }

    fn own_id(&self) -> Option<String> {
        self.keys.get(SERVER_ID).and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned)
    }
}

fn failed(path: &str, error: &io::Error) -> CliError {
    let exit = match error.kind() {
        io::ErrorKind::PermissionDenied => Exit::Permission,
        _ => Exit::Failed,
    };
    CliError::new(exit, format!("`{path}`: {error}"))
}
