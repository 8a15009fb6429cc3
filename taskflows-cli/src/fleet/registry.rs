use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::address::{Address, PORT};
use crate::{CliError, Exit, own_file};

const FILE: &str = "servers.json";

/// A server as it is registered.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Where its API is.
    pub address: Address,
    /// What requests for it are signed with; `None` where it was never asked.
    pub server_id: Option<String>,
    /// The groups it is in, sorted.
    pub groups: Vec<String>,
    /// A file of certificates (PEM) that are trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// When it was registered or changed, as it was written.
    pub last_updated: Option<String>,
    /// What others keep beside it.
    rest: Map<String, Value>,
}

/// The servers by their names.
pub type Servers = BTreeMap<String, Server>;

/// The same as it stands in the file. The predecessor wrote `public_ipv4` and `last_updated` alone.
#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_ipv4: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server_id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_updated: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Server {
    /// Registers a server that is at `address` now.
    #[must_use]
    pub fn new(address: Address, now: Timestamp) -> Self {
        Self {
            address,
            server_id: None,
            groups: Vec::new(),
            ca_file: None,
            last_updated: Some(now.to_string()),
            rest: Map::new(),
        }
    }
}

/// The file of servers in the data directory. Only its owner can read it.
#[derive(Clone, Debug)]
pub struct ServersFile {
    directory: PathBuf,
}

impl ServersFile {
    /// Keeps servers in `directory`, which is made when it is needed.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Returns the servers; none where there is no file.
    ///
    /// # Errors
    /// When the file cannot be read, or is damaged.
    pub fn read(&self) -> Result<Servers, CliError> {
        let path = self.directory.join(FILE);
        let text = match own_file::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Servers::new()),
            Err(error) => return Err(failed("read", &path, &error)),
            Ok(text) => text,
        };
        let damaged = |reason: String| {
            CliError::new(Exit::Failed, format!("{} is damaged: {reason}", path.display()))
                .hint("mend it, or move it away and register the servers again (`tf server add`)")
        };
        let records: BTreeMap<String, Record> =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        records.into_iter().map(|(name, record)| known(name, record).map_err(damaged)).collect()
    }

    /// Changes the servers as a whole, with nobody else at it.
    ///
    /// # Errors
    /// As [`Self::read`], when the file cannot be written, and as `change` does; then it is as it was.
    pub fn change<T>(&self, change: impl FnOnce(&mut Servers) -> Result<T, CliError>) -> Result<T, CliError> {
        let directory = &self.directory;
        own_file::make_directory(directory)
            .map_err(|error| failed("create the directory", directory, &error))?;
        let lock = directory.join(format!("{FILE}.lock"));
        let _held = own_file::lock(&lock).map_err(|error| failed("lock", &lock, &error))?;
        let mut servers = self.read()?;
        let before = servers.clone();
        let told = change(&mut servers)?;
        if servers != before {
            let written = self.write(servers);
            written.map_err(|error| failed("write", &directory.join(FILE), &error))?;
        }
        Ok(told)
    }

    /// Registers this host under `name`, as the API does when it starts: without asking anyone. What is known of it
    /// already (its groups) stays, and an entry of this id under another name goes. An entry of this name is another
    /// server's where neither its id nor its address is ours.
    ///
    /// # Errors
    /// As [`Self::change`], when the name is no name of a server, and when another server has it.
    pub fn register_own(
        &self,
        name: &str,
        address: &Address,
        server_id: &str,
        now: Timestamp,
    ) -> Result<(), CliError> {
        check_name(name).map_err(|reason| CliError::new(Exit::Usage, reason))?;
        self.change(|servers| {
            let is_own = |server: &Server| server.server_id.as_deref() == Some(server_id);
            let earlier = servers.iter().find(|(_, server)| is_own(server)).map(|(name, _)| name.clone());
            let earlier = earlier.and_then(|earlier| servers.remove(&earlier));
            let is_other = |server: &Server| server.server_id.is_some() && server.address != *address;
            if let Some(other) = servers.get(name).filter(|server| is_other(server)) {
                let message = format!("`{name}` is another server, at {}", other.address);
                let hint = "rename one of the two: `tf server remove`, `tf server add`";
                return Err(CliError::new(Exit::Usage, message).hint(hint));
            }
            let known = earlier.or_else(|| servers.remove(name));
            let mut server = known.clone().unwrap_or_else(|| Server::new(address.clone(), now));
            server.address = address.clone();
            server.server_id = Some(server_id.to_owned());
            if known.as_ref() != Some(&server) {
                server.last_updated = Some(now.to_string());
            }
            servers.insert(name.to_owned(), server);
            Ok(())
        })
    }

    fn write(&self, servers: Servers) -> io::Result<()> {
        let records: BTreeMap<String, Record> =
            servers.into_iter().map(|(name, server)| (name, record(server))).collect();
        own_file::replace(&self.directory, FILE, &serde_json::to_string_pretty(&records)?)
    }
}

