//! `tf server` and `tf context`: which servers there are, and which a command asks.

mod add;
mod context;
mod list;
mod test;

pub(super) use context::context;

use crate::arguments::{Global, ServerVerb};
use crate::fleet::{ServersFile, no_such_server};
use crate::{App, CliError, Exit, Ui};

pub(super) async fn server(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    verb: &ServerVerb,
) -> Result<Exit, CliError> {
    match verb {
        ServerVerb::Add(arguments) => add::add(ui, app, arguments).await,
        ServerVerb::List => list::list(ui, app, global),
        ServerVerb::Test { tested } => test::test(ui, app, global, tested).await,
        ServerVerb::Remove { names } => remove(ui, app, names),
    }
}

fn file(app: &App) -> ServersFile {
    ServersFile::new(&app.data_directory)
}

/// Forgets servers, all or none.
fn remove(ui: &mut Ui<'_>, app: &App, names: &[String]) -> Result<Exit, CliError> {
    file(app).change(|servers| {
        for name in names {
            if servers.remove(name).is_none() {
                return Err(no_such_server(servers, name));
            }
        }
        Ok(())
    })?;
    for name in names {
        ui.remark(format!("Forgot {name}; nothing changed on it."));
    }
    Ok(Exit::Ok)
}
