//! `tf alert` and what systemd calls for it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use taskflows_core::{NamePattern, ServiceName, TimeSpan};

/// What to do with alerts.
#[derive(Debug, Subcommand)]
pub enum AlertVerb {
    /// List what is wrong now: incidents that are open, and who took them on.
    List(AlertListArguments),
    /// Take incidents on: nobody is reminded of them and nobody else is called.
    Ack(AckArguments),
    /// Close incidents that nothing will show to be over.
    Close(AckArguments),
    /// Tell nothing of some services for a time.
    Silence(SilenceArguments),
    /// End a silence before its time.
    Unsilence {
        /// Its number, as `tf alert list --silences` shows it.
        #[arg(value_name = "NUMBER")]
        id: i64,
    },
    /// Send a message to a group, or one of its channels, and see whether it arrives.
    Test(AlertTestArguments),
    /// Send what waits in the queue, as the sender does.
    Send(AlertSendArguments),
    /// Queue again what a channel could not be told.
    Retry {
        /// The channel, as `tf alert list --channels` shows it.
        #[arg(value_name = "CHANNEL")]
        channel: String,
    },
}

/// `tf alert list`.
#[derive(Args, Debug)]
pub struct AlertListArguments {
    /// List the channels instead: what waits, and what went wrong.
    #[arg(long, conflicts_with = "silences")]
    pub channels: bool,
    /// List the silences instead.
    #[arg(long)]
    pub silences: bool,
}

/// `tf alert ack`, `tf alert close`.
#[derive(Args, Debug)]
pub struct AckArguments {
    /// The services or tasks; `*` and `?` stand for any letters.
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<NamePattern>,
    /// Who does it; you unless told.
    #[arg(long, value_name = "WHO")]
    pub by: Option<String>,
}

/// `tf alert silence`.
#[derive(Args, Debug)]
pub struct SilenceArguments {
    /// The services or tasks; `*` and `?` stand for any letters.
    #[arg(value_name = "NAME")]
    pub name: NamePattern,
    /// For how long: `2h`, `3d`.
    #[arg(long = "for", value_name = "SPAN")]
    pub span: TimeSpan,
    /// Only this, a word of `send_on`: `failed`, `missed`, `slow`; may be given again.
    #[arg(long = "kind", value_name = "WORD")]
    pub kinds: Vec<String>,
    /// Why, for who wonders.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub comment: String,
    /// Who does it; you unless told.
    #[arg(long, value_name = "WHO")]
    pub by: Option<String>,
}

/// `tf alert test`.
#[derive(Args, Debug)]
pub struct AlertTestArguments {
    /// The group, as definitions name it, or a channel: `slack:ops`, `email:a@example.org`. All groups where none is given.
    #[arg(value_name = "GROUP|CHANNEL")]
    pub name: Option<String>,
}

/// `tf alert send`.
#[derive(Args, Debug)]
pub struct AlertSendArguments {
    /// Stop after this long, whatever still waits.
    #[arg(long, value_name = "SPAN", default_value = "10min")]
    pub patience: TimeSpan,
    /// Stay for what time brings soon: what is held back to be told with others.
    #[arg(long)]
    pub linger: bool,
}

/// What systemd calls.
#[derive(Debug, Subcommand)]
pub enum HookVerb {
    /// Keep how a run of a service ended, and have it told (`ExecStopPost=`).
    Stopped {
        /// The service.
        #[arg(value_name = "SERVICE")]
        service: ServiceName,
        /// Where what is kept between commands is, whatever the service's own variables say.
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Where the configuration is, likewise.
        #[arg(long, value_name = "DIR")]
        config_home: Option<PathBuf>,
    },
}
