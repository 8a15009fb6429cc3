use std::io;
use std::time::Duration;

use async_trait::async_trait;
use tokio::process::Command;

use crate::{CliError, Exit};

/// A program of the host that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(20);

/// The programs of the host that know what is to be imported.
#[async_trait]
pub(crate) trait Programs: Send + Sync {
    /// Runs a program to its end, which is an error only where it cannot be run.
    async fn run(&self, program: &str, arguments: &[&str]) -> io::Result<ProgramOutput>;
}

/// What a program wrote.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProgramOutput {
    pub(crate) succeeded: bool,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// The programs of this host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostPrograms;

#[async_trait]
impl Programs for HostPrograms {
    async fn run(&self, program: &str, arguments: &[&str]) -> io::Result<ProgramOutput> {
        let mut command = Command::new(program);
        // Their messages are shown, and are to be what the manuals say.
        command.args(arguments).env("LC_ALL", "C").stdin(std::process::Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(LIMIT, command.output()).await;
        let output = output.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        Ok(ProgramOutput {
            succeeded: output.status.success(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

/// Tells that a program could not be run.
pub(super) fn could_not_run(program: &str, error: &io::Error) -> CliError {
    match error.kind() {
        io::ErrorKind::NotFound => {
            CliError::new(Exit::Failed, format!("the program `{program}` is not installed"))
        }
        io::ErrorKind::TimedOut => {
            CliError::new(Exit::TimedOut, format!("`{program}` did not end within {}s", LIMIT.as_secs()))
        }
        _ => CliError::new(Exit::Failed, format!("could not run `{program}`: {error}")),
    }
}

/// Returns the name of the user whose process this is.
pub(super) async fn user(programs: &dyn Programs) -> Option<String> {
    let output = programs.run("id", &["-un"]).await.ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.succeeded && !name.is_empty()).then_some(name)
}
