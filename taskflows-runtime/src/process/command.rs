use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use thiserror::Error;

/// How long a process that was asked to end is waited for.
pub const DEFAULT_KILL_AFTER: Duration = Duration::from_secs(10);

/// A command, and what its processes find.
#[derive(Clone, Debug)]
pub struct ProcessCommand {
    /// The program and its arguments; not empty.
    pub argv: Vec<OsString>,
    /// The directory it runs in; that of this process where it is not set.
    pub directory: Option<PathBuf>,
    /// Variables beside those of this process: a value, or that it is not there.
    pub variables: Vec<(OsString, Option<OsString>)>,
    /// How long after `SIGTERM` what is left is killed.
    pub kill_after: Duration,
    /// Whether the processes share the group of this one, since a terminal stops what reads from another.
    pub shares_group: bool,
    /// Whether whatever loses its parent below this process becomes its child, and every child is waited for. Only for
    /// a process that does nothing else.
    pub adopts: bool,
}

impl ProcessCommand {
    /// A command with nothing set for it.
    pub fn new(argv: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            directory: None,
            variables: Vec::new(),
            kill_after: DEFAULT_KILL_AFTER,
            shares_group: false,
            adopts: false,
        }
    }

    /// Starts it.
    pub(crate) fn start(&self, output: [Stdio; 2], own: &[(&str, String)]) -> Result<Child, StartError> {
        let (program, arguments) = self.argv.split_first().ok_or(StartError::Nothing)?;
        let [stdout, stderr] = output;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::inherit()).stdout(stdout).stderr(stderr);
        command.envs(own.iter().map(|(name, value)| (name, value)));
        for (name, value) in &self.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        if !self.shares_group {
            command.process_group(0);
        }
        command.spawn().map_err(|source| self.why(program, source))
    }

    fn why(&self, program: &OsStr, source: io::Error) -> StartError {
        if let Some(directory) = &self.directory
            && let Err(source) = std::fs::read_dir(directory)
        {
            return StartError::Directory { directory: directory.clone(), source };
        }
        let program = program.to_string_lossy().into_owned();
        match source.kind() {
            io::ErrorKind::NotFound => StartError::NotFound { program, source },
            io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => StartError::NoRoom { program, source },
            _ => StartError::NotExecutable { program, source },
        }
    }
}

/// Why a command was not started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is none.
    #[error("there is no command")]
    Nothing,
    /// There is no such program.
    #[error("could not find `{program}`")]
    NotFound {
        /// The program.
        program: String,
        /// The cause.
        source: io::Error,
    },
    /// It is no program, or may not be executed.
    #[error("could not execute `{program}`")]
    NotExecutable {
        /// The program.
        program: String,
        /// The cause.
        source: io::Error,
    },
    /// Its directory cannot be entered.
    #[error("could not enter `{}`", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The host has no room for another process.
    #[error("could not start `{program}` for lack of room")]
    NoRoom {
        /// The program.
        program: String,
        /// The cause.
        source: io::Error,
    },
    /// Its output could not be connected.
    #[error("could not connect its output")]
    Output(#[source] io::Error),
}

impl StartError {
    /// Returns the exit code that a shell gives it: 127 where there is no such program, 126 where it cannot be
    /// executed, and 125 where it is the fault of neither.
    pub fn code(&self) -> u8 {
        match self {
            Self::NotFound { .. } => 127,
            Self::NotExecutable { .. } => 126,
            _ => 125,
        }
    }

    /// Tells whether another attempt would fail the same.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::NoRoom { .. } | Self::Output(_))
    }
}
