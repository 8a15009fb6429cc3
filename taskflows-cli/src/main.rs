//! The `tf` command.

use std::process::ExitCode;

use clap::Parser;
use taskflows_cli::{Arguments, Config, Terminal, run};

fn main() -> ExitCode {
    // A reader that goes away (`tf list | head -1`) ends us quietly, as it ends other programs.
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help goes to stdout, a wrong command line to stderr; where neither can be written, the
            // exit code says it.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut terminal = Terminal::open(&arguments.global);
    let config = Config::from_vars(std::env::vars_os());
    run(arguments, config, &mut terminal).into()
}
