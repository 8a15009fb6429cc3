//! `tf import`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `tf import`.
#[derive(Args, Debug)]
pub struct ImportArguments {
    /// What is imported.
    #[command(subcommand)]
    pub from: ImportFrom,
}

/// What is imported.
#[derive(Debug, Subcommand)]
pub enum ImportFrom {
    /// Define what a crontab runs; exit 6 where a line cannot be kept.
    #[command(
        before_help = "Examples:\n  tf import crontab\n  tf import crontab /etc/crontab --write jobs.toml\n  crontab -l | tf import crontab - -o json\n"
    )]
    Crontab(CrontabArguments),
    /// Define what units made by hand run; exit 6 where one cannot be kept.
    #[command(
        before_help = "Examples:\n  tf import systemd backup.timer\n  tf import systemd ./backup.service ./backup.timer --write backup.toml\n"
    )]
    Systemd(UnitArguments),
}

/// `tf import crontab`.
#[derive(Args, Debug)]
pub struct CrontabArguments {
    /// A crontab, or `-` for stdin; your own where none is given.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// A user stands before each command, as is taken for granted of files below /etc.
    #[arg(long)]
    pub user_column: bool,
    /// Where the definition goes.
    #[command(flatten)]
    pub target: ImportTarget,
}

/// `tf import systemd`.
#[derive(Args, Debug)]
pub struct UnitArguments {
    /// Services or timers by name (`backup`, `backup.timer`), or the paths of their files.
    #[arg(required = true, value_name = "UNIT")]
    pub units: Vec<String>,
    /// Where the definition goes.
    #[command(flatten)]
    pub target: ImportTarget,
}

/// Where an imported definition goes.
#[derive(Args, Debug)]
pub struct ImportTarget {
    /// Write the definition, in TOML, to this file instead of stdout.
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Write over a file that exists, which is refused otherwise.
    #[arg(long, requires = "write")]
    pub force: bool,
}
