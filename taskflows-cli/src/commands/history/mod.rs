//! `tf history`: the runs there were, one of them in full, and the store filled again from the journal.

pub(super) mod going;
mod one;
mod rebuild;
mod row;

use std::sync::Arc;

use taskflows_core::effects::{LogReader, RunHistory};
use taskflows_core::task::{RunId, RunQuery, RunRecord};
use taskflows_core::{NamePattern, Outcome};
use taskflows_logging::loki::{LokiReader, LokiRuns};

use self::row::HistoryRow;
use super::log_source::loki;
use super::logs::past;
use super::retry::by_digits;
use crate::arguments::{Format, Global, HistoryArguments, HistorySource};
use crate::output::emit;
use crate::{App, CliError, Exit, Ui};

/// So many runs are shown where nothing else is asked for.
pub(crate) const DEFAULT_RUNS: usize = 20;

/// The fewest digits that a run is known by.
pub(super) const LEAST_DIGITS: usize = 4;

/// Returns the digits of a run's id by which people know it.
pub(super) fn digits(run: RunId) -> String {
    run.to_string().chars().take(8).collect()
}

/// Returns who tells of the runs, and of what they wrote.
fn source(app: &App, source: HistorySource) -> (Arc<dyn RunHistory>, Arc<dyn LogReader>) {
    match source {
        HistorySource::Store => (Arc::clone(&app.runs) as _, Arc::clone(&app.logs)),
        HistorySource::Journal => (Arc::clone(&app.journal_runs), Arc::clone(&app.logs)),
        HistorySource::Loki => {
            let settings = loki(app);
            (Arc::new(LokiRuns::new(settings.clone())), Arc::new(LokiReader::new(settings)))
        }
    }
}

pub(super) async fn history(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &HistoryArguments,
) -> Result<Exit, CliError> {
    let time = |text: &Option<String>| text.as_deref().map(|text| past(app, text)).transpose();
    let query = RunQuery {
        failed: arguments.failed,
        since: time(&arguments.since)?,
        until: time(&arguments.until)?,
        limit: Some(arguments.number.unwrap_or(DEFAULT_RUNS)),
        ..RunQuery::default()
    };
    if arguments.rebuild {
        return rebuild::rebuild(ui, app, global, query.since, arguments.dry_run).await;
    }
    let query = RunQuery { tasks: tasks(app, &arguments.names).await?, ..query };
    let (told_by, logs) = source(app, arguments.source);
    let mut runs = told_by.recent(&query).await?;
    if arguments.source == HistorySource::Store {
        going::add(app, &query, &mut runs).await;
    }
    if runs.is_empty()
        && let [name] = arguments.names.as_slice()
        && let Some(run) = named(app, &*told_by, name).await?
    {
        return one::one(ui, app, global, (&*told_by, &*logs), &run).await;
    }
    let now = (app.now)();
    let narrow = ui.width.is_some() && global.output == Format::Table;
    let row = |run: &RunRecord| HistoryRow::new(run, now, &app.display, narrow);
    let rows: Vec<HistoryRow> = runs.iter().map(row).collect();
    if rows.is_empty() {
        ui.remark(match arguments.names.as_slice() {
            [] => "No runs. Those of services, and what `tf exec` runs, are kept here.".to_owned(),
            names => format!("No such runs of {}.", names.join(", ")),
        });
    }
    emit(ui, global.output, &rows)?;
    Ok(Exit::Ok)
}

/// Returns the names that runs are looked for by: a pattern selects services.
async fn tasks(app: &App, names: &[String]) -> Result<Vec<String>, CliError> {
    let mut tasks = Vec::new();
    for name in names {
        match name.parse::<NamePattern>() {
            Ok(pattern) if !pattern.is_exact() => {
                let found = app.services.names(&[pattern]).await?;
                if found.is_empty() {
                    return Err(CliError::new(Exit::NoSuchService, format!("no service matches `{name}`"))
                        .hint("`tf list` shows what is installed"));
                }
                tasks.extend(found.iter().map(ToString::to_string));
            }
            _ => tasks.push(name.clone()),
        }
    }
    Ok(tasks)
}

/// Returns the run that is meant where a word is the name of no task that ever ran; `None` where it is of one, or of a
/// service that has not run yet.
async fn named(app: &App, told_by: &dyn RunHistory, word: &str) -> Result<Option<RunRecord>, CliError> {
    let of_task = RunQuery { tasks: vec![word.to_owned()], limit: Some(1), ..RunQuery::default() };
    if !told_by.recent(&of_task).await?.is_empty() {
        return Ok(None);
    }
    let is_digits = word.bytes().all(|byte| byte.is_ascii_hexdigit()) && word.len() <= 32;
    if is_digits && word.len() >= LEAST_DIGITS {
        return match by_digits(told_by, word).await {
            Err(error) if error.exit == Exit::NoSuchService => match going::by_digits(app, word).await {
                Some(run) => Ok(Some(run)),
                None => Err(error),
            },
            found => found.map(Some),
        };
    }
    let installed = match word.parse::<NamePattern>() {
        Ok(pattern) => app.services.names(&[pattern]).await?,
        Err(_) => Vec::new(),
    };
    match installed.is_empty() {
        true => Err(CliError::new(Exit::NoSuchService, format!("no run of `{word}` is known"))
            .hint("`tf history` shows the runs there are")),
        false => Ok(None),
    }
}

/// Says how a run ended, with what went wrong: `ok`, `failed: exit code 3`, `interrupted`.
fn words(outcome: &Outcome, error: Option<&str>) -> String {
    match row::reason(outcome, error) {
        Some(reason) => format!("{}: {reason}", outcome.word()),
        None => outcome.word().to_owned(),
    }
}
