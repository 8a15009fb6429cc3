use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use taskflows_core::ServiceName;
use taskflows_core::effects::{
    Action, Effect, JobResult, LogOrigin, LogQuery, Next, Performed, ServiceError, Target,
};
use taskflows_core::inspect::{Outlook, outlook};
use taskflows_core::task::Trigger;

use super::log_lines::plain_line;
use super::run::caller;
use crate::arguments::{ActArguments, Format, Global, Selector, StartArguments, patterns};
use crate::error::{chain, exit_of};
use crate::output::data;
use crate::select::{no_such_service, select};
use crate::ui::{error_style, note_style};
use crate::{App, CliError, Exit, Ui, show};

/// How many of its last lines are shown of a service that failed.
const LAST_LINES: usize = 10;

/// Beyond so many services, those that went as wished are counted and not named.
pub(super) const MANY: usize = 20;

#[derive(Serialize)]
struct ActRow {
    name: String,
    ok: bool,
    result: String,
}

pub(super) async fn start(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    start: &StartArguments,
) -> Result<Exit, CliError> {
    let action = if start.wait { Action::StartAndWait } else { Action::Start };
    perform(ui, app, global, &start.act.selector, action, target(&start.act)).await
}

pub(super) async fn stop(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    stop: &ActArguments,
) -> Result<Exit, CliError> {
    perform(ui, app, global, &stop.selector, Action::Stop, target(stop)).await
}

pub(super) async fn restart(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    restart: &ActArguments,
) -> Result<Exit, CliError> {
    perform(ui, app, global, &restart.selector, Action::Restart, target(restart)).await
}

pub(super) async fn enable(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    selector: &Selector,
) -> Result<Exit, CliError> {
    perform(ui, app, global, selector, Action::Enable, Target::Service).await
}

pub(super) async fn disable(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    selector: &Selector,
) -> Result<Exit, CliError> {
    perform(ui, app, global, selector, Action::Disable, Target::Service).await
}

fn target(arguments: &ActArguments) -> Target {
    if arguments.timers { Target::Timers } else { Target::Service }
}

async fn perform(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    selector: &Selector,
    action: Action,
    target: Target,
) -> Result<Exit, CliError> {
    let names = select(app, &patterns(&selector.names.services)).await?;
    if selector.dry_run {
        let row = |name: &ServiceName| {
            let result = format!("would {}", verb(action, target));
            ActRow { name: name.to_string(), ok: true, result }
        };
        write_rows(ui, global.output, || names.iter().map(row).collect())?;
        for name in &names {
            app.services.files(name).await?;
            let outlook =
                if action == Action::Enable { outlook_of(app, name).await } else { Outlook::default() };
            let missed = outlook.missed.map(|time| {
                format!("; it would make up at once for the run missed at {}", show::full(time, &app.display))
            });
            let next = outlook.next.map(|time| format!("; next run {}", show::full(time, &app.display)));
            let (missed, next) = (missed.unwrap_or_default(), next.unwrap_or_default());
            ui.remark(format!("Would {} {name}{missed}{next}.", verb(action, target)));
        }
        return Ok(Exit::Ok);
    }
    perform_on(ui, app, global, &names, action, target).await
}

/// Writes what became of each as data where that was asked for; of names, those that went as wished.
fn write_rows(ui: &mut Ui<'_>, format: Format, rows: impl FnOnce() -> Vec<ActRow>) -> Result<(), CliError> {
    match format {
        Format::Table | Format::Wide => {}
        Format::Name => {
            for row in rows().iter().filter(|row| row.ok) {
                writeln!(ui.out, "{}", row.name)?;
            }
        }
        format => data(ui, format, &rows())?,
    }
    Ok(())
}

/// Performs an action on services and tells what became of each.
pub(super) async fn perform_on(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    names: &[ServiceName],
    action: Action,
    target: Target,
) -> Result<Exit, CliError> {
    let began = (app.now)();
    let is_told = action == Action::Enable && names.len() <= MANY;
    let mut making_up = BTreeSet::new();
    for name in names.iter().filter(|_| is_told) {
        if outlook_of(app, name).await.missed.is_some() {
            making_up.insert(name.clone());
        }
    }
    if starts(action, target) {
        announce(ui, app, names, began).await;
    }
    let performed = app.services.perform(names, action, target).await?;
    write_rows(ui, global.output, || performed.iter().map(|done| row(done, action, target)).collect())?;
    if let [Performed { result: Err(error), name }] = performed.as_slice()
        && error.is_not_found()
    {
        return Err(no_such_service(app, name.as_str()).await);
    }
    for done in &performed {
        let makes_up = making_up.contains(&done.name);
        tell(ui, app, done, Asked { action, target, began, makes_up, count: performed.len() }).await;
    }
    let succeeded = performed.iter().filter(|done| done.result.is_ok()).count();
    if succeeded > MANY {
        ui.remark(format!("{succeeded} services: {}.", done_word(action, target)));
    }
    Ok(exit(ui, app, &performed))
}

