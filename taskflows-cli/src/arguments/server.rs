//! `tf server`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::fleet::{Address, ServerChoice, check_group, check_name};

/// What to do with servers.
#[derive(Debug, Subcommand)]
pub enum ServerVerb {
    /// Register a server, so that commands ask it; it is asked for its id.
    #[command(
        before_help = "Examples:\n  tf server add web1 web1.example.com:7777 --group web\n  tf server add db1 https://10.0.0.7:7777 --ca-file /etc/taskflows/ca.pem\n"
    )]
    Add(ServerAddArguments),
    /// List the servers that are registered; none is asked.
    List,
    /// Ask servers whether they are there, know our key, and have the right time. The id of one that was never asked is
    /// kept from now on.
    #[command(
        before_help = "Examples:\n  tf server test\n  tf server test web1 -o json\n  tf server test https://10.0.0.7:7777\n"
    )]
    Test {
        /// Their names, or addresses (host:port); all that are registered where none is given.
        // `servers` is what -s names.
        #[arg(value_name = "SERVER", value_parser = tested)]
        tested: Vec<ServerChoice>,
    },
    /// Forget servers; nothing changes on them.
    #[command(visible_alias = "rm")]
    Remove {
        /// Their names.
        #[arg(required = true, value_name = "NAME", value_parser = name)]
        names: Vec<String>,
    },
}

/// `tf server add`.
#[derive(Args, Debug)]
pub struct ServerAddArguments {
    /// Its name here: letters, digits, `.`, `_` and `-`.
    #[arg(value_parser = name)]
    pub name: String,
    /// Where its API is: host:port, http://host:port or https://host:port; port 7777 where none is given.
    #[arg(value_parser = Address::with_usual_port)]
    pub address: Address,
    /// Put it into this group, which `-s @GROUP` asks; may be given again.
    #[arg(short, long, value_name = "GROUP", value_parser = group)]
    pub group: Vec<String>,
    /// A file of certificates (PEM) to trust beside those of the system.
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Do not ask it; `tf server test` asks for its id later.
    #[arg(long)]
    pub offline: bool,
}

fn name(text: &str) -> Result<String, String> {
    check_name(text).map(|()| text.to_owned())
}

fn tested(text: &str) -> Result<ServerChoice, String> {
    match text.parse()? {
        one @ (ServerChoice::Name(_) | ServerChoice::Address(_)) => Ok(one),
        _ => {
            Err("name a server, or give its address; without any, all that are registered are asked"
                .to_owned())
        }
    }
}

fn group(text: &str) -> Result<String, String> {
    check_group(text).map(|()| text.to_owned())
}