fn failed(what: &str, path: &Path, error: &io::Error) -> CliError {
    let exit = match error.kind() {
        io::ErrorKind::PermissionDenied => Exit::Permission,
        _ => Exit::Failed,
    };
    CliError::new(exit, format!("could not {what} {}: {error}", path.display()))
        .hint("it holds whom `tf` asks, and belongs to you alone")
}

/// Says why a text is no name of a server.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let shown = name.escape_debug();
    if name == "local" {
        return Err("`local` is this host, whatever its name is".to_owned());
    }
    check_word(name).map_err(|reason| format!("`{shown}` is no name of a server: {reason}"))
}

/// Says why a text is no name of a group.
pub(crate) fn check_group(name: &str) -> Result<(), String> {
    let shown = name.escape_debug();
    if name == "all" {
        return Err("`@all` is every server already".to_owned());
    }
    check_word(name).map_err(|reason| format!("`{shown}` is no name of a group: {reason}"))
}

fn check_word(word: &str) -> Result<(), &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match word.bytes().next() {
        None => Err("it is empty"),
        Some(b'-' | b'.') => Err("it begins with a letter or a digit"),
        _ if word.len() > 253 => Err("it is longer than 253 characters"),
        _ if !word.bytes().all(is_plain) => Err("it has only letters, digits, `.`, `_` and `-`"),
        _ => Ok(()),
    }
}

fn known(name: String, record: Record) -> Result<(String, Server), String> {
    check_name(&name)?;
    let wrong = |reason: &dyn std::fmt::Display| format!("`{name}`: {reason}");
    let address = match (&record.address, &record.public_ipv4) {
        (Some(address), _) => address.parse().map_err(|error| wrong(&error))?,
        (None, Some(address)) => format!("{address}:{PORT}").parse().map_err(|error| wrong(&error))?,
        (None, None) => return Err(wrong(&"it has no `address`")),
    };
    for group in &record.groups {
        check_group(group).map_err(|reason| wrong(&reason))?;
    }
    let Record { server_id, groups, ca_file, last_updated, rest, .. } = record;
    Ok((name, Server { address, server_id, groups, ca_file, last_updated, rest }))
}

