use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use taskflows_core::effects::{RunStore, RunStoreError};
use taskflows_core::task::{Attempt, RunId, RunQuery, RunRecord, Trigger};
use taskflows_core::{NamePattern, Outcome, Run};

use super::logs::past;
use super::retry::by_digits;
use crate::arguments::{Format, Global, HistoryArguments};
use crate::output::{Column, Row, Styled, Tone, column, data, emit, wide};
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui, show};

/// So many runs are shown where nothing else is asked for.
const DEFAULT_RUNS: usize = 20;

/// The fewest digits that a run is known by.
pub(super) const LEAST_DIGITS: usize = 4;

/// Returns the digits of a run's id by which people know it.
pub(super) fn digits(run: RunId) -> String {
    run.to_string().chars().take(8).collect()
}

/// A line of `tf history`.
#[derive(Serialize)]
struct HistoryRow {
    id: String,
    task: String,
    service: Option<String>,
    scheduled: Option<Timestamp>,
    /// RFC 3339 in UTC, as all times here.
    started: Timestamp,
    ended: Option<Timestamp>,
    took_seconds: Option<f64>,
    outcome: &'static str,
    reason: Option<String>,
    attempts: u32,
    max_attempts: u32,
    trigger: &'static str,
    retry_of: Option<String>,
    command: Option<Vec<String>>,
    directory: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempted: Option<Vec<AttemptRow>>,
    #[serde(skip)]
    shown: [Styled; 4],
}

/// One attempt of a run.
#[derive(Serialize)]
struct AttemptRow {
    number: u32,
    started: Timestamp,
    ended: Timestamp,
    took_seconds: Option<f64>,
    outcome: &'static str,
    reason: Option<String>,
    tail: String,
}

impl HistoryRow {
    fn new(run: &RunRecord, now: Timestamp, zone: &TimeZone) -> Self {
        let took =
            Run { started: Some(run.started), ended: run.ended, outcome: run.outcome.clone() }.took(now);
        let (trigger, retry_of) = match &run.trigger {
            Trigger::Timer => ("timer", None),
            Trigger::Manual => ("manual", None),
            Trigger::Retry(of) => ("retry", Some(*of)),
            _ => ("unknown", None),
        };
        let faint = |text: &str| Styled { text: text.to_owned(), tone: Tone::Faint };
        let shown = [
            show::full(run.started, zone).into(),
            took.map_or_else(|| faint("-"), |took| show::length(took).into()),
            Styled { text: words(&run.outcome, run.error.as_deref()), tone: tone(&run.outcome) },
            match retry_of {
                Some(of) => format!("retry of {}", digits(of)).into(),
                None if trigger == "unknown" => faint("-"),
                None => trigger.into(),
            },
        ];
        Self {
            id: run.id.to_string(),
            task: run.task.clone(),
            service: run.service.as_ref().map(ToString::to_string),
            scheduled: run.scheduled,
            started: run.started,
            ended: run.ended,
            took_seconds: took.map(|took| took.as_secs_f64()),
            outcome: run.outcome.word(),
            reason: reason(&run.outcome, run.error.as_deref()),
            attempts: run.attempts,
            max_attempts: run.max_attempts,
            trigger,
            retry_of: retry_of.map(|of| of.to_string()),
            command: run.command.clone(),
            directory: run.directory.clone(),
            attempted: None,
            shown,
        }
    }

    fn count(&self) -> String {
        match self.max_attempts {
            0 | 1 => self.attempts.to_string(),
            most => format!("{} of {most}", self.attempts),
        }
    }
}

fn tone(outcome: &Outcome) -> Tone {
    match outcome {
        Outcome::Failed(_) | Outcome::Interrupted | Outcome::Unknown => Tone::Bad,
        Outcome::Running => Tone::Busy,
        Outcome::Skipped => Tone::Faint,
        _ => Tone::Plain,
    }
}

/// Says what went wrong, in one line.
fn reason(outcome: &Outcome, error: Option<&str>) -> Option<String> {
    let end = match outcome {
        Outcome::Failed(end) => Some(end.to_string()),
        _ => None,
    };
    error.map(|error| harmless(error.lines().next().unwrap_or_default())).or(end)
}

/// Says how a run ended: `ok`, `failed: exit code 3`, `interrupted`.
fn words(outcome: &Outcome, error: Option<&str>) -> String {
    match reason(outcome, error) {
        Some(reason) => format!("{}: {reason}", outcome.word()),
        None => outcome.word().to_owned(),
    }
}

fn copy(styled: &Styled) -> Styled {
    Styled { text: styled.text.clone(), tone: styled.tone }
}

