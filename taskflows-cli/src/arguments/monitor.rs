//! `tf monitor`.

use clap::{Args, Subcommand};

/// What to do about missed runs.
#[derive(Debug, Subcommand)]
pub enum MonitorVerb {
    /// Look once: exit 1 where a run was missed, will be, or takes an unusual time.
    Check(MonitorCheckArguments),
    /// Let systemd look each minute. `tf create` sees to it by itself for services with alerts.
    Install,
    /// Show when it last looked, and what stands.
    Status,
}

/// `tf monitor check`.
#[derive(Args, Debug)]
pub struct MonitorCheckArguments {
    /// Look at services without alerts as well; of these nothing is sent.
    #[arg(long)]
    pub all: bool,
    /// Exit 0 whatever is found, as the unit does that looks each minute; 1 is then a failure of the look itself.
    #[arg(long)]
    pub no_fail: bool,
    /// Call this address after each look, and with `/fail` after it where the look failed: a service elsewhere tells
    /// where it is called no more. Without it, that of TASKFLOWS_DEADMAN_URL.
    #[arg(long, value_name = "URL")]
    pub ping_url: Option<String>,
}
