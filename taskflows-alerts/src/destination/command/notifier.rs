use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use super::super::payload::{payload, receipt};
use super::super::place::{Limited, Place, fingerprint};
use super::Command;
use super::group::Group;
use crate::{Channel, Delivery, Limits, Notifier, NotifyError, Receipt};

/// As much is read of what a program says went wrong.
const MOST: u64 = 64 * 1024;
/// How long that is waited for once the program is over: a process it left behind may hold the pipe open.
const WORDS: Duration = Duration::from_millis(200);
/// `EX_TEMPFAIL` of sysexits.h.
const TEMPORARY: i32 = 75;

impl Command {
    fn name(&self) -> &str {
        self.command.first().and_then(|program| program.rsplit('/').next()).unwrap_or_default()
    }

    /// Returns the id of its channel.
    pub(in crate::destination) fn id(&self) -> String {
        format!("command:{}-{}", self.name(), fingerprint(&self.command.join("\0"), 4))
    }

    pub(in crate::destination) fn channel_within(&self, limits: Limits) -> Result<Channel, String> {
        let [program, ..] = self.command.as_slice() else { return Err("`command` is empty".into()) };
        if program.is_empty() {
            return Err("`command` names no program".into());
        }
        let place = Place::new(format!("command {}", self.name()));
        let place = self.command.iter().skip(1).fold(place, |place, argument| place.hiding(argument));
        let inner = CommandNotifier { command: self.command.clone(), place: place.clone() };
        Ok(Channel { id: self.id(), notifier: Arc::new(Limited { inner, place, limit: limits.whole }) })
    }
}

struct CommandNotifier {
    command: Vec<String>,
    place: Place,
}

impl CommandNotifier {
    async fn run(&self, delivery: &Delivery<'_>, amends: Option<&Receipt>) -> Result<Receipt, NotifyError> {
        let input = payload(delivery, amends).to_string();
        let mut child = self.start(delivery.key)?;
        let group = Group::of(&child);
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let tell = tokio::spawn(async move {
            if let Some(mut stdin) = stdin {
                // Whether it reads is its own affair; its exit code tells.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        });
        let words = tokio::spawn(read(stderr));
        let status = child.wait().await;
        tell.abort();
        let status = status.map_err(|error| self.place.transient(error.to_string(), None))?;
        let abort = words.abort_handle();
        let words = tokio::time::timeout(WORDS, words).await.ok().and_then(Result::ok).unwrap_or_default();
        abort.abort();
        drop(group);
        self.judge(status, &words)?;
        Ok(receipt(delivery))
    }

    fn start(&self, key: &str) -> Result<tokio::process::Child, NotifyError> {
        let mut command = tokio::process::Command::new(&self.command[0]);
        command
            .args(&self.command[1..])
            .env("TASKFLOWS_ALERT_KEY", key.replace('\0', ""))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => self.place.permanent("there is no such program"),
            ErrorKind::PermissionDenied => self.place.permanent("the program may not be started"),
            ErrorKind::InvalidInput => self.place.permanent(error.to_string()),
            _ => self.place.transient(format!("the program was not started: {error}"), None),
        })
    }

    fn judge(&self, status: ExitStatus, words: &[u8]) -> Result<(), NotifyError> {
        let words = match self.place.quote(words) {
            line if line.is_empty() => String::new(),
            line => format!(": {line}"),
        };
        match (status.code(), status.signal()) {
            (Some(0), _) => Ok(()),
            (Some(TEMPORARY), _) => Err(self.place.transient(format!("it cannot now{words}"), None)),
            (Some(code), _) => Err(self.place.permanent(format!("exit code {code}{words}"))),
            (None, Some(signal)) => {
                Err(self.place.transient(format!("it was ended by signal {signal}{words}"), None))
            }
            (None, None) => Err(self.place.transient(format!("it ended in an unknown way{words}"), None)),
        }
    }
}

/// Reads what is kept of a pipe, and the rest away, so that who writes into it is not held up.
async fn read(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut words = Vec::new();
    if let Some(mut pipe) = pipe {
        // What came until a fault is told.
        let _ = (&mut pipe).take(MOST).read_to_end(&mut words).await;
        if words.len() as u64 == MOST {
            let mut rest = [0; 4096];
            while pipe.read(&mut rest).await.is_ok_and(|read| read > 0) {}
        }
    }
    words
}

#[async_trait]
impl Notifier for CommandNotifier {
    async fn notify(&self, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        self.run(delivery, None).await
    }

    async fn amend(&self, receipt: &Receipt, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        self.run(delivery, Some(receipt)).await
    }
}
