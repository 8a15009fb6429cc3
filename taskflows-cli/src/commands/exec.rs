use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use taskflows_core::effects::{RunObserver, RunStore};
use taskflows_core::task::{RunRecord, TaskPolicy, Trigger};
use taskflows_core::{Outcome, TimeSpan};
use taskflows_runtime::process::{
    CommandRun, DEFAULT_KILL_AFTER, JournalRecords, Outputs, ProcessCommand, end_by, new_run_id,
};
use taskflows_store::{SqliteRunStore, own_mark};
use taskflows_systemd::Scope;

use super::run::caller;
use crate::alerting::Telling;
use crate::app::{state_directory, telling};
use crate::arguments::{ExecArguments, PolicyArguments};
use crate::error::chain;
use crate::ui::note_style;
use crate::{App, CliError, Config, Exit, Ui, Variable};

/// How long the end of a run waits for the journal to have taken what was written.
const SETTLED: Duration = Duration::from_millis(100);

/// What a command finds around it.
pub(super) struct Surroundings<'a> {
    pub(super) runs: Option<&'a dyn RunStore>,
    pub(super) variable: &'a Variable,
    pub(super) trigger: Trigger,
    pub(super) telling: Option<Telling>,
}

impl<'a> Surroundings<'a> {
    pub(super) fn of(app: &'a App, trigger: Trigger) -> Self {
        let telling = Telling {
            directory: app.data_directory.clone(),
            units: None,
            program: app.program.as_str().into(),
            facts: app.facts(""),
        };
        Self { runs: Some(&*app.runs), variable: &*app.variable, trigger, telling: Some(telling) }
    }
}

/// Runs a command without anything that only services need.
pub(crate) fn exec_here(
    ui: &mut Ui<'_>,
    config: &Config,
    scope: Scope,
    arguments: &ExecArguments,
) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| CliError::new(Exit::Failed, format!("could not start: {error}")))?;
    let store = match state_directory(config, scope) {
        Ok(directory) => Some(SqliteRunStore::new(directory).with_retention(config.retention)),
        Err(error) => {
            warn(ui, &format!("this run is not kept: {error}"));
            None
        }
    };
    let variable: &Variable = &|name| std::env::var(name).ok();
    let runs = store.as_ref().map(|store| store as &dyn RunStore);
    // Only who has alerts looks at zones, groups and units.
    let may_tell = arguments.service.is_some() || !arguments.alerts.is_empty();
    let telling = may_tell.then(|| telling(config, scope)).transpose();
    let telling = telling.unwrap_or_else(|error| {
        warn(ui, &format!("nobody is told of this run: {}", error.message));
        None
    });
    let around = Surroundings { runs, variable, trigger: Trigger::Unknown, telling };
    let exit = runtime.block_on(exec_in(ui, &around, arguments));
    runtime.shutdown_background();
    exit
}

pub(super) async fn exec(ui: &mut Ui<'_>, app: &App, arguments: &ExecArguments) -> Result<Exit, CliError> {
    exec_in(ui, &Surroundings::of(app, Trigger::Unknown), arguments).await
}

/// Runs a command and ends as it does.
pub(super) async fn exec_in(
    ui: &mut Ui<'_>,
    around: &Surroundings<'_>,
    arguments: &ExecArguments,
) -> Result<Exit, CliError> {
    let policy = policy(&arguments.policy)?;
    let command = command(arguments);
    let outputs = Outputs::of_this_process((around.variable)("JOURNAL_STREAM").as_deref());
    let records = JournalRecords::default();
    let task = task(arguments);
    let telling = around.telling.as_ref();
    let alerts = match telling {
        Some(telling) => {
            let observer =
                telling.observer(&task, arguments.service.as_ref(), &arguments.alerts, policy.retries);
            // The work is done, whoever is told of it.
            observer.unwrap_or_else(|error| {
                let hint = error.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
                warn(ui, &format!("nobody is told of this run: {}{hint}", error.message));
                None
            })
        }
        None => None,
    };
    let tells = alerts.is_some() && arguments.service.is_none();
    let observers: Vec<Arc<dyn RunObserver>> =
        alerts.map(|alerts| Arc::new(alerts) as Arc<dyn RunObserver>).into_iter().collect();
    let run = CommandRun {
        record: record(around, arguments, &policy),
        policy,
        command: &command,
        outputs: &outputs,
        store: around.runs,
        notes: Some(&records),
        observers: &observers,
        is_managed: arguments.service.is_some(),
        warn: &mut |error| warn(ui, &chain(error)),
    };
    let end = run.run().await;
    let end = end
        .map_err(|error| CliError::new(Exit::Child(125), format!("could not listen to signals: {error}")))?;
    outputs.settle(SETTLED);
    records.settle(SETTLED);
    if let Some(telling) = telling.filter(|_| tells) {
        telling.leave_sender();
    }
    if let Some(signal) = end.signal {
        let _ = ui.out.flush();
        end_by(signal);
    }
    Ok(Exit::Child(end.code))
}

