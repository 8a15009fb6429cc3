use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::{Arguments, CliError, Exit, Ui};

pub(crate) fn completion(ui: &mut Ui<'_>, shell: Shell) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "tf", &mut script);
    ui.out.write_all(&script)?;
    Ok(Exit::Ok)
}