fn starts(action: Action, target: Target) -> bool {
    target == Target::Service && matches!(action, Action::Start | Action::StartAndWait | Action::Restart)
}

/// Says for the history who starts services.
async fn announce(ui: &mut Ui<'_>, app: &App, names: &[ServiceName], now: Timestamp) {
    let trigger = Trigger::Manual(caller(&*app.variable));
    for name in names {
        if let Err(error) = app.runs.announce(name, &trigger, now).await {
            return ui.remark(format!("note: {}", chain(&error)));
        }
    }
}

/// One failure has its own exit code, several of one kind too; some of each is partial.
fn exit(ui: &mut Ui<'_>, app: &App, performed: &[Performed]) -> Exit {
    let mut exits = performed.iter().filter_map(|done| done.result.as_ref().err()).map(exit_of);
    let Some(first) = exits.next() else { return Exit::Ok };
    if performed.iter().any(|done| done.result.is_ok()) {
        return Exit::Partial;
    }
    let all = exits.all(|exit| exit == first);
    let hint = app.advise(CliError::new(first, "")).hint;
    if let Some(hint) = hint {
        let cyan = note_style();
        ui.remark(format!("{cyan}hint{cyan:#}: {hint}"));
    }
    if all { first } else { Exit::Failed }
}

/// What was asked for, and when.
#[derive(Clone, Copy)]
struct Asked {
    action: Action,
    target: Target,
    began: Timestamp,
    /// Whether its timer starts it at once for a run that was missed.
    makes_up: bool,
    /// Of how many services.
    count: usize,
}

async fn tell(ui: &mut Ui<'_>, app: &App, done: &Performed, asked: Asked) {
    let name = &done.name;
    let Asked { action, target, .. } = asked;
    match &done.result {
        Ok(_) if asked.count > MANY => {}
        Ok(Effect::Enabled) => {
            let listings = app.services.list(&[name.into()]).await.unwrap_or_default();
            let next = match listings.first().map(|listing| listing.next) {
                Some(Next::At(time)) => format!("; next run {}", show::full(time, &app.display)),
                _ => String::new(),
            };
            let missed = if asked.makes_up { "; it makes up for a missed run now" } else { "" };
            ui.remark(format!("Enabled {name}{missed}{next}."));
        }
        Ok(effect) => {
            ui.remark(sentence(app, name, effect, action, target));
            if matches!((action, target, effect), (Action::Stop, Target::Service, Effect::Stopped)) {
                remark_timer(ui, app, name).await;
            }
            if *effect == Effect::Skipped {
                last_words(ui, app, name, asked.began, 1).await;
            }
        }
        Err(error) => {
            let red = error_style();
            // An error is told even where remarks are unwanted.
            let _ = writeln!(ui.status, "{red}error{red:#}: {}", chain(error));
            let hint = match error {
                ServiceError::RunFailed { .. } => {
                    let since = began_of(app, name, asked.began).await;
                    match last_words(ui, app, name, since, LAST_LINES).await {
                        true => Some(limit_hint(app, name).await),
                        false => None,
                    }
                }
                ServiceError::Job { result: JobResult::Assert, .. } => {
                    Some(format!("`tf why {name}` measures what its assert asks for"))
                }
                ServiceError::Job { result: JobResult::Dependency, .. } => {
                    Some(format!("`tf why {name}` tells of the unit that it requires"))
                }
                _ => None,
            };
            if let Some(hint) = hint {
                let cyan = note_style();
                ui.remark(format!("{cyan}hint{cyan:#}: {hint}"));
            }
        }
    }
}

/// Foretells what enabling a service brings about, where that is known.
async fn outlook_of(app: &App, name: &ServiceName) -> Outlook {
    match app.inspector.evidence(name, None).await {
        Ok(evidence) => outlook(&evidence, (app.now)(), &app.zones),
        Err(_) => Outlook::default(),
    }
}

/// Returns when the run began that failed: at the command, or before it where the command only waited for its end.
async fn began_of(app: &App, name: &ServiceName, asked: Timestamp) -> Timestamp {
    let listings = app.services.list(&[name.into()]).await.unwrap_or_default();
    let last = listings.into_iter().next().and_then(|listing| listing.last);
    let waited_for = last.filter(|run| run.ended.is_some_and(|ended| ended >= asked));
    waited_for.and_then(|run| run.started).map_or(asked, |started| started.min(asked))
}

