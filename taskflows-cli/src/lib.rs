#![doc = include_str!("../README.md")]

mod alert_groups;
mod alerting;
mod app;
mod arguments;
mod commands;
mod config;
mod config_file;
mod definitions;
mod desk;
mod environments;
mod error;
mod exit;
mod fleet;
mod host;
mod monitor;
mod needs;
mod output;
mod own_file;
mod remote;
mod run;
mod select;
mod show;
mod tools;
mod ui;
mod wrap;

pub use alert_groups::{AlertGroups, KeptGroup};
pub use app::{App, Variable};
pub use arguments::{Arguments, Global, Verb};
pub use commands::{LocalDefiner, Ordered, order_of};
pub use config::Config;
pub use desk::LocalDesk;
pub use error::CliError;
pub use exit::Exit;
pub use fleet::{
    Address, Asked, Asking, Choice, Chosen, Closed, Gathered, Known, OwnKey, ParseAddressError, Selection,
    Server, ServerChoice, Servers, ServersFile, Way, choose, run_on_one, run_on_servers,
};
pub use monitor::{MonitorSink, NoSink, Told, message};
pub use run::{run, run_on};
pub use ui::{Out, Terminal, Ui};
