use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;

use taskflows_core::ServiceName;
use tokio::process::Command;

use crate::{Scope, UnitName};

/// Where the journal is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSource {
    /// A directory of journal files; `None` is the machine's own journal.
    pub directory: Option<PathBuf>,
    /// The `journalctl` to call.
    pub program: PathBuf,
}

impl Default for JournalSource {
    fn default() -> Self {
        Self { directory: None, program: "journalctl".into() }
    }
}

impl JournalSource {
    /// Begins a call that prints JSON, one entry a line, with `fields` alone.
    pub(super) fn command(&self, fields: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--no-pager", "--quiet", "--all", "--output=json"]);
        command.arg(format!("--output-fields={}", fields.join(",")));
        if let Some(directory) = &self.directory {
            let mut option = OsString::from("--directory=");
            option.push(directory);
            command.arg(option);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// Returns the matches for what the processes of `services` wrote and what the manager wrote of them.
///
/// A user's manager and its units share the user's id, by which another user's service of the same name
/// is kept apart. The identifier finds lines whose process was gone before the journal could look up
/// its unit.
pub(super) fn matches(scope: Scope, services: &[ServiceName]) -> Vec<String> {
    let units: Vec<String> = services.iter().map(|name| UnitName::service(name).to_string()).collect();
    let with = |field: &str| units.iter().map(|unit| format!("{field}={unit}")).collect::<Vec<_>>();
    let identifiers: Vec<String> =
        services.iter().map(|name| format!("SYSLOG_IDENTIFIER=taskflows-{name}")).collect();
    let (process, manager, own) = match scope {
        Scope::User => {
            let own = format!("_UID={}", rustix::process::getuid().as_raw());
            (with("_SYSTEMD_USER_UNIT"), with("USER_UNIT"), own)
        }
        Scope::System => (with("_SYSTEMD_UNIT"), with("UNIT"), String::new()),
    };
    let own = |mut group: Vec<String>| {
        group.extend((!own.is_empty()).then(|| own.clone()));
        group
    };
    let manager = match scope {
        Scope::User => own(manager),
        Scope::System => [manager, vec!["_PID=1".to_owned()]].concat(),
    };
    let stream =
        [own(identifiers), ["stdout", "journal"].map(|way| format!("_TRANSPORT={way}")).to_vec()].concat();
    [own(process), manager, stream].join(&"+".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_services_lines_are_found_in_three_ways() {
        let uid = rustix::process::getuid().as_raw();
        let found = matches(Scope::User, &["a".parse().unwrap()]).join(" ");
        let own = format!("_UID={uid}");
        assert_eq!(
            found,
            format!(
                "_SYSTEMD_USER_UNIT=taskflows-a.service {own} + USER_UNIT=taskflows-a.service {own} \
                 + SYSLOG_IDENTIFIER=taskflows-a {own} _TRANSPORT=stdout _TRANSPORT=journal"
            )
        );
        let found = matches(Scope::System, &["a".parse().unwrap()]).join(" ");
        assert!(found.contains("UNIT=taskflows-a.service _PID=1") && !found.contains("_UID"), "{found}");
    }
}