impl Row for HistoryRow {
    const COLUMNS: &'static [Column] = &[
        column("STARTED"),
        column("TASK"),
        column("TOOK"),
        column("OUTCOME"),
        column("TRIES"),
        column("BY"),
        column("RUN"),
        wide("SERVICE"),
        wide("COMMAND"),
    ];

    fn cells(&self) -> Vec<Styled> {
        let [started, took, outcome, trigger] = &self.shown;
        let command = self.command.as_ref().map(|command| harmless(&shell_words::join(command)));
        vec![
            copy(started),
            harmless(&self.task).into(),
            copy(took),
            copy(outcome),
            self.count().into(),
            copy(trigger),
            self.id.chars().take(8).collect::<String>().into(),
            self.service.as_deref().unwrap_or("-").into(),
            command.unwrap_or_else(|| "-".to_owned()).into(),
        ]
    }

    fn name(&self) -> String {
        self.id.clone()
    }
}

pub(super) async fn history(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &HistoryArguments,
) -> Result<Exit, CliError> {
    let query = RunQuery {
        tasks: tasks(app, &arguments.names).await?,
        failed: arguments.failed,
        since: arguments.since.as_deref().map(|text| past(app, text)).transpose()?,
        limit: Some(arguments.number.unwrap_or(DEFAULT_RUNS)),
        ..RunQuery::default()
    };
    let runs = app.runs.recent(&query).await?;
    if runs.is_empty()
        && let [name] = arguments.names.as_slice()
        && let Some(run) = named(app, name).await?
    {
        return one(ui, app, global, &run).await;
    }
    let now = (app.now)();
    let rows: Vec<HistoryRow> = runs.iter().map(|run| HistoryRow::new(run, now, &app.display)).collect();
    if rows.is_empty() {
        ui.remark(match arguments.names.as_slice() {
            [] => "No runs. Services with a `task`, and what `tf exec` runs, are kept here.".to_owned(),
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
async fn named(app: &App, word: &str) -> Result<Option<RunRecord>, CliError> {
    let of_task = RunQuery { tasks: vec![word.to_owned()], limit: Some(1), ..RunQuery::default() };
    if !app.runs.recent(&of_task).await?.is_empty() {
        return Ok(None);
    }
    let is_digits = word.bytes().all(|byte| byte.is_ascii_hexdigit()) && word.len() <= 32;
    if is_digits && word.len() >= LEAST_DIGITS {
        return by_digits(app, word).await.map(Some);
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

/// Shows everything that is kept of one run.
async fn one(ui: &mut Ui<'_>, app: &App, global: &Global, run: &RunRecord) -> Result<Exit, CliError> {
    let attempts = attempts(&*app.runs, run).await?;
    let mut row = HistoryRow::new(run, (app.now)(), &app.display);
    match global.output {
        Format::Table | Format::Wide => block(ui, app, run, &row, &attempts)?,
        Format::Name => writeln!(ui.out, "{}", row.id)?,
        format => {
            row.attempted = Some(attempts.iter().map(attempt_row).collect());
            data(ui, format, &[row])?;
        }
    }
    Ok(Exit::Ok)
}

async fn attempts(runs: &dyn RunStore, run: &RunRecord) -> Result<Vec<Attempt>, RunStoreError> {
    runs.attempts(run.id).await
}

fn took(attempt: &Attempt) -> Option<Duration> {
    attempt.ended.duration_since(attempt.started).try_into().ok()
}

fn attempt_row(attempt: &Attempt) -> AttemptRow {
    AttemptRow {
        number: attempt.number,
        started: attempt.started,
        ended: attempt.ended,
        took_seconds: took(attempt).map(|took| took.as_secs_f64()),
        outcome: attempt.outcome.word(),
        reason: reason(&attempt.outcome, attempt.error.as_deref()),
        tail: attempt.tail.clone(),
    }
}

fn block(
    ui: &mut Ui<'_>,
    app: &App,
    run: &RunRecord,
    row: &HistoryRow,
    attempts: &[Attempt],
) -> Result<(), CliError> {
    let [started, took_text, outcome, trigger] = &row.shown;
    writeln!(ui.out, "Run {} of {}", row.id, harmless(&row.task))?;
    let mut field = |name: &str, text: &str| writeln!(ui.out, "  {name:>9}: {text}");
    field("outcome", &outcome.text)?;
    field("started", &started.text)?;
    if let Some(scheduled) = run.scheduled {
        field("scheduled", &show::full(scheduled, &app.display))?;
    }
    field("took", &took_text.text)?;
    field("by", &trigger.text)?;
    if let Some(command) = &run.command {
        field("command", &harmless(&shell_words::join(command)))?;
    }
    if let Some(directory) = &run.directory {
        field("directory", &harmless(directory))?;
    }
    field("attempts", &row.count())?;
    for attempt in attempts {
        let length = took(attempt).map(show::length).unwrap_or_default();
        let words = words(&attempt.outcome, attempt.error.as_deref());
        writeln!(ui.out, "\nAttempt {} - {words}, after {length}", attempt.number)?;
        for line in attempt.tail.lines() {
            writeln!(ui.out, "  {}", harmless(line))?;
        }
    }
    Ok(())
}
