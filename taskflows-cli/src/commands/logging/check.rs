use crate::arguments::{Global, LoggingCheckArguments};
use crate::{App, CliError, Exit, Ui};

pub(super) async fn check(
    _: &mut Ui<'_>,
    _: &App,
    _: &Global,
    arguments: &LoggingCheckArguments,
) -> Result<Exit, CliError> {
    Err(CliError::new(Exit::Failed, format!("{:?}: not built yet", arguments.timeout)))
}
