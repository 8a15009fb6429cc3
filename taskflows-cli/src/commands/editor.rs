//! The editor that the user chose.

use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::{CliError, Exit};

/// What is tried where the user chose none.
const FALLBACKS: [&str; 2] = ["sensible-editor", "vi"];

/// Editors that go to a line which is named as `+LINE`.
const GO_TO_LINE: [&str; 7] = ["vi", "vim", "nvim", "nano", "emacs", "emacsclient", "micro"];

/// An editor's command lines, the first of which there is is taken.
#[derive(Debug)]
pub(super) struct Editor(Vec<Vec<String>>);

impl Editor {
    /// Takes the editor that was `chosen`, a command line as a shell would split it, or a usual one.
    ///
    /// # Errors
    /// When the command line cannot be split, and when nobody is there to edit: then an editor must be
    /// chosen that edits by itself, and be said to need no question.
    pub(super) fn choose(chosen: Option<&str>, interactive: bool, yes: bool) -> Result<Self, CliError> {
        let words = chosen.map(shell_words::split).transpose().map_err(|_| {
            let message = "VISUAL or EDITOR has a quotation mark that is not closed";
            CliError::new(Exit::Usage, message)
        })?;
        match words.filter(|words| !words.is_empty()) {
            Some(words) if interactive || yes => Ok(Self(vec![words])),
            None if interactive => Ok(Self(FALLBACKS.map(|program| vec![program.to_owned()]).into())),
            _ => Err(CliError::new(Exit::Usage, "there is no terminal to edit on")
                .hint("set EDITOR to a program that changes the file by itself, and give --yes to apply it")),
        }
    }

    /// Opens `file`, at `line` where the editor is known to understand that, and waits for its end.
    ///
    /// # Errors
    /// When it cannot be started or does not end well; as interrupted where SIGTERM or SIGHUP came, which ends it.
    pub(super) fn run(&self, file: &Path, line: Option<usize>) -> Result<(), CliError> {
        for words in &self.0 {
            match status(words, file, line) {
                Ok(End::Signal(name)) => {
                    let message = format!("{name} came while the editor ran; nothing was changed");
                    return Err(CliError::new(Exit::Interrupted, message));
                }
                Ok(End::Status(status)) if status.success() => return Ok(()),
                Ok(End::Status(status)) => {
                    let message = format!("the editor `{}` ended with {status}", words.join(" "));
                    return Err(CliError::new(Exit::Failed, format!("{message}; nothing was changed")));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(self.unstartable(&error)),
            }
        }
        Err(self.unstartable(&io::Error::from(io::ErrorKind::NotFound)))
    }

    fn unstartable(&self, error: &io::Error) -> CliError {
        let tried: Vec<&str> = self.0.iter().map(|words| words[0].as_str()).collect();
        let reason = match error.kind() {
            io::ErrorKind::NotFound => "there is no such program".to_owned(),
            _ => error.to_string(),
        };
        CliError::new(
            Exit::Failed,
            format!("could not start the editor `{}`: {reason}", tried.join("` or `")),
        )
        .hint("set VISUAL or EDITOR to an editor that is installed")
    }
}

/// How the wait for an editor ended.
enum End {
    Status(ExitStatus),
    /// This signal came for us, and the editor was ended.
    Signal(&'static str),
}

/// The wait for an editor that was asked to end.
const GRACE: Duration = Duration::from_secs(2);

/// Waits for an editor on a thread of its own: meanwhile nothing else may go on here, Ctrl-C included.
fn wait(command: Command) -> io::Result<End> {
    let watch = async || {
        let (mut term, mut hangup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
        let mut child = tokio::process::Command::from(command).spawn()?;
        let name = tokio::select! {
            status = child.wait() => return status.map(End::Status),
            _ = term.recv() => "SIGTERM",
            _ = hangup.recv() => "SIGHUP",
        };
        let process = child.id().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?));
        if let Some(process) = process {
            // It may have ended by now.
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
        if timeout(GRACE, child.wait()).await.is_err() {
            child.kill().await?;
        }
        Ok(End::Signal(name))
    };
    let run = move || Builder::new_current_thread().enable_all().build()?.block_on(watch());
    let waited = std::thread::spawn(run).join();
    waited.unwrap_or_else(|_| Err(io::Error::other("the wait for it broke off")))
}

fn status(words: &[String], file: &Path, line: Option<usize>) -> io::Result<End> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    let program = Path::new(&words[0]).file_name().unwrap_or_default();
    if let Some(line) = line.filter(|_| GO_TO_LINE.iter().any(|known| program == *known)) {
        command.arg(format!("+{line}"));
    }
    command.arg(file);
    wait(command)
}

/// Returns the line of a definition on which a service is named, counted from 1.
pub(super) fn line_of(text: &str, name: &str) -> Option<usize> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let names_it = |line: &str| {
        let (key, value) = line.split_once(['=', ':']).unwrap_or_default();
        let value = value.split('#').next().unwrap_or_default();
        key.trim_start_matches([' ', '-', '{', '"', '\'']).starts_with("name")
            && value.split(|c| !is_word(c)).any(|word| word == name)
    };
    text.lines().position(names_it).map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, line: Option<usize>) {
        assert_eq!(line_of(text, "web-1"), line, "{text}");
    }

    #[test]
    fn a_service_is_found_by_the_line_that_names_it() {
        check("version = 1\n\n[[services]]\nname = \"web-1\"\n", Some(4));
        check("services:\n  - name: web-11\n  - name: web-1 # ours\n", Some(3));
        check("{\"services\": [\n{\"name\": \"web-1\", \"start_command\": \"x\"}]}", Some(2));
        check("services = [\n{ name = 'web-1', start_command = 'x' }]", Some(2));
        check("[[services]]\nname = \"other\" # web-1\ndescription = \"name = web-1\"\n", None);
        check("", None);
    }

    #[test]
    fn without_a_terminal_the_editor_must_work_alone() {
        assert!(Editor::choose(None, true, false).is_ok());
        assert!(Editor::choose(Some("sed -i s/a/b/"), false, true).is_ok());
        for (chosen, yes) in [(None, true), (Some("vi"), false), (Some("  "), true), (Some("vi '"), true)] {
            assert_eq!(Editor::choose(chosen, false, yes).unwrap_err().exit, Exit::Usage, "{chosen:?}");
        }
    }
}
