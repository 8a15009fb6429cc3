//! `tf monitor`.

mod check;
mod look;
mod show;

use crate::arguments::{Global, MonitorVerb};
use crate::monitor::MemoryFile;
use crate::{App, CliError, Exit, Ui};

/// Looks for missed runs, or lets systemd look.
pub(super) async fn monitor(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    verb: &MonitorVerb,
) -> Result<Exit, CliError> {
    match verb {
        MonitorVerb::Check(arguments) => check::check(ui, app, global, arguments).await,
        MonitorVerb::Status => status(ui, app, global),
        MonitorVerb::Install => {
            let done = match app.services.ensure_support_units().await? {
                true => "systemd looks for missed runs each minute from now on",
                false => "systemd looks for missed runs each minute already",
            };
            ui.remark(format!("{done}."));
            Ok(Exit::Ok)
        }
    }
}

/// Shows what the last look left.
fn status(ui: &mut Ui<'_>, app: &App, global: &Global) -> Result<Exit, CliError> {
    let memory = MemoryFile::new(&app.data_directory).read()?;
    let now = (app.now)();
    show::standing(ui, global.output, &memory, now, &app.display)?;
    match memory.last_look {
        Some(last) => ui.remark(format!("It last looked {}.", crate::show::ago(last, now))),
        None => ui.remark("It never looked here; `tf monitor install` lets systemd look each minute."),
    }
    Ok(Exit::Ok)
}
