use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::{RunEnd, ServiceName};

/// What is installed and what the manager says of it. What could not be looked at is told in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// Whether it is the user's own manager, which ends with the last session unless lingering is on.
    pub is_user_scope: bool,
    /// The manager, or why it did not answer.
    pub manager: Result<ManagerFacts, Silence>,
    /// Every unit that is named as ours are, sorted by name; or why the directory could not be read.
    pub units: Result<Vec<UnitFacts>, String>,
    /// The directory of unit files.
    pub unit_directory: PathBuf,
    /// The directory for what is kept between commands.
    pub state_directory: PathBuf,
    /// Whether an earlier change was cut off in the middle.
    pub is_interrupted: bool,
    /// The journal.
    pub journal: JournalFacts,
}

/// A manager that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagerFacts {
    /// In words: `the systemd user manager`.
    pub name: String,
    /// As it says itself: `252.38-1~deb12u1`.
    pub version: String,
}

/// A manager that does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Why, as far as it is known.
    pub reason: String,
    /// Whether none is there; else one is there and says nothing, or not to us.
    pub is_absent: bool,
}

/// Whether the journal can be read, and whether it outlives a reboot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalFacts {
    /// Why it cannot be read.
    pub unreadable: Option<String>,
    /// Whether it is on disk; `None` where that cannot be told.
    pub is_persistent: Option<bool>,
}

/// A unit as it stands on disk and in the manager.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitFacts {
    /// Its name: `taskflows-web.timer`.
    pub unit: String,
    /// Whose it is; `None` where its name only begins as ours do.
    pub service: Option<ServiceName>,
    /// Its file, or where it would be.
    pub path: PathBuf,
    /// What the file is.
    pub file: FileState,
    /// Whether it is linked to a target, so that it starts by itself.
    pub is_enabled: bool,
    /// The unit as the manager has it; `None` where it has not.
    pub loaded: Option<LoadedUnit>,
}

/// A unit file.
#[derive(Clone, Debug, PartialEq)]
pub enum FileState {
    /// Written by us.
    Ours {
        /// Nobody has changed it since.
        is_intact: bool,
        /// Its lines, in order.
        directives: Vec<Directive>,
        /// What its lines name on this host.
        references: Vec<Reference>,
    },
    /// Empty, or a link to /dev/null: systemd reads it as masked.
    Masked,
    /// Written by somebody else.
    Foreign {
        /// How that was seen.
        reason: String,
    },
    /// There, but it could not be read.
    Unreadable {
        /// Why.
        reason: String,
    },
    /// There is no such file.
    Missing,
}

/// A line `key=value` of a unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// The section it stands in: `Unit`.
    pub section: String,
    /// The key.
    pub key: String,
    /// The value as it stands, continued lines joined.
    pub value: String,
}

/// Something on this host that a unit needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// For what.
    pub purpose: ReferenceUse,
    /// A path, `~` for the home directory, or the bare name of a program.
    pub path: String,
    /// Where a program that is named without a path is looked for; in systemd's own directories where nothing is
    /// told (`ExecSearchPath=`).
    pub search: Vec<String>,
    /// The options by which a container engine is told where it listens.
    pub options: Vec<String>,
}

impl Reference {
    /// Makes one of a path, or of a name that systemd looks for in its own directories.
    pub fn new(purpose: ReferenceUse, path: impl Into<String>) -> Self {
        Self { purpose, path: path.into(), search: Vec::new(), options: Vec::new() }
    }

    /// Returns the name of the container engine that it is a program of.
    pub fn engine(&self) -> Option<&str> {
        let name = self.path.rsplit('/').next()?;
        (self.purpose == ReferenceUse::Program && Engine::NAMES.contains(&name)).then_some(name)
    }
}

/// For what a unit needs something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReferenceUse {
    /// A program it runs.
    Program,
    /// `EnvironmentFile=` that is not optional.
    EnvironmentFile,
    /// `WorkingDirectory=` that is not optional.
    WorkingDirectory,
    /// `LoadCredential=`
    Credential,
}

/// A unit as the manager has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadedUnit {
    /// `loaded`, `not-found`, `bad-setting`, `error`, `masked`.
    pub load_state: String,
    /// `active`, `inactive`, `failed`, …
    pub active_state: String,
    /// `running`, `waiting`, `elapsed`, …
    pub sub_state: String,
    /// Whether its file changed since the manager read it.
    pub needs_reload: bool,
    /// How it failed, while it stands as failed.
    pub failure: Option<RunEnd>,
    /// The file it was read from, where that was asked.
    pub fragment: Option<PathBuf>,
}

