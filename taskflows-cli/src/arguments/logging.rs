//! `tf logging`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use taskflows_core::TimeSpan;

/// What to do about the pipeline of logs.
#[derive(Debug, Subcommand)]
pub enum LoggingVerb {
    /// Write the configuration of Fluent Bit, Loki, Grafana, or all of it with the file that starts them.
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

/// `tf logging setup`.
#[derive(Args, Debug)]
pub struct LoggingSetupArguments {
    /// What to write.
    #[arg(value_name = "PART")]
    pub part: LoggingPart,
    /// Write here; `taskflows-logging` unless told.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// `tf logging check`.
#[derive(Args, Debug)]
pub struct LoggingCheckArguments {
    /// Wait so long for the line to arrive; 30s unless told.
    #[arg(long, value_name = "SPAN")]
    pub timeout: Option<TimeSpan>,
}
