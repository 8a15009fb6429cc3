use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use taskflows_alerts::task_events::RunFacts;
use taskflows_core::alerting::AlertMark;
use taskflows_core::{ServiceName, nearest};

use super::{AlertDesk, AlertObserver};
use crate::{CliError, Exit};

/// How long the sender that a run by hand leaves behind may try.
const PATIENCE: &str = "5min";

/// Where a run of `tf exec` finds out who is told of it.
#[derive(Clone, Debug)]
pub(crate) struct Telling {
    /// The data directory.
    pub(crate) directory: PathBuf,
    /// The directory of unit files, where the run may be that of a service.
    pub(crate) units: Option<PathBuf>,
    /// What sends, once the run is over.
    pub(crate) program: PathBuf,
    /// What is known of this host.
    pub(crate) facts: RunFacts,
}

impl Telling {
    /// Returns what is told of a run: of `groups`, and of those that its unit names; `None` where that is nobody.
    ///
    /// # Errors
    /// When one of `groups` is not known. What is wrong with a service's own groups keeps no run from starting.
    pub(crate) fn observer(
        &self,
        task: &str,
        service: Option<&ServiceName>,
        groups: &[String],
        retries: u32,
    ) -> Result<Option<AlertObserver>, CliError> {
        let marked = service.and_then(|name| self.mark(name)).map(|mark| mark.groups).unwrap_or_default();
        if groups.is_empty() && marked.is_empty() {
            return Ok(None);
        }
        let desk = match AlertDesk::open(&self.directory) {
            Ok(desk) => desk,
            Err(error) if !groups.is_empty() => return Err(error),
            Err(_) => return Ok(None),
        };
        if let Some(unknown) = groups.iter().find(|key| !desk.groups().contains_key(*key)) {
            let known: Vec<&str> = desk.groups().keys().map(String::as_str).collect();
            let error = CliError::new(Exit::Usage, format!("no group of alerts is called `{unknown}` here"));
            return Err(error.hint(match (nearest(unknown, known.iter().copied()), known.is_empty()) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, true) => "`tf create` keeps those of a definition: [alerts.NAME]".to_owned(),
                (None, false) => format!("there is {}", known.join(", ")),
            }));
        }
        let facts = RunFacts { service: task.to_owned(), ..self.facts.clone() };
        let groups = groups.iter().cloned().chain(marked).collect();
        Ok(Some(AlertObserver { desk, groups, facts, is_service: service.is_some(), retries }))
    }

    fn mark(&self, service: &ServiceName) -> Option<AlertMark> {
        let path = self.units.as_ref()?.join(format!("taskflows-{service}.service"));
        AlertMark::of_unit(&std::fs::read_to_string(path).ok()?)
    }

    /// Leaves a sender behind, which outlives this process: without a service that has alerts systemd starts none.
    pub(crate) fn leave_sender(&self) {
        // What this process holds open, the lock of flock(1) for one, the sender is not to hold on to.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; exec \"$@\"", "sh"]).arg(&self.program);
        command.args(["--quiet", "alert", "send", "--linger", "--patience", PATIENCE]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        // What is queued waits for the next sender where this one cannot be started.
        let _ = command.spawn();
    }
}