/// Tells what does no harm to the run, even where remarks are unwanted: nobody else does.
fn warn(ui: &mut Ui<'_>, text: &str) {
    let cyan = note_style();
    let _ = writeln!(ui.status, "{cyan}tf{cyan:#}: {text}");
}

fn policy(arguments: &PolicyArguments) -> Result<TaskPolicy, CliError> {
    let span = |span: Option<TimeSpan>| span.map(TimeSpan::duration);
    let policy = TaskPolicy {
        required: arguments.required,
        retries: arguments.retries,
        timeout: span(arguments.timeout),
        deadline: span(arguments.deadline),
        backoff: arguments.backoff,
    };
    policy.check().map_err(|error| CliError::new(Exit::Usage, chain(&error)))?;
    Ok(policy)
}

fn command(arguments: &ExecArguments) -> ProcessCommand {
    let mut command = ProcessCommand::new(&arguments.command);
    command.directory = arguments.directory.clone();
    command.kill_after = arguments.policy.kill_after.map_or(DEFAULT_KILL_AFTER, TimeSpan::duration);
    // A terminal stops what reads from it outside its own group; and what the command leaves is ours to end.
    command.shares_group = io::stdin().is_terminal();
    command.adopts = rustix::process::set_child_subreaper(Some(rustix::process::getpid())).is_ok();
    // These name this process and its streams, which the command is not and has not; what it says of its readiness
    // and to its watchdog the manager takes from any process of the unit.
    let unset = ["JOURNAL_STREAM", "WATCHDOG_PID"].map(|name| (OsString::from(name), None));
    let set = arguments.variables.iter().map(|(name, value)| (name.as_str().into(), Some(value.into())));
    command.variables = unset.into_iter().chain(set).collect();
    command
}

fn record(around: &Surroundings<'_>, arguments: &ExecArguments, policy: &TaskPolicy) -> RunRecord {
    let invocation = || (around.variable)("INVOCATION_ID")?.parse().ok();
    let id = arguments.service.as_ref().and_then(|_| invocation()).unwrap_or_else(new_run_id);
    // systemd tells when the timer elapsed since its version 252.
    let elapsed = || (around.variable)("TRIGGER_TIMER_REALTIME_USEC")?.parse().ok();
    let scheduled = arguments.service.as_ref().and_then(|_| elapsed());
    let scheduled = scheduled.and_then(|micros| Timestamp::from_microsecond(micros).ok());
    let service = arguments.service.clone();
    // What a unit runs, its definition knows.
    let is_own = service.is_none();
    let texts = |words: &[OsString]| words.iter().map(|word| word.to_str().map(str::to_owned)).collect();
    let directory =
        || arguments.directory.clone().map_or_else(std::env::current_dir, std::path::absolute).ok();
    RunRecord {
        id,
        task: task(arguments),
        service,
        scheduled,
        started: Timestamp::now(),
        ended: None,
        outcome: Outcome::Running,
        attempts: 0,
        max_attempts: policy.max_attempts(),
        error: None,
        trigger: match (&around.trigger, scheduled) {
            (Trigger::Unknown, Some(_)) => Trigger::Timer,
            (Trigger::Unknown, None) if is_own => Trigger::Manual(caller(around.variable)),
            (trigger, _) => trigger.clone(),
        },
        command: is_own.then(|| texts(&arguments.command)).flatten(),
        options: if is_own { options(arguments) } else { Vec::new() },
        directory: directory().filter(|_| is_own).and_then(|path| path.to_str().map(str::to_owned)),
        process: own_mark(),
    }
}

fn task(arguments: &ExecArguments) -> String {
    let program = || {
        let program = arguments.command.first().map(Path::new).and_then(Path::file_name);
        program.map_or_else(|| "command".to_owned(), |name| name.to_string_lossy().into_owned())
    };
    let service = || arguments.service.as_ref().map(ToString::to_string);
    arguments.name.clone().or_else(service).unwrap_or_else(program)
}

/// Writes the options by which the command runs the same again.
fn options(arguments: &ExecArguments) -> Vec<String> {
    let policy = &arguments.policy;
    let mut options = vec![format!("--name={}", task(arguments))];
    let mut add = |name: &str, value: Option<String>| {
        options.extend(value.map(|value| format!("--{name}={value}")));
    };
    let span = |span: &Option<TimeSpan>| span.as_ref().map(ToString::to_string);
    add("retries", (policy.retries > 0).then(|| policy.retries.to_string()));
    add("backoff", (policy.backoff != Default::default()).then(|| policy.backoff.to_string()));
    add("timeout", span(&policy.timeout));
    add("deadline", span(&policy.deadline));
    add("kill-after", span(&policy.kill_after));
    for group in &arguments.alerts {
        add("alert", Some(group.clone()));
    }
    for (name, value) in &arguments.variables {
        add("env", Some(format!("{}={value}", name.as_str())));
    }
    options.extend(policy.required.then(|| "--required".to_owned()));
    options
}
