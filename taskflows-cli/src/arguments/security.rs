//! `tf security` and `tf audit`.

use std::num::NonZeroUsize;

use clap::{Args, Subcommand};
use taskflows_core::TimeSpan;

/// What to do about who may ask this host over the network.
#[derive(Debug, Subcommand)]
pub enum SecurityVerb {
    /// Make the secret by which requests are signed, where there is none; they have to be signed from then on.
    Setup {
        /// Show what would be done and do nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Show what is set. Secrets are told by their beginning and a fingerprint.
    Status,
    /// Put a new secret in the place of the one there is.
    ///
    /// The server takes it with the next request. With --grace other hosts have so long to take it over.
    #[command(
        before_help = "Examples:\n  tf security regenerate-secret --grace 24h\n  tf security regenerate-secret --dry-run\n"
    )]
    RegenerateSecret(RotateArguments),
    /// Take a secret that another host has, from standard input: one line.
    #[command(
        before_help = "Examples:\n  jq -r .hmac_secret ~/.services/security.json |\n    ssh web2 tf security set-secret - --grace 24h\n"
    )]
    SetSecret {
        /// `-`, for standard input: on a command line everybody would see it.
        #[arg(value_name = "-")]
        source: String,
        /// When it takes effect.
        #[command(flatten)]
        rotate: RotateArguments,
    },
    /// Let requests of your own user on this host in without a signature.
    ///
    /// Nobody else is let in by it, and people and tokens are managed by signed requests alone. `setup` takes it back.
    Disable {
        /// Show what would be done and do nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// How a secret is replaced.
#[derive(Args, Clone, Copy, Debug)]
pub struct RotateArguments {
    /// The secret before stays good for so long, 30 days at most: `24h`, `7d`. Without it, it is worth nothing at once.
    #[arg(long, value_name = "TIME")]
    pub grace: Option<TimeSpan>,
    /// Show what would be done and do nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// `tf audit`.
#[derive(Args, Debug)]
pub struct AuditArguments {
    /// At most this many, the newest: a table has a line for each change, other formats a record of its begin and one of
    /// its end.
    #[arg(short = 'n', long = "number", value_name = "N", default_value = "50")]
    pub number: NonZeroUsize,
    /// Only records not before: `2h` (ago), `yesterday`, `2026-11-24 14:00`; systemd.time(7).
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only of who this is, or says to be.
    #[arg(long, value_name = "NAME")]
    pub who: Option<String>,
    /// Only those in whose action this stands: `POST`, `/api/apply`, `security`.
    #[arg(long, value_name = "TEXT")]
    pub action: Option<String>,
    /// Only what failed or was refused.
    #[arg(long)]
    pub failed: bool,
}
