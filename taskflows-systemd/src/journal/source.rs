use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;

use taskflows_core::effects::LogQuery;
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

/// Returns the matches for what the processes of the services of `query` wrote and what the manager wrote of them; where
/// a run is asked for and not from when on, of that run alone.
///
/// A user's manager and its units share the user's id, by which another user's service of the same name
/// is kept apart. The identifier finds lines whose process was gone before the journal could look up
/// its unit.
pub(super) fn matches(scope: Scope, query: &LogQuery) -> Vec<String> {
    let own = match scope {
        Scope::User => Some(format!("_UID={}", rustix::process::getuid().as_raw())),
        Scope::System => None,
    };
    let with_own = |mut group: Vec<String>| {
        group.extend(own.clone());
        group
    };
    let mut groups: Vec<Vec<String>> = Vec::new();
    for (by, ids) in by_service(scope, query) {
        let by = if by.iter().any(|one| one == OF_INIT) { by } else { with_own(by) };
        match query.run.filter(|_| query.since.is_none()) {
            Some(run) => {
                groups.extend(ids.iter().map(|id| [by.clone(), vec![format!("{id}={run}")]].concat()))
            }
            None => groups.push(by),
        }
    }
    // A run need not be of a service.
    groups.extend(query.run.map(|run| with_own(vec![format!("TASKFLOWS_RUN_ID={run}")])));
    groups.join(&"+".to_owned())
}

/// What the machine's manager alone can say of itself.
const OF_INIT: &str = "_PID=1";

/// Returns the ways in which lines of services are found, each with the fields that name the run of such a line.
fn by_service(scope: Scope, query: &LogQuery) -> [(Vec<String>, &'static [&'static str]); 3] {
    let units = |field: &str| -> Vec<String> {
        query.services.iter().map(|name| format!("{field}={}", UnitName::service(name))).collect()
    };
    let process: &[&str] = &["TASKFLOWS_RUN_ID", "_SYSTEMD_INVOCATION_ID"];
    let ways = ["stdout", "journal"].map(|way| format!("_TRANSPORT={way}"));
    let identifiers = query.services.iter().map(|name| format!("SYSLOG_IDENTIFIER=taskflows-{name}"));
    let stream = identifiers.chain(ways).collect();
    match scope {
        Scope::User => [
            (units("_SYSTEMD_USER_UNIT"), process),
            (units("USER_UNIT"), &["USER_INVOCATION_ID"]),
            (stream, process),
        ],
        Scope::System => [
            (units("_SYSTEMD_UNIT"), process),
            ([units("UNIT"), vec![OF_INIT.to_owned()]].concat(), &["INVOCATION_ID"]),
            (stream, process),
        ],
    }
}

#[cfg(test)]
mod tests {
    use taskflows_core::task::RunId;

    use super::*;

    fn of_a() -> LogQuery {
        LogQuery { services: vec!["a".parse().unwrap()], ..LogQuery::default() }
    }

    #[test]
    fn a_services_lines_are_found_in_three_ways() {
        let own = format!("_UID={}", rustix::process::getuid().as_raw());
        assert_eq!(
            matches(Scope::User, &of_a()).join(" "),
            format!(
                "_SYSTEMD_USER_UNIT=taskflows-a.service {own} + USER_UNIT=taskflows-a.service {own} \
                 + SYSLOG_IDENTIFIER=taskflows-a _TRANSPORT=stdout _TRANSPORT=journal {own}"
            )
        );
        let found = matches(Scope::System, &of_a()).join(" ");
        assert!(found.contains("UNIT=taskflows-a.service _PID=1") && !found.contains("_UID"), "{found}");
    }

    #[test]
    fn a_run_is_looked_up_by_its_ids() {
        let query = LogQuery { run: Some(RunId::from_bits(1)), ..of_a() };
        let (own, id) = (format!("_UID={}", rustix::process::getuid().as_raw()), RunId::from_bits(1));
        let stream = format!("SYSLOG_IDENTIFIER=taskflows-a _TRANSPORT=stdout _TRANSPORT=journal {own}");
        assert_eq!(
            matches(Scope::User, &query).join(" "),
            format!(
                "_SYSTEMD_USER_UNIT=taskflows-a.service {own} TASKFLOWS_RUN_ID={id} \
                 + _SYSTEMD_USER_UNIT=taskflows-a.service {own} _SYSTEMD_INVOCATION_ID={id} \
                 + USER_UNIT=taskflows-a.service {own} USER_INVOCATION_ID={id} \
                 + {stream} TASKFLOWS_RUN_ID={id} + {stream} _SYSTEMD_INVOCATION_ID={id} + TASKFLOWS_RUN_ID={id} {own}"
            )
        );
        // Lines of which nobody knows the run are found by the time.
        let since = LogQuery { since: Some(jiff::Timestamp::UNIX_EPOCH), ..query };
        let found = matches(Scope::User, &since).join(" ");
        assert!(found.starts_with(&format!("_SYSTEMD_USER_UNIT=taskflows-a.service {own} + ")), "{found}");
    }
}
