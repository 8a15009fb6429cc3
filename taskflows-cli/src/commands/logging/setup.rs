use crate::arguments::{Global, LoggingSetupArguments};
use crate::{App, CliError, Exit, Ui};

pub(super) fn setup(
    _: &mut Ui<'_>,
    _: &App,
    _: &Global,
    arguments: &LoggingSetupArguments,
) -> Result<Exit, CliError> {
    Err(CliError::new(Exit::Failed, format!("{:?} {:?}: not built yet", arguments.part, arguments.dir)))
}
