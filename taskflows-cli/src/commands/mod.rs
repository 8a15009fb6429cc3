//! One file for each command: parse, call one thing, show the result.

mod act;
mod alert;
mod alert_groups;
mod api;
mod audit;
mod calendar;
mod completion;
mod confirm;
mod consequence;
mod create;
mod dashboards;
mod define;
mod diff;
mod doctor;
mod edit;
mod editor;
mod env;
mod exec;
mod format;
mod history;
mod hook;
mod import;
mod list;
mod log_lines;
mod log_source;
mod logging;
mod logs;
mod man;
mod monitor;
mod next;
mod plan;
mod prune;
mod questions;
mod remove;
mod render;
mod retry;
mod run;
mod schema;
mod security;
mod server;
mod setup_ui;
mod show;
mod status;
mod timespan;
mod token;
mod validate;
mod why;

pub(crate) use api::certificate;
pub(crate) use completion::completion;
pub(crate) use confirm::ask as ask_question;
pub(crate) use dashboards::Dashboards;
pub(crate) use define::{Defined, Reading, carry_out};
pub use define::{LocalDefiner, Ordered, order_of};
pub(crate) use exec::exec_here;
pub(crate) use format::check_format;
pub(crate) use history::DEFAULT_RUNS;
pub(crate) use log_lines::plain_line;
pub(crate) use logs::DEFAULT_LINES;
pub(crate) use man::man;
pub(crate) use next::DEFAULT_STARTS;
pub(crate) use schema::schema;
pub(crate) use status::LAST_LINES;

use taskflows_core::Plan;

use crate::{App, Arguments, CliError, Exit, Global, Ui, Verb};

/// Carries out a command on this host.
///
/// # Errors
/// What went wrong, with the exit code for it.
pub(crate) async fn execute(ui: &mut Ui<'_>, app: &App, arguments: &Arguments) -> Result<Exit, CliError> {
    check_format(&arguments.verb, arguments.global.output)?;
    execute_verb(ui, app, &arguments.global, &arguments.verb).await
}

/// Carries out a command whose format was looked at.
///
/// # Errors
/// As [`execute`].
pub(crate) async fn execute_verb(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    verb: &Verb,
) -> Result<Exit, CliError> {
    match verb {
        Verb::Create(create) => create::create(ui, app, global, create).await,
        Verb::Plan(arguments) => plan::plan(ui, app, global, arguments).await,
        Verb::Diff(arguments) => diff::diff(ui, app, global, arguments).await,
        Verb::Edit(arguments) => edit::edit(ui, app, global, arguments).await,
        Verb::Validate(sources) => validate::validate(ui, app, global, sources).await,
        Verb::Render(sources) => render::render(ui, app, global, sources).await,
        Verb::Import(arguments) => import::import(ui, app, global, arguments, &import::HostPrograms).await,
        Verb::Calendar(calendar) => calendar::calendar(ui, app, global, calendar),
        Verb::Timespan(spans) => timespan::timespan(ui, global, spans),
        Verb::Env { verb } => env::env(ui, app, global, verb).await,
        Verb::Schema => schema::schema(ui),
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
        Verb::Exec(arguments) => exec::exec(ui, app, arguments).await,
        Verb::Run(arguments) => run::run(ui, app, global, arguments).await,
        Verb::Retry(arguments) => retry::retry(ui, app, global, arguments).await,
        Verb::History(arguments) => history::history(ui, app, global, arguments).await,
        Verb::Logs(logs) => logs::logs(ui, app, global, logs).await,
        Verb::Logging { verb } => logging::logging(ui, app, global, verb).await,
        Verb::Doctor => doctor::doctor(ui, app, global).await,
        Verb::Monitor { verb } => monitor::monitor(ui, app, global, verb).await,
        Verb::Why(why) => why::why(ui, app, global, why).await,
        Verb::Alert { verb } => alert::alert(ui, app, global, verb).await,
        Verb::Api { verb } => api::api(ui, app, global, verb).await,
        Verb::Security { verb } => security::security(ui, app, global, verb),
        Verb::Audit(arguments) => audit::audit(ui, app, global, arguments),
        Verb::Token { verb } => token::token(ui, app, global, verb),
        Verb::Server { verb } => server::server(ui, app, global, verb).await,
        Verb::Context => server::context(ui, app, global),
        Verb::Hook { verb } => hook::hook(ui, app, verb).await,
        Verb::Completion { shell } => completion(ui, *shell),
        Verb::Man { command, dir } => man(ui, command, dir.as_deref()),
    }
}

/// Tells that an earlier change was cut off, which people should know before they trust what they see.
fn remark_interruption(ui: &mut Ui<'_>, app: &App) {
    if app.services.is_interrupted() {
        ui.remark("note: an earlier change was cut off; the next command that changes anything finishes it");
    }
}

/// Tells what outlived a service that is gone, and how it is taken away.
fn remark_left_behind(ui: &mut Ui<'_>, plan: &Plan) {
    for left in &plan.left_behind {
        ui.remark(format!("note: a container was left behind; {left}"));
    }
}
