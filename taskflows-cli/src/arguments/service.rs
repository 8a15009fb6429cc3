//! Commands that do something to services.

use clap::Args;
use taskflows_core::NamePattern;

/// Services by name or pattern.
#[derive(Args, Clone, Debug)]
pub struct Names {
    /// Names or patterns (`'web-*'`).
    #[arg(required = true, value_name = "SERVICE")]
    pub services: Vec<NamePattern>,
}

/// Services by name or pattern, to do something to.
#[derive(Args, Clone, Debug)]
pub struct Selector {
    /// Which services.
    #[command(flatten)]
    pub names: Names,
    /// Show what would be done and do nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Services by name or pattern; all of them where none is given.
#[derive(Args, Clone, Debug)]
pub struct OptionalSelector {
    /// Names or patterns (`'web-*'`); all services where none is given.
    #[arg(value_name = "SERVICE")]
    pub services: Vec<NamePattern>,
}

/// `tf stop`, `tf restart`.
#[derive(Args, Clone, Debug)]
pub struct ActArguments {
    /// Which services.
    #[command(flatten)]
    pub selector: Selector,
    /// Act on their timers instead, so that the schedule pauses or goes on until the next boot.
    #[arg(short, long)]
    pub timers: bool,
}

/// `tf start`.
#[derive(Args, Clone, Debug)]
pub struct StartArguments {
    /// Which services, or their timers.
    #[command(flatten)]
    pub act: ActArguments,
    /// Wait for the end of the run and exit by its result.
    #[arg(short, long, conflicts_with = "timers")]
    pub wait: bool,
}

/// `tf remove`.
#[derive(Args, Clone, Debug)]
pub struct RemoveArguments {
    /// Which services.
    #[command(flatten)]
    pub selector: Selector,
    /// Do not ask.
    #[arg(short, long)]
    pub yes: bool,
}
