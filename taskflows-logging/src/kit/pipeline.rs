use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use reqwest::Url;
use thiserror::Error;

use super::{KitFile, Label, alerts, compose, dashboard, fluent_bit, grafana, loki};

/// What is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Fluent Bit, run by the machine itself.
    FluentBit,
    /// Loki, run by the machine itself.
    Loki,
    /// Grafana's provisioning, for one that runs already.
    Grafana,
    /// All of it, in containers that Docker Compose starts.
    Compose,
}

impl Part {
    /// Returns its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FluentBit => "fluent-bit",
            Self::Loki => "loki",
            Self::Grafana => "grafana",
            Self::Compose => "compose",
        }
    }
}

/// Where Loki keeps what it gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// In a directory.
    #[default]
    Dev,
    /// In S3 or what speaks like it.
    S3,
    /// In S3, compressed as far as can be, and for long.
    Archive,
}

impl Profile {
    /// Returns its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::S3 => "s3",
            Self::Archive => "archive",
        }
    }

    /// Returns how long lines are kept unless told.
    pub const fn retention(self) -> Duration {
        let days = if matches!(self, Self::Archive) { 90 } else { 30 };
        Duration::from_secs(days * 86_400)
    }

    pub(super) const fn has_object_store(self) -> bool {
        matches!(self, Self::S3 | Self::Archive)
    }
}

/// Where Loki is.
///
/// ```
/// use taskflows_logging::kit::LokiAddress;
///
/// let address: LokiAddress = "https://logs.example.org/loki-a".parse()?;
/// assert_eq!((address.host.as_str(), address.port, address.is_tls), ("logs.example.org", 443, true));
/// assert_eq!(address.to_string(), "https://logs.example.org:443/loki-a");
/// assert!("http://me:secret@localhost:3100".parse::<LokiAddress>().is_err());
/// # Ok::<(), taskflows_logging::kit::PipelineError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LokiAddress {
    /// Whether it is reached by TLS.
    pub is_tls: bool,
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What comes before `/loki/api`: nothing, or a path without a slash at its end.
    pub path: String,
}

impl LokiAddress {
    pub(super) fn on(host: &str, port: u16) -> Self {
        Self { is_tls: false, host: host.to_owned(), port, path: String::new() }
    }
}

impl FromStr for LokiAddress {
    type Err = PipelineError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |reason: &str| PipelineError::Address { reason: reason.to_owned() };
        let scheme = if text.contains("://") { "" } else { "http://" };
        let url = Url::parse(&format!("{scheme}{text}")).map_err(|error| refused(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("it begins with neither http:// nor https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("a user and a password go into LOKI_USER and LOKI_PASSWORD, not into files"));
        }
        let host = url.host_str().ok_or_else(|| refused("it names no host"))?;
        Ok(Self {
            is_tls: url.scheme() == "https",
            host: plain("the host of Loki", host)?,
            port: url.port_or_known_default().ok_or_else(|| refused("it names no port"))?,
            path: plain("the path of Loki", url.path().trim_end_matches('/'))?,
        })
    }
}

impl fmt::Display for LokiAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.path)
    }
}

/// What is read of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSources {
    /// The directory of its files.
    pub directory: String,
    /// Only this user's services are read, of the users'; everybody's where there is none.
    pub user: Option<u32>,
    /// Whether services of the machine are read.
    pub system: bool,
    /// Whether containers are read whose log driver is `journald`.
    pub docker: bool,
}

impl Default for JournalSources {
    fn default() -> Self {
        Self { directory: "/var/log/journal".to_owned(), user: None, system: true, docker: true }
    }
}

/// The images of containers, each of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// Fluent Bit's.
    pub fluent_bit: String,
    /// Loki's.
    pub loki: String,
    /// Grafana's.
    pub grafana: String,
}

impl Default for Images {
    /// Versions that belong together: Fluent Bit 5.1 with Loki 3.4 was seen to work; 5.1.2 mends a fault of its Loki
    /// output that 5.1.0 has (fluent/fluent-bit#12351).
    fn default() -> Self {
        Self {
            fluent_bit: "fluent/fluent-bit:5.1.2".to_owned(),
            loki: "grafana/loki:3.4.3".to_owned(),
            grafana: "grafana/grafana:13.1.3".to_owned(),
        }
    }
}

