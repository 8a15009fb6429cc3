//! `tf api setup-ui` and `tf token`.

use clap::{Args, Subcommand};
use taskflows_core::TimeSpan;
use taskflows_security::{Role, UserName};

/// `tf api setup-ui`.
#[derive(Args, Debug)]
pub struct SetupUiArguments {
    /// What they call themselves.
    #[arg(long, value_name = "NAME", default_value = "admin")]
    pub username: UserName,
    /// What they may do: `viewer`, `operator` or `admin`. Admin for who is new, as it was for others where nothing is said.
    #[arg(long)]
    pub role: Option<Role>,
}

/// What to do with the tokens of machines.
#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// Make a token, which is written to stdout this once.
    #[command(
        before_help = "Examples:\n  tf token create deploy --role operator --expires 90d\n  curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:7777/auth/me\n"
    )]
    Create {
        /// What it is called, in `tf audit` too.
        name: UserName,
        /// What may be done with it: `viewer`, `operator` or `admin`.
        #[arg(long)]
        role: Role,
        /// It ends after so long, as `90d` or `12h`; never where nothing is said.
        #[arg(long, value_name = "SPAN")]
        expires: Option<TimeSpan>,
    },
    /// List the tokens, those that are over too.
    List,
    /// Make tokens worthless, at once.
    Remove {
        /// Their names.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
}
