//! `dls`, the name that the Python program had: becomes the `tf` beside it, or that of `PATH`, with the same arguments.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name("tf")).filter(|tf| tf.exists());
    let tf = beside.unwrap_or_else(|| PathBuf::from("tf"));
    // It returns only where it failed.
    let error = Command::new(&tf).args(std::env::args_os().skip(1)).exec();
    let _ = std::io::Write::write_fmt(
        &mut std::io::stderr(),
        format_args!("error: could not run `{}`: {error}\n", tf.display()),
    );
    ExitCode::FAILURE
}