/// Ports, each of which is open on this machine alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Where programs send lines.
    pub forward: u16,
    /// Where Fluent Bit says how it is.
    pub health: u16,
    /// Loki's.
    pub loki: u16,
    /// Grafana's.
    pub grafana: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self { forward: 24224, health: 2020, loki: 3100, grafana: 3000 }
    }
}

/// The pipeline of logs: what is read, where it goes, how long it is kept.
///
/// ```
/// use taskflows_logging::kit::{Part, Pipeline};
///
/// let files = Pipeline::default().files(Part::Compose);
/// assert!(files.iter().any(|file| file.path == "docker-compose.yml"));
/// assert_eq!(files, Pipeline::default().files(Part::Compose));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// Whether ids of requests and of traces are indexed, as older queries want it.
    pub labels_compat: bool,
    /// The label of lines that do not say theirs, unless `ENVIRONMENT` says it.
    pub environment: String,
    /// Where Loki keeps lines.
    pub profile: Profile,
    /// How long; the profile's time where there is none. Whole hours, at least a day.
    pub retention: Option<Duration>,
    /// A Loki that runs elsewhere; ours where there is none.
    pub loki: Option<LokiAddress>,
    /// Whether Loki asks for `LOKI_USER` and `LOKI_PASSWORD`.
    pub has_auth: bool,
    /// `X-Scope-OrgID`, where several share it.
    pub tenant: Option<String>,
    /// What is read of the journal.
    pub journal: JournalSources,
    /// The directory of programs' files of JSON lines.
    pub file_directory: String,
    /// Whether lines are also written to a file, which nobody shortens.
    pub debug_file: bool,
    /// The ports.
    pub ports: Ports,
    /// The images.
    pub images: Images,
}

impl Default for Pipeline {
    fn default() -> Self {
        Self {
            labels_compat: false,
            environment: "production".to_owned(),
            profile: Profile::default(),
            retention: None,
            loki: None,
            has_auth: false,
            tenant: None,
            journal: JournalSources::default(),
            file_directory: Self::FILE_DIRECTORY.to_owned(),
            debug_file: false,
            ports: Ports::default(),
            images: Images::default(),
        }
    }
}

/// Why a pipeline cannot be configured so.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PipelineError {
    /// A word has characters that mean something in one of the files.
    #[error("{what} cannot be `{value}`: only letters, digits and `. _ - / : [ ]` are meant")]
    Word {
        /// What it is.
        what: &'static str,
        /// The word.
        value: String,
    },
    /// A directory is not absolute.
    #[error("{what} `{value}` does not begin with `/`")]
    Relative {
        /// What it is.
        what: &'static str,
        /// The path.
        value: String,
    },
    /// The address of Loki cannot be used.
    #[error("that is no address of Loki: {reason}")]
    Address {
        /// Why.
        reason: String,
    },
    /// The retention is shorter than what Loki can keep.
    #[error("lines are kept a day at least")]
    Retention,
}

/// Returns a word that stands for itself in YAML, Lua and a shell's variables.
fn plain(what: &'static str, value: &str) -> Result<String, PipelineError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/:[]".contains(c);
    let is_good = value.chars().all(is_plain);
    is_good.then(|| value.to_owned()).ok_or_else(|| PipelineError::Word { what, value: value.to_owned() })
}

impl Pipeline {
    /// Where programs keep their files of JSON lines unless told.
    pub const FILE_DIRECTORY: &'static str = "/opt/taskflows/data/logs";

