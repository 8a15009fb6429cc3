use taskflows_api::wire::IncidentsBody;

use super::actor;
use crate::arguments::AckArguments;
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui};

pub(super) async fn ack(ui: &mut Ui<'_>, app: &App, arguments: &AckArguments) -> Result<Exit, CliError> {
    let by = actor(app, arguments.by.as_ref());
    for name in app.desk().ack(&body(arguments, &by)).await? {
        ui.remark(format!("{by} took on {}: nobody is reminded of it.", harmless(&name)));
    }
    Ok(Exit::Ok)
}

pub(super) async fn close(ui: &mut Ui<'_>, app: &App, arguments: &AckArguments) -> Result<Exit, CliError> {
    let by = actor(app, arguments.by.as_ref());
    for name in app.desk().close(&body(arguments, &by)).await? {
        ui.remark(format!("Closed the incident of {}.", harmless(&name)));
    }
    Ok(Exit::Ok)
}

fn body(arguments: &AckArguments, by: &str) -> IncidentsBody {
    let names = arguments.names.iter().map(ToString::to_string).collect();
    IncidentsBody { names, who: Some(by.to_owned()) }
}
