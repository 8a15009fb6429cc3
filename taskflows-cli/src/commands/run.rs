use std::time::Duration;

use futures_util::StreamExt;
use taskflows_core::effects::{
    Action, Effect, LogEntry, LogError, LogOrigin, LogQuery, Performed, ServiceError, State, Target,
};
use taskflows_core::task::Trigger;
use taskflows_core::{ExitKind, RunEnd, ServiceName};
use tokio::time::{Instant, timeout_at};

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
    let uid = rustix::process::getuid().as_raw();
    named.or_else(|| account(uid)).or_else(|| Some(format!("uid {uid}")))
}

/// Returns the name of a user of this host's own list. Source: passwd(5).
fn account(uid: u32) -> Option<String> {
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// How long after the end of a run its log must be quiet to be all there is, where it has told of the run.
const LAST_LINES: Duration = Duration::from_millis(400);

/// How long a log is waited for that has not told yet of the start of a run, or of a failure; and how long lines are
/// shown at all after the end.
const TOLD: Duration = Duration::from_secs(5);

/// What systemd says of a run that failed, after its last line. Source: systemd's `unit_log_failure`.
const FAILED: &str = "Failed with result";

pub(super) async fn run(
    ui: &mut Ui<'_>,
    app: &App,
    _: &Global,
    arguments: &RunArguments,
) -> Result<Exit, CliError> {
    run_service(ui, app, &arguments.service.what, &Trigger::Manual(caller(&*app.variable))).await
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
    let mut told = ToldByLog { follows: true, ..ToldByLog::default() };
    let performed = loop {
        tokio::select! {
            performed = &mut performing => break performed?,
            line = lines.next(), if told.follows => told.show(ui, line)?,
        }
    };
    // What was written last is in the log a moment later; and a short run may be over before anything of it is.
    let over = Instant::now() + TOLD;
    let result = performed.first().map(|performed| &performed.result);
    while told.follows {
        let wait = if told.all_of(result) { LAST_LINES } else { TOLD };
        match timeout_at(over.min(Instant::now() + wait), lines.next()).await {
            Ok(line) => told.show(ui, line)?,
            Err(_) => break,
        }
    }
    let id = match app.runs.latest(&names).await.unwrap_or_default().pop() {
        Some(run) if run.started >= began => format!(" (run {})", digits(run.id)),
        _ => String::new(),
    };
    tell(ui, app, performed, &id)
}

/// What the log of a run has told so far.
#[derive(Default)]
struct ToldByLog {
    /// Whether more may come.
    follows: bool,
    /// Whether the manager told of the run at all.
    of_run: bool,
    /// Whether it told of its failure.
    of_failure: bool,
}

impl ToldByLog {
    /// Takes the next line, and shows it where the service wrote it.
    fn show(&mut self, ui: &mut Ui<'_>, line: Option<Result<LogEntry, LogError>>) -> Result<(), CliError> {
        match line {
            Some(Ok(entry)) if entry.origin == LogOrigin::Process => {
                writeln!(ui.out, "{}", harmless(&entry.message))?;
                ui.out.flush()?;
            }
            Some(Ok(entry)) => {
                self.of_run = true;
                self.of_failure |= entry.message.contains(FAILED);
            }
            Some(Err(error)) => {
                ui.remark(format!("note: its log could not be read: {}", chain(&error)));
                self.follows = false;
            }
            None => self.follows = false,
        }
        Ok(())
    }

    /// Tells whether it has told what the manager says of such an end, and with it what the process wrote before.
    fn all_of(&self, result: Option<&Result<Effect, ServiceError>>) -> bool {
        match result {
            Some(Ok(Effect::Finished(_))) => self.of_run,
            Some(Err(ServiceError::RunFailed { .. })) => self.of_failure,
            _ => true,
        }
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