    /// Checks what the types leave open.
    ///
    /// # Errors
    /// When a word could be read as something else in one of the files, a directory is relative, or the retention is
    /// less than a day.
    pub fn check(&self) -> Result<(), PipelineError> {
        let words = [("the environment", Some(&self.environment)), ("the tenant", self.tenant.as_ref())];
        for (what, word) in words.into_iter().filter_map(|(what, word)| word.map(|word| (what, word))) {
            if word.is_empty() {
                return Err(PipelineError::Word { what, value: String::new() });
            }
            plain(what, word)?;
        }
        let directories = [
            ("the directory of the journal", &self.journal.directory),
            ("the directory of files", &self.file_directory),
        ];
        for (what, directory) in directories {
            plain(what, directory)?;
            if !directory.starts_with('/') {
                return Err(PipelineError::Relative { what, value: directory.clone() });
            }
        }
        (self.retention().as_secs() >= 86_400).then_some(()).ok_or(PipelineError::Retention)
    }

    /// Returns how long lines are kept.
    pub fn retention(&self) -> Duration {
        self.retention.unwrap_or(self.profile.retention())
    }

    pub(super) fn retention_hours(&self) -> u64 {
        self.retention().as_secs() / 3600
    }

    /// Returns the labels that are indexed.
    pub fn labels(&self) -> Vec<Label> {
        Label::ALL.into_iter().filter(|label| label.is_indexed(self.labels_compat)).collect()
    }

    /// Returns what travels as structured metadata.
    pub fn metadata(&self) -> Vec<Label> {
        Label::ALL.into_iter().filter(|label| !label.is_indexed(self.labels_compat)).collect()
    }

    /// Returns the files of a part, in the order of their paths.
    pub fn files(&self, part: Part) -> Vec<KitFile> {
        let mut files = match part {
            Part::FluentBit => fluent_bit::files(self, part),
            Part::Loki => loki::files(self, part),
            Part::Grafana => self.grafana(part),
            Part::Compose => {
                let own = if self.loki.is_none() { loki::files(self, part) } else { Vec::new() };
                [fluent_bit::files(self, part), own, self.grafana(part), compose::files(self)].concat()
            }
        };
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    }

    fn grafana(&self, part: Part) -> Vec<KitFile> {
        [grafana::files(self, part), dashboard::files(), alerts::files(self, part)].concat()
    }

    /// Returns the command that writes a part, with the options that differ from what is usual.
    pub fn command(&self, part: Part) -> String {
        let usual = Self::default();
        let mut command = format!("tf logging setup {}", part.name());
        let mut add = |wanted: bool, option: String| {
            if wanted {
                command.push(' ');
                command.push_str(&option);
            }
        };
        add(self.labels_compat, "--labels-compat".to_owned());
        add(self.profile != usual.profile, format!("--profile {}", self.profile.name()));
        add(self.environment != usual.environment, format!("--environment {}", self.environment));
        add(self.retention.is_some(), format!("--retention {}h", self.retention_hours()));
        add(self.has_auth, "--loki-auth".to_owned());
        let user = self.journal.user.unwrap_or_default();
        add(self.journal.user.is_some(), format!("--uid {user}"));
        let directory = &self.journal.directory;
        add(*directory != usual.journal.directory, format!("--journal {directory}"));
        add(self.file_directory != usual.file_directory, format!("--file-dir {}", self.file_directory));
        add(self.debug_file, "--debug-file".to_owned());
        if let Some(loki) = &self.loki {
            add(true, format!("--loki-url {loki}"));
        }
        command
    }

    /// Returns the first lines of a file whose comments begin with `mark`.
    pub(super) fn header(&self, part: Part, mark: &str) -> String {
        format!(
            "{mark} Written by `{}`.\n\
             {mark} A file that was changed by hand is not written over, unless with --force.\n",
            self.command(part)
        )
    }

    /// Returns where `part` reaches Loki.
    pub(super) fn loki_address(&self, part: Part) -> LokiAddress {
        let own = match part {
            Part::Compose => LokiAddress::on("loki", 3100),
            _ => LokiAddress::on("localhost", self.ports.loki),
        };
        self.loki.clone().unwrap_or(own)
    }
}

impl Part {
    /// Returns the address a server binds: inside a container all of its own, which is published on loopback alone.
    pub(super) const fn listen(self) -> &'static str {
        if matches!(self, Self::Compose) { "0.0.0.0" } else { "127.0.0.1" }
    }
}
