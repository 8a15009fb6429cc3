//! `tf api`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::people::SetupUiArguments;
use super::security::SecurityVerb;

/// What to do with the API of this host.
#[derive(Debug, Subcommand)]
pub enum ApiVerb {
    /// Let systemd run the API, now and at boot, and wait until it answers.
    #[command(
        before_help = "Examples:\n  tf api start\n  tf api start --listen 0.0.0.0:7777 --tls-cert c.pem --tls-key k.pem\n  tf api start --foreground\n"
    )]
    Start(ApiStartArguments),
    /// Stop it; it starts again at boot.
    Stop,
    /// Restart it, and wait until it answers.
    Restart,
    /// Show how it stands; exit 3 where it does not run.
    Status,
    /// Print its description, as OpenAPI 3.1.
    #[command(before_help = "Examples:\n  tf api openapi > openapi.json\n")]
    Openapi,
    /// Let somebody log in: the password is asked for twice, or is one line of stdin.
    ///
    /// Who is known already gets the new password, which ends their sessions. The key of all logins is made the first time
    /// and stays.
    #[command(
        name = "setup-ui",
        before_help = "Examples:\n  tf api setup-ui --username admin\n  pass show tf/ada | tf api setup-ui --username ada --role viewer\n"
    )]
    SetupUi(SetupUiArguments),
    /// As `tf security`.
    Security {
        /// What to do.
        #[command(subcommand)]
        verb: SecurityVerb,
    },
}

/// `tf api start`.
#[derive(Args, Debug)]
pub struct ApiStartArguments {
    /// Serve here, until Ctrl-C or SIGTERM, instead of letting systemd run it.
    #[arg(long)]
    pub foreground: bool,
    /// Take connections at this address. Another than of this host alone needs signed requests: `tf security setup`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7777")]
    pub listen: SocketAddr,
    /// Speak TLS with this certificate, or chain of them (PEM). It is read again when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The key of the certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Keep that the web page is wanted, for the version that has one.
    #[arg(long)]
    pub enable_ui: bool,
}
