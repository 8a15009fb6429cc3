//! What `security.json` says of this host. To be replaced by the reader of `taskflows-security`.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use taskflows_security::SigningKey;
use zeroize::Zeroizing;

use crate::{CliError, Exit, own_file};

const FILE: &str = "security.json";

/// The keys that requests are signed with, and the id of this host.
#[derive(Debug, Default)]
pub struct OwnKey {
    /// The one that is in force first, then those that still are for the grace.
    pub keys: Vec<SigningKey>,
    /// The id of this host.
    pub server_id: Option<String>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    hmac_secret: Option<String>,
    #[serde(default)]
    server_id: Option<String>,
    #[serde(default)]
    previous_secrets: Vec<Previous>,
}

#[derive(Deserialize)]
struct Previous {
    secret: String,
    until: Timestamp,
}

impl OwnKey {
    /// Reads what is kept in `directory`; nothing where there is no file.
    ///
    /// # Errors
    /// When the file cannot be read, or is damaged. What it holds is not told.
    pub fn read(directory: Option<&Path>, now: Timestamp) -> Result<Self, CliError> {
        let Some(path) = directory.map(|directory| directory.join(FILE)) else { return Ok(Self::default()) };
        let text = match own_file::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unreadable(&path, &error.to_string())),
            Ok(text) => Zeroizing::new(text),
        };
        let record: Record = serde_json::from_str(&text).map_err(|error| {
            unreadable(&path, &format!("it is damaged at line {}, column {}", error.line(), error.column()))
        })?;
        let earlier = record.previous_secrets.into_iter().filter(|one| one.until > now).map(|one| one.secret);
        let secrets = record.hmac_secret.into_iter().chain(earlier).map(Zeroizing::new);
        let keys =
            secrets.filter(|secret| !secret.is_empty()).map(|secret| SigningKey::new(&secret)).collect();
        Ok(Self { keys, server_id: record.server_id })
    }
}

fn unreadable(path: &Path, reason: &str) -> CliError {
    CliError::new(Exit::Failed, format!("could not read {}: {reason}", path.display()))
        .hint("`tf security status` tells what is wrong with it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use taskflows_security::SignedParts;

    #[test]
    fn keys_are_read_and_those_whose_grace_is_over_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let now: Timestamp = "2026-11-27T07:00:00Z".parse().unwrap();
        let read = || OwnKey::read(Some(directory.path()), now);
        assert!(read().unwrap().keys.is_empty());
        let text = r#"{"enable_hmac": true, "hmac_secret": "new", "server_id": "id1", "previous_secrets": [
            {"secret": "old", "until": "2026-11-27T08:00:00Z"}, {"secret": "older", "until": "2026-11-27T06:00:00Z"}]}"#;
        std::fs::write(directory.path().join(FILE), text).unwrap();
        let own = read().unwrap();
        let parts = SignedParts {
            timestamp: "1",
            nonce: "n",
            server_id: "s",
            method: "GET",
            path: "/",
            query: "",
            body: b"",
        };
        let told: Vec<String> = own.keys.iter().map(|key| key.sign(&parts)).collect();
        assert_eq!(told, ["new", "old"].map(|secret| SigningKey::new(secret).sign(&parts)));
        assert_eq!(own.server_id.as_deref(), Some("id1"));
        std::fs::write(directory.path().join(FILE), r#"{"hmac_secret": "geheim", 1}"#).unwrap();
        let error = read().unwrap_err();
        assert!(!error.message.contains("geheim") && error.message.contains("damaged"), "{}", error.message);
    }
}