/// Says which limit systemd goes by, and what lets the service start again before that has passed.
async fn limit_hint(app: &App, name: &ServiceName) -> String {
    let unit = format!("taskflows-{name}.service");
    let files = app.services.files(name).await.ok();
    let text = files.and_then(|files| files.files.get(&unit).cloned()).unwrap_or_default();
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let limit = match (value("StartLimitBurst"), value("StartLimitIntervalSec")) {
        (Some(burst), Some(interval)) => format!("{burst} starts in {interval}"),
        (Some(burst), None) => format!("{burst} starts in systemd's own interval"),
        (None, Some(interval)) => format!("systemd's own number of starts in {interval}"),
        (None, None) => "systemd's own, usually 5 starts in 10s".to_owned(),
    };
    format!(
        "its start limit is reached ({limit}), so systemd starts it no more for now; mend the cause, then: {} \
         reset-failed {unit}",
        app.systemctl
    )
}

/// A service that was stopped starts again by its timer, which people forget.
async fn remark_timer(ui: &mut Ui<'_>, app: &App, name: &ServiceName) {
    let listings = app.services.list(&[name.into()]).await.unwrap_or_default();
    if let Some(Next::At(time)) = listings.first().map(|listing| listing.next) {
        let time = show::full(time, &app.display);
        ui.remark(format!("Its timer starts it again at {time}; `tf disable {name}` keeps it stopped."));
    }
}

/// What systemd says of a start that the start limit does not allow; its result tells of the run before.
const TOO_OFTEN: &str = "Start request repeated too quickly";

/// Shows the last lines of a service since `began`, none of an earlier run, and returns whether systemd refused to start it again so soon.
async fn last_words(ui: &mut Ui<'_>, app: &App, name: &ServiceName, began: Timestamp, lines: usize) -> bool {
    let since = Some(began);
    let query = LogQuery { services: vec![name.clone()], lines: Some(lines), since, ..LogQuery::default() };
    match app.logs.read(&query).await {
        Ok(entries) => {
            for entry in &entries {
                let _ = writeln!(ui.status, "  {}", plain_line(entry, &app.display, false));
            }
            let newest = entries.iter().rev().take(3);
            newest
                .into_iter()
                .any(|entry| entry.origin == LogOrigin::Manager && entry.message.contains(TOO_OFTEN))
        }
        Err(error) => {
            ui.remark(format!("  (its log could not be read: {})", chain(&error)));
            false
        }
    }
}

fn sentence(app: &App, name: &ServiceName, effect: &Effect, action: Action, target: Target) -> String {
    match effect {
        Effect::Started => format!("Started {name}; it runs."),
        Effect::Finished(run) => match run.took((app.now)()) {
            Some(took) => format!("{name} ran and ended well after {}.", show::length(took)),
            None => format!("{name} ran and ended well."),
        },
        Effect::Skipped => {
            format!("Skipped {name}: a condition of its definition is not met; `tf why {name}` measures it.")
        }
        Effect::AlreadyRunning => format!("{name} runs already."),
        Effect::Stopped if target == Target::Timers => {
            format!("Stopped the timers of {name} until the next boot.")
        }
        Effect::Stopped => format!("Stopped {name}."),
        Effect::AlreadyStopped => format!("{name} was not running."),
        Effect::Restarted => format!("Restarted {name}; it runs."),
        Effect::TimersStarted => format!("Started the timers of {name}."),
        Effect::Enabled => format!("Enabled {name}."),
        Effect::Disabled => format!("Disabled {name}."),
        Effect::Unchanged if target == Target::Timers => format!("{name} has no timers."),
        Effect::Unchanged => format!("{name} is {} already.", done_word(action, target)),
        // Effects of a later version than this sentence.
        other => format!("{name}: {other:?}."),
    }
}

fn row(done: &Performed, action: Action, target: Target) -> ActRow {
    let (ok, result) = match &done.result {
        Ok(effect) => (true, effect_word(effect, action, target)),
        Err(error) => (false, chain(error)),
    };
    ActRow { name: done.name.to_string(), ok, result }
}

fn effect_word(effect: &Effect, action: Action, target: Target) -> String {
    match effect {
        Effect::Finished(_) => "finished",
        Effect::Skipped => "skipped",
        Effect::AlreadyRunning => "already running",
        Effect::AlreadyStopped => "already stopped",
        Effect::Unchanged => "unchanged",
        _ => done_word(action, target),
    }
    .to_owned()
}

fn verb(action: Action, target: Target) -> &'static str {
    match (action, target) {
        (Action::Start | Action::StartAndWait, Target::Service) => "start",
        (Action::Start | Action::StartAndWait, Target::Timers) => "start the timers of",
        (Action::Stop, Target::Service) => "stop",
        (Action::Stop, Target::Timers) => "stop the timers of",
        (Action::Restart, Target::Service) => "restart",
        (Action::Restart, Target::Timers) => "restart the timers of",
        (Action::Enable, _) => "enable",
        (Action::Disable, _) => "disable",
    }
}

fn done_word(action: Action, _target: Target) -> &'static str {
    match action {
        Action::Start | Action::StartAndWait => "started",
        Action::Stop => "stopped",
        Action::Restart => "restarted",
        Action::Enable => "enabled",
        Action::Disable => "disabled",
    }
}
