//! What every command understands.

use clap::{ArgAction, Args, ValueEnum};
use taskflows_systemd::Scope;

use crate::fleet::ServerChoice;

/// What every command understands.
#[derive(Args, Clone, Debug, Default)]
pub struct Global {
    /// Whose manager runs the services.
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Everywhere")]
    pub scope: ScopeArgument,
    /// Which servers are asked: a name, a pattern, @group, host:port, or local; may be given again.
    #[arg(short = 's', long = "server", global = true, value_name = "SERVER", help_heading = "Everywhere")]
    pub servers: Vec<ServerChoice>,
    /// How results are written.
    #[arg(short, long, global = true, value_enum, default_value_t, help_heading = "Everywhere")]
    pub output: Format,
    /// Write no remarks but errors.
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub quiet: bool,
    /// Write more: every service, every file.
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Everywhere")]
    pub verbose: u8,
}

/// Whose manager runs the services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ScopeArgument {
    /// The user's own (`systemd --user`).
    #[default]
    User,
    /// The machine's; needs root.
    System,
}

impl From<ScopeArgument> for Scope {
    fn from(scope: ScopeArgument) -> Self {
        match scope {
            ScopeArgument::User => Self::User,
            ScopeArgument::System => Self::System,
        }
    }
}

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns that fit the terminal.
    #[default]
    Table,
    /// More columns, which may be wider than the terminal.
    Wide,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// One YAML list.
    Yaml,
    /// Names alone, one a line.
    Name,
    /// Messages alone, as they were written; of `tf logs`.
    Raw,
}
