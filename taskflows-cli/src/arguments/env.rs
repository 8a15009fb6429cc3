//! `tf env`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use taskflows_core::EnvironmentName;

/// What to do with environments.
#[derive(Debug, Subcommand)]
pub enum EnvVerb {
    /// List the environments and the services that use them.
    List,
    /// Show an environment as it was written.
    Show {
        /// Its name.
        name: EnvironmentName,
    },
    /// Keep a new environment under a name.
    Create(EnvArguments),
    /// Change an environment: in your editor, or to what the options say.
    Edit(EnvEditArguments),
    /// Forget environments that no service uses.
    Remove {
        /// Their names.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<EnvironmentName>,
        /// Show what would be done and do nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// `tf env create`.
#[derive(Args, Debug)]
pub struct EnvArguments {
    /// Its name.
    pub name: EnvironmentName,
    /// What it is.
    #[command(flatten)]
    pub what: EnvWhat,
    /// One line about it.
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Show what would be kept and keep nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// `tf env edit`.
#[derive(Args, Debug)]
pub struct EnvEditArguments {
    /// Its name.
    pub name: EnvironmentName,
    /// What it is from now on; your editor is opened where nothing is said.
    #[command(flatten)]
    pub what: EnvWhat,
    /// One line about it.
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Call it so from now on.
    #[arg(long, value_name = "NAME")]
    pub rename: Option<EnvironmentName>,
    /// Keep what the editor leaves without a question.
    #[arg(short, long)]
    pub yes: bool,
    /// Show what would be kept and keep nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// What an environment is: one of these.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub struct EnvWhat {
    /// A directory that `python -m venv` made.
    #[arg(long, value_name = "PATH")]
    pub venv: Option<PathBuf>,
    /// A project of uv.
    #[arg(long, value_name = "PATH")]
    pub uv: Option<PathBuf>,
    /// An environment of conda, mamba or micromamba.
    #[arg(long, value_name = "NAME")]
    pub conda: Option<String>,
    /// A container of this image.
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// A file (.toml, .yaml, .json, or `-`) that holds the keys of one environment.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}