impl LoadedUnit {
    /// Tells whether it runs or, a timer, waits.
    pub fn is_active(&self) -> bool {
        matches!(self.active_state.as_str(), "active" | "activating" | "reloading" | "refreshing")
    }
}

impl UnitFacts {
    /// Tells whether it is a timer.
    pub fn is_timer(&self) -> bool {
        self.unit.ends_with(".timer")
    }

    /// Returns the lines of a unit file of ours; none of another.
    pub fn directives(&self) -> &[Directive] {
        match &self.file {
            FileState::Ours { directives, .. } => directives,
            _ => &[],
        }
    }

    /// Iterates over the values of a key.
    pub fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.directives().iter().filter(move |line| line.key == key).map(|line| line.value.as_str())
    }
}

/// What of the host the rules need to know for a [`Survey`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// Whether it matters that the user's manager outlives the session.
    pub is_user_scope: bool,
    /// What must be there.
    pub references: Vec<Reference>,
    /// Zones that timers name.
    pub zones: Vec<String>,
    /// Directories to look at.
    pub directories: Vec<(DirectoryUse, PathBuf)>,
}

/// What the host is like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostFacts {
    /// Whether the user's manager outlives the session.
    pub linger: Linger,
    /// Pressure stall information by resource; none where the kernel offers none.
    pub pressure: BTreeMap<Resource, Reading>,
    /// Physical memory in bytes.
    pub memory: Option<u64>,
    /// Processors.
    pub cpus: Option<u64>,
    /// Whether the clock is set by the network.
    pub clock: Clock,
    /// Whether the database of zones is there.
    pub has_zones: bool,
    /// Zones that were asked about and are not there.
    pub missing_zones: Vec<String>,
    /// What was asked about and is not there, or not what it should be, with how that was seen.
    pub missing: BTreeMap<Reference, String>,
    /// The directories that were asked about.
    pub directories: Vec<DirectoryFacts>,
    /// The container engines that were looked for.
    pub engines: Vec<Engine>,
    /// Room on the file systems of the directories.
    pub space: Vec<Space>,
    /// The user that looks.
    pub uid: u32,
}

/// Whether a user's manager outlives the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Linger {
    /// It does.
    On,
    /// It does not.
    Off {
        /// The user's name.
        user: String,
    },
    /// There is no logind to end it.
    #[default]
    NoLogind,
}

/// What the kernel keeps pressure of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Processors.
    Cpu,
    /// Memory.
    Memory,
    /// Input and output.
    Io,
}

/// Percentages of time over 10 s, 1 min and 5 min.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// Some tasks waited.
    pub some: [f64; 3],
    /// All of them did; `None` where the kernel does not say, or (for processors) keeps it at 0.
    pub full: Option<[f64; 3]>,
}

/// Whether the clock is set by the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// It is.
    Synchronised,
    /// It is not.
    Unsynchronised,
    /// Nobody here says.
    #[default]
    Unknown,
}

/// What a directory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryUse {
    /// Unit files.
    Units,
    /// What is kept between commands.
    State,
    /// Security settings, which nobody else may read.
    Security,
}

impl DirectoryUse {
    /// Returns its name in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Units => "unit directory",
            Self::State => "state directory",
            Self::Security => "security directory",
        }
    }
}

/// A directory that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryFacts {
    /// For what it is.
    pub purpose: DirectoryUse,
    /// Where it is.
    pub path: PathBuf,
    /// Its owner and mode; `None` where it is not there, or why it could not be looked at.
    pub mode: Result<Option<Mode>, String>,
}

/// Who may do what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// The owner's user id.
    pub owner: u32,
    /// The permission bits: `0o700`.
    pub bits: u32,
    /// Whether it is a directory.
    pub is_directory: bool,
}

/// A container engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// `docker`, `podman`.
    pub name: String,
    /// Its program, where it was found.
    pub program: Option<PathBuf>,
    /// The options by which it is told where it listens, as units have them.
    pub options: Vec<String>,
    /// Why it does not answer.
    pub trouble: Option<String>,
}

impl Engine {
    /// The engines that are looked for.
    pub const NAMES: [&'static str; 2] = ["docker", "podman"];
}

/// Room on a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    /// A directory on it.
    pub path: PathBuf,
    /// Bytes that may still be written.
    pub free_bytes: u64,
    /// Files that may still be made; `None` where there is no limit.
    pub free_files: Option<u64>,
}
