//! Commands that run tasks, and tell of their runs.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use taskflows_core::task::Backoff;
use taskflows_core::{ServiceName, TimeSpan, VariableName};

use super::service::On;

/// `tf exec`.
#[derive(Args, Clone, Debug)]
pub struct ExecArguments {
    /// How the task is called, in its history, logs and alerts; as its program unless told.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// How the command is tried.
    #[command(flatten)]
    pub policy: PolicyArguments,
    /// Tell this group of `alerts.json` what becomes of it; may be given again.
    #[arg(long = "alert", value_name = "GROUP")]
    pub alerts: Vec<String>,
    /// Set a variable for the command; may be given again.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    pub variables: Vec<(VariableName, String)>,
    /// Run the command in this directory.
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// The service whose unit runs this; its run is that of the unit.
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<ServiceName>,
    /// Where what is kept between commands is, whatever the variables say.
    #[arg(long, value_name = "DIR", hide = true)]
    pub data_dir: Option<PathBuf>,
    /// Where the configuration is, likewise.
    #[arg(long, value_name = "DIR", hide = true)]
    pub config_home: Option<PathBuf>,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// How a command is tried.
#[derive(Args, Clone, Debug)]
pub struct PolicyArguments {
    /// Try again after a failure, at most this often.
    #[arg(long, value_name = "N", default_value_t)]
    pub retries: u32,
    /// Wait so long between attempts: `10s` each time, `10s..5min` doubling; `1s..5min` unless told.
    #[arg(long, value_name = "SPAN", default_value_t)]
    pub backoff: Backoff,
    /// End an attempt that takes longer; exit 124 where none is left.
    #[arg(long, value_name = "SPAN")]
    pub timeout: Option<TimeSpan>,
    /// End the run, with all its attempts and waits, after this long; exit 124.
    #[arg(long, value_name = "SPAN")]
    pub deadline: Option<TimeSpan>,
    /// Kill what is left of a command this long after it was asked to end; 10s unless told.
    #[arg(long, value_name = "SPAN")]
    pub kill_after: Option<TimeSpan>,
    /// Mark the task as one that others need, in its records and alerts.
    #[arg(long)]
    pub required: bool,
}

/// Reads `NAME=VALUE`.
fn variable(text: &str) -> Result<(VariableName, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.parse().map_err(|error: taskflows_core::TextError| error.to_string())?, value.to_owned()))
}

/// `tf run`.
#[derive(Args, Debug)]
pub struct RunArguments {
    /// The service, of one server as `web1/backup`.
    #[arg(value_name = "SERVICE")]
    pub service: On<ServiceName>,
}

/// `tf retry`.
#[derive(Args, Debug)]
pub struct RetryArguments {
    /// The run: its id, or the first digits of it, at least 4.
    #[arg(value_name = "RUN", required_unless_present = "last", conflicts_with = "last")]
    pub run: Option<String>,
    /// The newest run of this service or task instead.
    #[arg(long, value_name = "NAME")]
    pub last: Option<String>,
}

/// `tf history`.
#[derive(Args, Debug)]
pub struct HistoryArguments {
    /// Services, or names of tasks; or the id of a run, at least 4 digits of it. All runs where none is given.
    #[arg(value_name = "NAME|RUN", conflicts_with = "rebuild")]
    pub names: Vec<String>,
    /// At most this many runs, the newest; 20 unless told.
    #[arg(short = 'n', long = "number", value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub number: Option<usize>,
    /// Only runs that failed or were cut off.
    #[arg(long)]
    pub failed: bool,
    /// Only runs that began not before: `2h` (ago), `yesterday`, `2026-11-24 14:00`; systemd.time(7).
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only runs that began not after.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Who tells of the runs.
    #[arg(long, value_enum, default_value_t, value_name = "SOURCE")]
    pub source: HistorySource,
    /// Fill the store again with what the journal tells, after it was lost; what it has stays. A damaged one is moved
    /// aside.
    #[arg(long, conflicts_with_all = ["number", "failed", "source"])]
    pub rebuild: bool,
    /// With `--rebuild`, say what would be found, and change nothing.
    #[arg(long, requires = "rebuild")]
    pub dry_run: bool,
}

/// Who tells of runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum HistorySource {
    /// What this host keeps (`state.db`): everything, and at once.
    #[default]
    Store,
    /// The journal of this host, as far back as it reaches.
    Journal,
    /// Loki, for all hosts whose logs go there.
    Loki,
}
