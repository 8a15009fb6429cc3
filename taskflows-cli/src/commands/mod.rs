//! One file for each command: parse, call one thing, show the result.

mod act;
mod calendar;
mod completion;
mod create;
mod diff;
mod list;
mod logs;
mod man;
mod next;
mod questions;
mod remove;
mod render;
mod show;
mod status;
mod timespan;
mod validate;

pub(crate) use completion::completion;
pub(crate) use man::man;

use crate::{App, Arguments, CliError, Exit, Ui, Verb};

/// Carries out a command on this host.
///
/// # Errors
/// What went wrong, with the exit code for it.
pub(crate) async fn execute(ui: &mut Ui<'_>, app: &App, arguments: &Arguments) -> Result<Exit, CliError> {
    let global = &arguments.global;
    match &arguments.verb {
        Verb::Create(create) => create::create(ui, app, global, create).await,
        Verb::Plan(sources) => create::plan(ui, app, global, sources).await,
        Verb::Diff(sources) => diff::diff(ui, app, global, sources).await,
        Verb::Validate(sources) => validate::validate(ui, app, global, sources),
        Verb::Render(sources) => render::render(ui, app, global, sources),
        Verb::Calendar(calendar) => calendar::calendar(ui, app, global, calendar),
        Verb::Timespan(spans) => timespan::timespan(ui, global, spans),
        Verb::List(selector) => list::list(ui, app, global, selector).await,
        Verb::Next(arguments) => next::next(ui, app, global, arguments).await,
        Verb::Status(selector) => status::status(ui, app, global, selector).await,
        Verb::Show(names) => show::show(ui, app, global, names).await,
        Verb::Start(start) => act::start(ui, app, global, start).await,
        Verb::Stop(stop) => act::stop(ui, app, global, stop).await,
        Verb::Restart(restart) => act::restart(ui, app, global, restart).await,
        Verb::Enable(selector) => act::enable(ui, app, global, selector).await,
        Verb::Disable(selector) => act::disable(ui, app, global, selector).await,
        Verb::Remove(remove) => remove::remove(ui, app, global, remove).await,
        Verb::Logs(logs) => logs::logs(ui, app, global, logs).await,
        Verb::Completion { shell } => completion(ui, *shell),
        Verb::Man { dir } => man(ui, dir.as_deref()),
    }
}

/// Tells that an earlier change was cut off, which people should know before they trust what they see.
fn remark_interruption(ui: &mut Ui<'_>, app: &App) {
    if app.services.is_interrupted() {
        ui.remark("note: an earlier change was cut off; the next command that changes anything finishes it");
    }
}
