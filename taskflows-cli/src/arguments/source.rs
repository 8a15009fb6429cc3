//! Commands that read definition files.

use std::path::PathBuf;

use clap::Args;
use taskflows_core::NamePattern;

/// Definition files, and which of their services are meant.
#[derive(Args, Clone, Debug)]
pub struct SourceArguments {
    /// Definition files (.toml, .yaml, .yml, .json), directories of them, or `-` for stdin.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Take only services whose name matches; may be given again.
    #[arg(short, long, value_name = "PATTERN")]
    pub include: Vec<NamePattern>,
    /// Leave out services whose name matches; may be given again.
    #[arg(short, long, value_name = "PATTERN")]
    pub exclude: Vec<NamePattern>,
}

/// `tf plan`, `tf diff`, and what `tf create` shares with them.
#[derive(Args, Clone, Debug)]
pub struct PlanArguments {
    /// The definitions.
    #[command(flatten)]
    pub sources: SourceArguments,
    /// Also remove services that came from these files, or from a file that has left these directories, and
    /// that are defined no more.
    #[arg(long)]
    pub prune: bool,
}

/// `tf create`.
#[derive(Args, Clone, Debug)]
pub struct CreateArguments {
    /// The definitions, and what becomes of services that are gone from them.
    #[command(flatten)]
    pub plan: PlanArguments,
    /// Show what would change and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Also start what was created or updated.
    #[arg(long)]
    pub now: bool,
    /// Write over unit files that were changed by hand and over dashboards that others made, which is refused otherwise.
    #[arg(long)]
    pub force: bool,
    /// Do not ask before services are removed.
    #[arg(short, long)]
    pub yes: bool,
}

/// `tf edit`.
#[derive(Args, Debug)]
pub struct EditArguments {
    /// The service. All that its file defines is shown, and applied.
    #[arg(value_name = "SERVICE")]
    pub service: NamePattern,
    /// Also remove services that are gone from the file.
    #[arg(long)]
    pub prune: bool,
    /// Write over unit files that were changed by hand and over dashboards that others made, which is refused otherwise.
    #[arg(long)]
    pub force: bool,
    /// Apply what the editor leaves without a question.
    #[arg(short, long)]
    pub yes: bool,
}
