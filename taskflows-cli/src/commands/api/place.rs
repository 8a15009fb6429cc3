use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::unit::{self, NAME};
use crate::arguments::ApiStartArguments;
use crate::{App, CliError, Exit};

/// What decides which services and data the server sees, and how it tells of them; none is a secret. The data directory is
/// another one, which the manager's own units have as well.
const CARRIED: [&str; 9] = [
    "HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "TASKFLOWS_TF",
    "TASKFLOWS_DISPLAY_TIMEZONE",
    "TASKFLOWS_JOURNAL_DIRECTORY",
    "TASKFLOWS_CONTAINER_ENGINE",
    "DOCKER_HOST",
    "CONTAINER_HOST",
];
const DATA_DIRECTORY: &str = "TASKFLOWS_DATA_DIR";

/// How the API is served, as its unit says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Where it takes connections.
    pub(super) address: SocketAddr,
    /// The files of the certificate and of its key, where it speaks TLS.
    pub(super) tls: Option<(PathBuf, PathBuf)>,
    /// Its variables.
    pub(super) variables: BTreeMap<String, String>,
}

impl Place {
    /// Returns how it is to be served: what `arguments` do not say stays as it was.
    pub(super) fn wanted(
        app: &App,
        arguments: &ApiStartArguments,
        before: Option<&Self>,
    ) -> Result<Self, CliError> {
        let told = arguments.tls_cert.as_deref().zip(arguments.tls_key.as_deref());
        let told =
            told.map(|(cert, key)| Ok::<_, CliError>((absolute(cert)?, absolute(key)?))).transpose()?;
        let kept = before.filter(|_| !arguments.no_tls).and_then(|before| before.tls.clone());
        let address = arguments.listen.or(before.map(|before| before.address));
        Ok(Self {
            address: address.unwrap_or_else(|| arguments.address()),
            tls: told.or(kept),
            variables: variables(app)?,
        })
    }

    /// Returns the arguments by which it is served.
    pub(super) fn arguments(&self) -> ApiStartArguments {
        let (tls_cert, tls_key) = self.tls.clone().unzip();
        ApiStartArguments { listen: Some(self.address), tls_cert, tls_key, ..ApiStartArguments::default() }
    }

    /// Tells what differs from how it was served before, a sentence for each.
    pub(super) fn changes(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.address != before.address {
            changes.push(format!("It listened at {}, and now does at {}.", before.address, self.address));
        }
        let shown = |tls: &Option<(PathBuf, PathBuf)>| match tls {
            Some((cert, key)) => format!("on ({}, {})", cert.display(), key.display()),
            None => "off".to_owned(),
        };
        if self.tls != before.tls {
            let (old, new) = (shown(&before.tls), shown(&self.tls));
            changes.push(format!("TLS was {old}, and is {new} now."));
        }
        // One that has no variable at all was written before there were any.
        let names =
            self.variables.keys().chain(before.variables.keys()).filter(|_| !before.variables.is_empty());
        let names: std::collections::BTreeSet<&String> = names.collect();
        for name in names {
            let (old, new) = (before.variables.get(name), self.variables.get(name));
            if old != new {
                let shown =
                    |value: Option<&String>| value.map_or("unset".to_owned(), |value| format!("`{value}`"));
                changes.push(format!("Its {name} was {}, and is {} now, as here.", shown(old), shown(new)));
            }
        }
        changes
    }

    /// Tells what stays as it was though `arguments` do not say it; `None` where that is what it would be anyway.
    pub(super) fn kept(&self, arguments: &ApiStartArguments) -> Option<String> {
        let mut kept = Vec::new();
        if arguments.listen.is_none() && self.address != arguments.address() {
            kept.push(format!("--listen {}", self.address));
        }
        if let Some((cert, key)) = self.tls.as_ref().filter(|_| arguments.tls_cert.is_none()) {
            kept.push(format!("--tls-cert {} --tls-key {}", cert.display(), key.display()));
        }
        (!kept.is_empty()).then(|| format!("Kept as it was set up: {}.", kept.join(" ")))
    }

    /// Returns its data directory, where that is not the usual one.
    pub(super) fn data(&self) -> Option<&String> {
        self.variables.get(DATA_DIRECTORY)
    }

    pub(super) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Where a client of this host asks, which cannot connect to "any address".
    pub(super) fn local(&self) -> SocketAddr {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        address
    }

    /// Reads the text of a unit that [`unit::service`] made; `None` where it does not say where it listens.
    fn read(text: &str) -> Option<Self> {
        let values = |key: &'static str| {
            text.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('=')).flat_map(words)
        };
        let argv: Vec<String> = values("ExecStart").map(|word| word.replace("$$", "$")).collect();
        let after = |flag: &str| {
            let told = |(number, word): (usize, &String)| match word.strip_prefix(flag)? {
                "" => argv.get(number + 1).cloned(),
                rest => rest.strip_prefix('=').map(str::to_owned),
            };
            argv.iter().enumerate().find_map(told)
        };
        let file = |flag: &str| after(flag).map(PathBuf::from);
        let variable =
            |word: String| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let is_carried = |name: &str| name == DATA_DIRECTORY || CARRIED.contains(&name);
        Some(Self {
            address: after("--listen")?.parse().ok()?,
            tls: file("--tls-cert").zip(file("--tls-key")),
            variables: values("Environment")
                .filter_map(variable)
                .filter(|(name, _)| is_carried(name))
                .collect(),
        })
    }
}

