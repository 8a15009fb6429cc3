//! `tf alert`.

mod incidents;
mod list;
mod send;
mod silence;
mod test;

use std::collections::BTreeMap;

use taskflows_core::ServiceName;
use taskflows_core::alerting::AlertMark;

use crate::alerting::{self, AlertDesk};
use crate::arguments::{AlertVerb, Global};
use crate::{App, CliError, Exit, Ui};

pub(super) async fn alert(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    verb: &AlertVerb,
) -> Result<Exit, CliError> {
    match verb {
        AlertVerb::List(arguments) => list::list(ui, app, global, arguments).await,
        AlertVerb::Ack(arguments) => incidents::ack(ui, app, arguments).await,
        AlertVerb::Close(arguments) => incidents::close(ui, app, arguments).await,
        AlertVerb::Silence(arguments) => silence::silence(ui, app, arguments).await,
        AlertVerb::Unsilence { id } => silence::unsilence(ui, app, *id).await,
        AlertVerb::Test(arguments) => test::test(ui, app, global, arguments).await,
        AlertVerb::Send(arguments) => send::send(ui, app, arguments).await,
        AlertVerb::Retry { channel } => send::retry(ui, app, channel),
    }
}

/// Closes what is open of services that are gone, and in groups that are told no more of a service. The change is made
/// by then, so what is wrong with this is no failure of it.
pub(super) fn close_untold(ui: &mut Ui<'_>, app: &App, marks: &BTreeMap<ServiceName, Option<AlertMark>>) {
    if let Err(error) = alerting::close_untold(app, marks, &actor(app, None)) {
        ui.remark(format!("note: what was open of them stays open (`tf alert close`): {error}"));
    }
}

/// Tells of groups of this host that cannot be used. Those of another server its `tf doctor` tells of.
fn remark_troubles(ui: &mut Ui<'_>, app: &App) -> Result<(), CliError> {
    if app.desk.is_none() {
        for trouble in AlertDesk::open(&app.data_directory)?.troubles() {
            ui.remark(format!("note: {trouble}"));
        }
    }
    Ok(())
}

/// Returns who acts, where nobody else is named.
fn actor(app: &App, by: Option<&String>) -> String {
    let name = |variable: &str| (app.variable)(variable).filter(|name| !name.is_empty());
    by.cloned().or_else(|| name("USER")).or_else(|| name("LOGNAME")).unwrap_or_else(|| "somebody".to_owned())
}
