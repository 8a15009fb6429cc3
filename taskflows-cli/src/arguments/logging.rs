//! `tf logging`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use taskflows_core::TimeSpan;

/// What to do about the pipeline of logs.
#[derive(Debug, Subcommand)]
pub enum LoggingVerb {
    /// Write the configuration of Fluent Bit, Loki, Grafana, or all of it with the file that starts them.
    ///
    /// Called again without options, it keeps to those of the last time; with options, to exactly these.
    Setup(LoggingSetupArguments),
    /// Send a marked line down the whole path, and say whether it arrives in Loki, or where it stopped.
    Check(LoggingCheckArguments),
}

/// What is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LoggingPart {
    /// From the journal, files and programs to Loki.
    FluentBit,
    /// Where lines are kept.
    Loki,
    /// Data source, dashboards and alert rules.
    Grafana,
    /// All of it, and the file by which Docker Compose starts it.
    Compose,
}

/// Where Loki keeps lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LoggingProfile {
    /// In a directory, for 30 days.
    #[default]
    Dev,
    /// In S3 or what speaks like it, for 30 days.
    S3,
    /// In S3, compressed as far as can be, for 90 days.
    Archive,
}

/// The label of lines that do not say theirs, unless told.
const ENVIRONMENT: &str = "production";
/// Where journald keeps the journal, unless told.
const JOURNAL: &str = "/var/log/journal";

/// `tf logging setup`.
#[derive(Args, Clone, Debug)]
pub struct LoggingSetupArguments {
    /// What to write.
    #[arg(value_name = "PART")]
    pub part: LoggingPart,
    /// Write here; `taskflows-logging` unless told.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Where Loki keeps lines.
    #[arg(long, value_enum, default_value_t)]
    pub profile: LoggingProfile,
    /// Keep lines so long, such as `14d`; the profile's time unless told.
    #[arg(long, value_name = "SPAN")]
    pub retention: Option<TimeSpan>,
    /// The label `environment` of lines that do not say theirs.
    #[arg(long, value_name = "NAME", default_value = ENVIRONMENT)]
    pub environment: String,
    /// Index `request_id` and `trace_id` as well, so that queries find them as labels.
    #[arg(long)]
    pub labels_compat: bool,
    /// The address of a Loki that runs elsewhere: `https://logs.example.org`.
    #[arg(long, value_name = "URL")]
    pub loki_url: Option<String>,
    /// Loki asks for a user and a password: take them from LOKI_USER and LOKI_PASSWORD.
    #[arg(long)]
    pub loki_auth: bool,
    /// Read only this user's services, by the number; everybody's unless told.
    #[arg(long, value_name = "UID")]
    pub uid: Option<u32>,
    /// Where journald keeps the journal.
    #[arg(long, value_name = "DIR", default_value = JOURNAL)]
    pub journal: String,
    /// Where programs keep files of JSON lines; TASKFLOWS_FILE_DIR unless told.
    #[arg(long, value_name = "DIR")]
    pub file_dir: Option<String>,
    /// Also write lines to /var/log/fluent-bit/services-logs, to look at.
    #[arg(long)]
    pub debug_file: bool,
    /// Show what would be written and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Write over files that others wrote, or that were changed by hand, which is refused otherwise.
    #[arg(long)]
    pub force: bool,
}

/// Options by themselves, as they are kept.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct Kept {
    #[command(flatten)]
    setup: LoggingSetupArguments,
}

impl LoggingSetupArguments {
    /// Returns the options that say how the kit is to be and that are not the usual ones.
    pub(crate) fn options(&self) -> Vec<String> {
        let value = |name: &str, value: Option<String>| value.map(|value| format!("--{name}={value}"));
        let flag = |name: &str, is_set: bool| is_set.then(|| format!("--{name}"));
        let unless = |usual: &str, value: &str| (value != usual).then(|| value.to_owned());
        let profile = match self.profile {
            LoggingProfile::Dev => None,
            LoggingProfile::S3 => Some("s3".to_owned()),
            LoggingProfile::Archive => Some("archive".to_owned()),
        };
        let options = [
            value("profile", profile),
            value("retention", self.retention.map(|span| span.to_string())),
            value("environment", unless(ENVIRONMENT, &self.environment)),
            flag("labels-compat", self.labels_compat),
            value("loki-url", self.loki_url.clone()),
            flag("loki-auth", self.loki_auth),
            value("uid", self.uid.map(|uid| uid.to_string())),
            value("journal", unless(JOURNAL, &self.journal)),
            value("file-dir", self.file_dir.clone()),
            flag("debug-file", self.debug_file),
        ];
        options.into_iter().flatten().collect()
    }

    /// Takes over options as [`Self::options`] returned them; those it cannot read it leaves.
    pub(crate) fn with_options(self, options: &[String]) -> Self {
        let Ok(kept) =
            Kept::try_parse_from(["compose"].into_iter().chain(options.iter().map(String::as_str)))
        else {
            return self;
        };
        Self { part: self.part, dir: self.dir, dry_run: self.dry_run, force: self.force, ..kept.setup }
    }
}

/// `tf logging check`.
#[derive(Args, Debug)]
pub struct LoggingCheckArguments {
    /// Wait so long for the line to arrive; 30s unless told.
    #[arg(long, value_name = "SPAN")]
    pub timeout: Option<TimeSpan>,
}