/// Takes a value of a unit apart. Source: systemd.syntax(7), "Quoting"; systemd.unit(5), "Specifiers".
fn words(value: &str) -> Vec<String> {
    let words = shell_words::split(value).unwrap_or_default();
    words.into_iter().map(|word| word.replace("%%", "%")).collect()
}

/// Returns what the server has to have of the variables of who starts it, so that it sees what they see.
fn variables(app: &App) -> Result<BTreeMap<String, String>, CliError> {
    let own = CARRIED.iter().filter_map(|name| Some(((*name).to_owned(), (app.variable)(name)?)));
    let mut variables: BTreeMap<String, String> = own.filter(|(_, value)| !value.is_empty()).collect();
    if app.tells_data_directory {
        let path = &app.data_directory;
        let text = path.to_str().ok_or_else(|| {
            CliError::new(
                Exit::Usage,
                format!("`{}` cannot stand in a unit: it is not UTF-8", path.display()),
            )
        })?;
        variables.insert(DATA_DIRECTORY.to_owned(), text.to_owned());
    }
    Ok(variables)
}

/// A unit does not start in the directory of who wrote it.
fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path)
        .map_err(|error| CliError::new(Exit::Usage, format!("`{}`: {error}", path.display())))
}

/// What is installed.
pub(super) enum Installed {
    No,
    /// A unit that does not say where it listens.
    Damaged,
    Yes(Place),
}

pub(super) async fn installed(app: &App) -> Result<Installed, CliError> {
    let files = match app.services.files(&unit::name()?).await {
        Ok(files) => files,
        Err(error) if error.is_not_found() => return Ok(Installed::No),
        Err(error) => return Err(error.into()),
    };
    let text = files.files.get(&format!("taskflows-{NAME}.service"));
    Ok(text.and_then(|text| Place::read(text)).map_or(Installed::Damaged, Installed::Yes))
}

/// Reads the unit; `None` where it is not installed.
pub(super) async fn place(app: &App) -> Result<Option<Place>, CliError> {
    match installed(app).await? {
        Installed::No => Ok(None),
        Installed::Yes(place) => Ok(Some(place)),
        Installed::Damaged => Err(damaged()),
    }
}

/// Returns where it listens, or says how it is set up.
pub(super) async fn check_installed(app: &App) -> Result<Place, CliError> {
    place(app).await?.ok_or_else(not_set_up)
}

pub(super) fn damaged() -> CliError {
    let hint = "`tf api start --listen ADDRESS:PORT` writes it again, with `--tls-cert` and `--tls-key` where it \
                speaks TLS";
    CliError::new(Exit::Failed, "the unit of the API does not say where it listens").hint(hint)
}

pub(super) fn not_set_up() -> CliError {
    CliError::new(Exit::NoSuchService, "the API is not set up here").hint("`tf api start` does")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(address: &str, tls: Option<(&str, &str)>) -> Place {
        Place {
            address: address.parse().unwrap(),
            tls: tls.map(|(cert, key)| (cert.into(), key.into())),
            variables: BTreeMap::from([("HOME".to_owned(), "/home/a b".to_owned())]),
        }
    }

    #[test]
    fn a_unit_is_read_as_it_was_written() {
        let text = "[Service]\nExecStart=/usr/bin/tf api start --foreground --listen [::1]:80 --tls-cert \
                    \"/x/a \\\"b\\\" $$c 5%%.pem\" --tls-key /x/k.pem\nEnvironment=\"HOME=/home/a b\"\n\
                    Environment=\"OTHER=1\"\n";
        let read = Place::read(text).unwrap();
        assert_eq!(read, place("[::1]:80", Some(("/x/a \"b\" $c 5%.pem", "/x/k.pem"))));
        let by_hand = "ExecStart=tf api start --listen=[::1]:80 --tls-cert=/c --tls-key /k\nEnvironment=\"HOME=/home/a b\"\n";
        assert_eq!(Place::read(by_hand).unwrap(), place("[::1]:80", Some(("/c", "/k"))));
        assert_eq!(Place::read("[Service]\nExecStart=/usr/bin/tf api start\n"), None);
        assert_eq!(Place::read("[Service]\nExecStart=tf --listen \"1\n"), None);
    }

    #[test]
    fn what_changes_is_told_and_what_stays_too() {
        let old = place("0.0.0.0:80", Some(("/c", "/k")));
        assert_eq!(old.changes(&old), Vec::<String>::new());
        let new = Place { variables: BTreeMap::new(), ..place("127.0.0.1:7777", None) };
        assert_eq!(
            new.changes(&old),
            [
                "It listened at 0.0.0.0:80, and now does at 127.0.0.1:7777.",
                "TLS was on (/c, /k), and is off now.",
                "Its HOME was `/home/a b`, and is unset now, as here.",
            ]
        );
        let nothing_said = ApiStartArguments::default();
        let kept = "Kept as it was set up: --listen 0.0.0.0:80 --tls-cert /c --tls-key /k.";
        assert_eq!(old.kept(&nothing_said).as_deref(), Some(kept));
        assert_eq!(new.kept(&nothing_said), None);
        assert_eq!(old.kept(&old.arguments()), None);
    }
}
