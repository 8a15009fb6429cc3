//! `tf api`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::people::SetupUiArguments;
use super::security::SecurityVerb;

/// What to do with the API of this host.
#[derive(Debug, Subcommand)]
pub enum ApiVerb {
    /// Let systemd run the API, now and at boot, and wait until it answers.
    ///
    /// Once it is set up, only what is said anew changes: without --listen and --tls-cert it stays as it was. It keeps
    /// its data where you keep yours: TASKFLOWS_DATA_DIR and HOME are written into its unit.
    #[command(
        before_help = "Examples:\n  tf api start\n  tf api start --listen 0.0.0.0:7777 --tls-cert c.pem --tls-key k.pem\n  tf api start --no-tls --listen 127.0.0.1:7777\n  tf api start --foreground\n"
    )]
    Start(ApiStartArguments),
    /// Stop it until the next boot. `remove` takes it away.
    #[command(before_help = "Examples:\n  tf api stop\n")]
    Stop,
    /// Restart it as it is set up, and wait until it answers.
    ///
    /// A changed secret, new people and tokens, and a renewed certificate are taken without it.
    #[command(before_help = "Examples:\n  tf api restart\n")]
    Restart,
    /// Stop it and take its unit away. The secret, people, tokens and the audit log are kept.
    #[command(before_help = "Examples:\n  tf api remove --dry-run\n  tf api remove\n")]
    Remove {
        /// Show what would be done and do nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Show how it stands; exit 3 where it does not run, 9 where it does not answer.
    #[command(before_help = "Examples:\n  tf api status\n  tf api status -o json\n")]
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

/// Where the API takes connections unless told otherwise.
const USUAL_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7777);

/// `tf api start`.
#[derive(Args, Clone, Debug, Default)]
pub struct ApiStartArguments {
    /// Serve here, until Ctrl-C or SIGTERM, instead of letting systemd run it.
    #[arg(long)]
    pub foreground: bool,
    /// Take connections at this address, 127.0.0.1:7777 unless told. Another than of this host alone needs signed
    /// requests: `tf security setup`.
    #[arg(long, value_name = "IP:PORT")]
    pub listen: Option<SocketAddr>,
    /// Speak TLS with this certificate, or chain of them (PEM). When it changes, it is read again within 30 s.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The key of the certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Speak TLS no more, where it was set up.
    #[arg(long, conflicts_with_all = ["tls_cert", "foreground"])]
    pub no_tls: bool,
    /// Switch logins on, as `tf api setup-ui` does. This version has no web page.
    #[arg(long)]
    pub enable_ui: bool,
}

impl ApiStartArguments {
    /// Returns where connections are taken.
    pub fn address(&self) -> SocketAddr {
        self.listen.unwrap_or(USUAL_ADDRESS)
    }
}
