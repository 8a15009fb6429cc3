use std::time::Duration;

use futures_util::StreamExt;
use taskflows_core::effects::{
    Action, Effect, LogEntry, LogError, LogOrigin, LogQuery, Performed, ServiceError, State, Target,
};
use taskflows_core::task::Trigger;
use taskflows_core::{ExitKind, RunEnd, ServiceName};
use tokio::time::timeout;

use super::history::digits;
use crate::arguments::{Global, RunArguments};
use crate::error::chain;
use crate::select::no_such_service;
use crate::ui::{error_style, harmless};
use crate::{App, CliError, Exit, Ui, Variable, show};

/// Returns who calls: before `sudo`, where that stands between.
pub(super) fn caller(variable: &Variable) -> Option<String> {
    let names = ["SUDO_USER", "USER", "LOGNAME"].into_iter();
    let named = names.filter_map(variable).find(|name| !name.is_empty() && name.len() <= 64);
    named.or_else(|| Some(format!("uid {}", rustix::process::getuid().as_raw())))
}

/// How long after the end of a run its last lines may take to be read.
const LAST_LINES: Duration = Duration::from_millis(400);

pub(super) async fn run(
    ui: &mut Ui<'_>,
    app: &App,
    _: &Global,
    arguments: &RunArguments,
) -> Result<Exit, CliError> {
    run_service(ui, app, &arguments.service, &Trigger::Manual(caller(&*app.variable))).await
}

/// Starts a service, shows what it writes until it ends, and ends as it does.
pub(super) async fn run_service(
    ui: &mut Ui<'_>,
    app: &App,
    name: &ServiceName,
    trigger: &Trigger,
) -> Result<Exit, CliError> {
    let listing = app.services.list(&[name.into()]).await?.into_iter().next();
    let Some(listing) = listing else { return Err(no_such_service(app, name.as_str()).await) };
    if matches!(listing.state, State::Running | State::Starting | State::Stopping) {
        let error = CliError::new(Exit::Failed, format!("{name} runs already"));
        return Err(error.hint(format!("`tf logs {name} -f` follows it, `tf stop {name}` ends it")));
    }
    let began = (app.now)();
    if let Err(error) = app.runs.announce(name, trigger, began).await {
        ui.remark(format!("note: {}", chain(&error)));
    }
    let query = LogQuery { services: vec![name.clone()], since: Some(began), ..LogQuery::default() };
    let mut lines = app.logs.follow(&query);
    let names = [name.clone()];
    let mut performing = std::pin::pin!(app.services.perform(&names, Action::StartAndWait, Target::Service));
    let mut follows = true;
    let performed = loop {
        tokio::select! {
            performed = &mut performing => break performed?,
            line = lines.next(), if follows => follows = show_line(ui, line)?,
        }
    };
    // What was written last is in the log a moment later.
    while follows && let Ok(line) = timeout(LAST_LINES, lines.next()).await {
        follows = show_line(ui, line)?;
    }
    let id = match app.runs.latest(&names).await.unwrap_or_default().pop() {
        Some(run) if run.started >= began => format!(" (run {})", digits(run.id)),
        _ => String::new(),
    };
    tell(ui, app, performed, &id)
}

/// Shows a line and tells whether more may come.
fn show_line(ui: &mut Ui<'_>, line: Option<Result<LogEntry, LogError>>) -> Result<bool, CliError> {
    match line {
        Some(Ok(entry)) => {
            if entry.origin == LogOrigin::Process {
                writeln!(ui.out, "{}", harmless(&entry.message))?;
                ui.out.flush()?;
            }
            Ok(true)
        }
        Some(Err(error)) => {
            ui.remark(format!("note: its log could not be read: {}", chain(&error)));
            Ok(false)
        }
        None => Ok(false),
    }
}

fn tell(ui: &mut Ui<'_>, app: &App, performed: Vec<Performed>, id: &str) -> Result<Exit, CliError> {
    let Some(Performed { name, result }) = performed.into_iter().next() else { return Ok(Exit::Failed) };
    match result {
        Ok(Effect::Finished(run)) => {
            let took = run.took((app.now)()).map(|took| format!(" after {}", show::length(took)));
            ui.remark(format!("{name} ran and ended well{}{id}.", took.unwrap_or_default()));
            Ok(Exit::Ok)
        }
        Ok(Effect::Skipped) => {
            let error = CliError::new(Exit::Failed, format!("{name} was skipped: a condition is not met"));
            Err(error.hint(format!("`tf why {name}` measures it")))
        }
        Ok(_) => {
            ui.remark(format!("{name} goes on{id}."));
            Ok(Exit::Ok)
        }
        Err(ServiceError::RunFailed { end, .. }) => {
            let red = error_style();
            // An error is told even where remarks are unwanted.
            let _ = writeln!(ui.status, "{red}error{red:#}: {name} failed: {end}{id}");
            Ok(Exit::Child(code(&end)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns the exit code that stands for an end that was not good, as a shell would.
fn code(end: &RunEnd) -> u8 {
    let code = match end.exit {
        Some(ExitKind::Exited(code)) => code,
        Some(ExitKind::Killed(signal)) => 128 + signal,
        None => 1,
    };
    // A preparation may have failed though the process itself did not.
    u8::try_from(code).ok().filter(|code| *code != 0).unwrap_or(1)
}
