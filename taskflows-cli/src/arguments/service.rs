//! Commands that do something to services.

use std::fmt::Display;
use std::str::FromStr;

use clap::Args;
use taskflows_core::NamePattern;

use crate::fleet::ServerChoice;

/// What is named on a command line, of one server where that stands before it: `web1/backup`, as `-o name` writes it.
#[derive(Clone, Debug, PartialEq)]
pub struct On<T> {
    /// The server; `None` is those that the command asks.
    pub server: Option<ServerChoice>,
    /// What is named.
    pub what: T,
}

/// Services of a server, or of all that a command asks.
pub(crate) type Wanted = On<NamePattern>;

impl<T> From<T> for On<T> {
    fn from(what: T) -> Self {
        Self { server: None, what }
    }
}

impl<T: FromStr<Err: Display>> FromStr for On<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = |what: &str| what.parse::<T>().map_err(|error| error.to_string());
        // An address may have `/` as well: `https://web1:7777/backup`.
        let Some((server, what)) = text.rsplit_once('/') else { return parse(text).map(Self::from) };
        match server.parse::<ServerChoice>() {
            Ok(server) if server.is_one() => Ok(Self { server: Some(server), what: parse(what)? }),
            _ => Err(format!("what stands before `/` in `{}` is no name of a server", text.escape_debug())),
        }
    }
}

/// Returns what is wanted, of whichever server.
pub(crate) fn patterns(wanted: &[Wanted]) -> Vec<NamePattern> {
    wanted.iter().map(|wanted| wanted.what.clone()).collect()
}

/// Services by name or pattern.
#[derive(Args, Clone, Debug)]
pub struct Names {
    /// Names or patterns (`'web-*'`), of one server as `web1/backup`.
    #[arg(required = true, value_name = "SERVICE")]
    pub services: Vec<Wanted>,
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
    /// Names or patterns (`'web-*'`), of one server as `web1/backup`; all services where none is given.
    #[arg(value_name = "SERVICE")]
    pub services: Vec<Wanted>,
    /// With those of taskflows itself (`srv-api`), which a pattern selects only where it begins with `srv-`.
    #[arg(short, long)]
    pub all: bool,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_may_be_one_servers() {
        for (text, server, what) in [
            ("backup", None, "backup"),
            ("web1/backup", Some("web1"), "backup"),
            ("local/w*", Some("local"), "w*"),
            ("10.0.0.9:80/backup", Some("10.0.0.9:80"), "backup"),
            ("https://web1:7777/backup", Some("https://web1:7777"), "backup"),
        ] {
            let wanted: Wanted = text.parse().unwrap();
            assert_eq!(wanted.server, server.map(|server| server.parse().unwrap()), "{text}");
            assert_eq!(wanted.what.as_str(), what);
        }
        for text in ["/backup", "web*/backup", "@web/backup", "a/b/c", "web1/", "web1/-x"] {
            assert!(text.parse::<Wanted>().is_err(), "{text}");
        }
    }
}
