use jiff::SignedDuration;
use taskflows_core::effects::{LogEntry, LogOrigin, LogQuery, LogReader, RunHistory};
use taskflows_core::task::{Attempt, RunRecord};

use super::row::{AttemptRow, HistoryRow, LogLine, took};
use super::{digits, words};
use crate::arguments::{Format, Global};
use crate::commands::log_lines::plain_line;
use crate::error::chain;
use crate::output::data;
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui, show};

/// So many of its lines are shown, the newest.
const LINES: usize = 20;

/// What a run wrote is in the log a moment later than it ended, and what the manager wrote of its start a moment earlier.
const MARGIN: SignedDuration = SignedDuration::from_secs(2);

/// Shows everything that is known of one run.
pub(super) async fn one(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    (told_by, logs): (&dyn RunHistory, &dyn LogReader),
    run: &RunRecord,
) -> Result<Exit, CliError> {
    let attempts = told_by.attempts(run.id).await?;
    let mut row = HistoryRow::new(run, (app.now)(), &app.display, false);
    match global.output {
        Format::Table | Format::Wide => {
            block(ui, app, run, &row)?;
            let log = log(ui, logs, run).await;
            attempts_of(ui, &attempts, log.is_empty())?;
            lines(ui, app, run, &log)?;
        }
        Format::Name => writeln!(ui.out, "{}", row.id)?,
        format => {
            row.attempted = Some(attempts.iter().map(AttemptRow::new).collect());
            row.log = Some(log(ui, logs, run).await.into_iter().map(log_line).collect());
            data(ui, format, &[row])?;
        }
    }
    Ok(Exit::Ok)
}

/// Returns the last lines of a run of a service.
async fn log(ui: &mut Ui<'_>, logs: &dyn LogReader, run: &RunRecord) -> Vec<LogEntry> {
    // A program that is no service is known by its task.
    let Some(service) = run.service.clone().or_else(|| run.task.parse().ok()) else { return Vec::new() };
    let query = LogQuery {
        services: vec![service],
        lines: Some(LINES),
        since: run.started.checked_sub(MARGIN).ok(),
        until: run.ended.and_then(|ended| ended.checked_add(MARGIN).ok()),
        run: Some(run.id),
        ..LogQuery::default()
    };
    logs.read(&query).await.unwrap_or_else(|error| {
        ui.remark(format!("note: its log could not be read: {}", chain(&error)));
        Vec::new()
    })
}

fn log_line(entry: LogEntry) -> LogLine {
    LogLine {
        time: entry.time,
        origin: if entry.origin == LogOrigin::Manager { "systemd" } else { "process" },
        priority: entry.priority,
        message: entry.message,
    }
}

fn block(ui: &mut Ui<'_>, app: &App, run: &RunRecord, row: &HistoryRow) -> Result<(), CliError> {
    writeln!(ui.out, "Run {} of {}", row.id, harmless(&run.task))?;
    let width = ui.width;
    let mut field = |name: &str, text: &str| {
        let text = show::wrapped(text, 13, width);
        writeln!(ui.out, "  {name:>9}: {}", text.trim_start())
    };
    field("outcome", &words(&run.outcome, run.error.as_deref()))?;
    field("started", &show::full(run.started, &app.display))?;
    if let Some(scheduled) = run.scheduled {
        field("scheduled", &show::full(scheduled, &app.display))?;
    }
    field("took", &row.shown.took.text)?;
    field("by", &row.shown.by.text)?;
    if let Some(command) = &run.command {
        field("command", &harmless(&shell_words::join(command)))?;
    }
    if let Some(directory) = &run.directory {
        field("directory", &harmless(directory))?;
    }
    field("attempts", &row.count())?;
    Ok(())
}

/// Tells of each attempt, with the last lines that were kept of it where its log is gone.
fn attempts_of(ui: &mut Ui<'_>, attempts: &[Attempt], with_tails: bool) -> Result<(), CliError> {
    for attempt in attempts {
        let length = took(attempt).map(show::length).unwrap_or_default();
        let words = words(&attempt.outcome, attempt.error.as_deref());
        writeln!(ui.out, "\nAttempt {} - {words}, after {length}", attempt.number)?;
        for line in attempt.tail.lines().filter(|_| with_tails) {
            writeln!(ui.out, "  {}", harmless(line))?;
        }
    }
    Ok(())
}

fn lines(ui: &mut Ui<'_>, app: &App, run: &RunRecord, log: &[LogEntry]) -> Result<(), CliError> {
    if log.is_empty() {
        return Ok(());
    }
    writeln!(ui.out, "\nLog")?;
    for entry in log {
        writeln!(ui.out, "  {}", plain_line(entry, &app.display, false))?;
    }
    if log.len() == LINES
        && let Some(service) = &run.service
    {
        ui.remark(format!(
            "These are its last lines; `tf logs {service} --run {}` shows all.",
            digits(run.id)
        ));
    }
    Ok(())
}
