//! `tf logging`: the pipeline of logs.

mod check;
mod setup;

use crate::arguments::{Global, LoggingVerb};
use crate::{App, CliError, Exit, Ui};

pub(super) async fn logging(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    verb: &LoggingVerb,
) -> Result<Exit, CliError> {
    match verb {
        LoggingVerb::Setup(arguments) => setup::setup(ui, app, global, arguments),
        LoggingVerb::Check(arguments) => check::check(ui, app, global, arguments).await,
    }
}