fn record(server: Server) -> Record {
    let Server { address, server_id, groups, ca_file, last_updated, rest } = server;
    Record {
        address: Some(address.to_string()),
        public_ipv4: None,
        server_id,
        groups,
        ca_file,
        last_updated,
        rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn now() -> Timestamp {
        "2026-11-27T07:00:00Z".parse().unwrap()
    }

    fn file() -> (tempfile::TempDir, ServersFile) {
        let directory = tempfile::tempdir().unwrap();
        let file = ServersFile::new(&directory.path().join("data"));
        (directory, file)
    }

    #[test]
    fn what_is_written_is_read_again_and_for_its_owner_alone() {
        let (_kept, file) = file();
        assert!(file.read().unwrap().is_empty());
        let mut server = Server::new("https://web1:7777".parse().unwrap(), now());
        server.groups = vec!["web".to_owned()];
        server.ca_file = Some("/etc/ca.pem".into());
        file.change(|servers| Ok(servers.insert("web1".to_owned(), server.clone()))).unwrap();
        assert_eq!(file.read().unwrap().get("web1"), Some(&server));
        let mode = fs::metadata(file.directory.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_predecessors_file_is_read_and_what_others_keep_stays() {
        let (_kept, file) = file();
        fs::create_dir(&file.directory).unwrap();
        let text = r#"{"web1": {"public_ipv4": "10.0.0.7", "last_updated": "2025-01-02T03:04:05.678", "note": "old"}}"#;
        fs::write(file.directory.join(FILE), text).unwrap();
        let servers = file.read().unwrap();
        assert_eq!(servers["web1"].address.base(), "http://10.0.0.7:7777");
        file.change(|servers| {
            servers.insert("web2".to_owned(), Server::new("web2:7777".parse().unwrap(), now()));
            Ok(())
        })
        .unwrap();
        let written: Value =
            serde_json::from_str(&fs::read_to_string(file.directory.join(FILE)).unwrap()).unwrap();
        assert_eq!(written["web1"]["note"], "old");
        assert_eq!(written["web1"]["last_updated"], "2025-01-02T03:04:05.678");
        assert_eq!(written["web1"]["address"], "10.0.0.7:7777");
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_as_it_is() {
        for (text, told) in [
            ("", "EOF"),
            ("[]", "invalid type"),
            (r#"{"web1": {}}"#, "it has no `address`"),
            (r#"{"web1": {"address": "web1"}}"#, "a port from 1 to 65535"),
            (r#"{"we b": {"address": "web1:1"}}"#, "is no name of a server"),
            (r#"{"web1": {"address": "web1:1", "groups": ["a b"]}}"#, "is no name of a group"),
        ] {
            let (_kept, file) = file();
            fs::create_dir(&file.directory).unwrap();
            fs::write(file.directory.join(FILE), text).unwrap();
            let error = file.read().unwrap_err();
            assert!(error.message.contains(told), "{}", error.message);
            assert!(file.change(|_| Ok(())).is_err());
            assert_eq!(fs::read_to_string(file.directory.join(FILE)).unwrap(), text);
        }
    }

    #[test]
    fn this_host_registers_itself_once_and_keeps_its_groups() {
        let (_kept, file) = file();
        let address: Address = "10.0.0.7:7777".parse().unwrap();
        file.register_own("web1", &address, "id1", now()).unwrap();
        file.change(|servers| {
            servers.values_mut().for_each(|server| server.groups = vec!["web".to_owned()]);
            Ok(())
        })
        .unwrap();
        let before = file.read().unwrap();
        let later = now() + jiff::SignedDuration::from_secs(60);
        file.register_own("web1", &address, "id1", later).unwrap();
        assert_eq!(file.read().unwrap(), before, "nothing changed");
        // The host got another name.
        file.register_own("web9", &address, "id1", later).unwrap();
        let servers = file.read().unwrap();
        assert_eq!(servers.keys().collect::<Vec<_>>(), ["web9"]);
        assert_eq!(servers["web9"].groups, ["web"]);
        // Another host has the same name.
        let elsewhere: Address = "10.0.0.8:7777".parse().unwrap();
        assert!(file.register_own("web9", &elsewhere, "id2", later).is_err());
        assert_eq!(file.read().unwrap(), servers);
        // The same host got another id.
        file.register_own("web9", &address, "id2", later).unwrap();
        assert_eq!(file.read().unwrap()["web9"].server_id.as_deref(), Some("id2"));
    }

    #[test]
    fn many_who_change_it_at_once_lose_nothing() {
        let (_kept, file) = file();
        std::thread::scope(|scope| {
            for number in 0..16 {
                let file = &file;
                scope.spawn(move || {
                    let server = Server::new(format!("web{number}:7777").parse().unwrap(), now());
                    file.change(|servers| Ok(servers.insert(format!("web{number}"), server))).unwrap();
                });
            }
        });
        assert_eq!(file.read().unwrap().len(), 16);
    }

    #[test]
    fn names_are_plain_words() {
        for name in ["web1", "web-1.example.com", "a_b", "7"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "local", "web*", "@web", "web:1", "-s", ".x", "a b", "ü", "a\n"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_group("all").is_err());
    }
}
