use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use taskflows_core::effects::{LogEntry, LogError, LogQuery};
use taskflows_core::schedule::{TIMESTAMP_FORMS, parse_timestamp};
use taskflows_core::task::RunRecord;
use taskflows_core::{ServiceName, TimeSpan};

use super::history::digits;
use super::history::going;
use super::log_lines::{LogRow, human_line, row};
use super::log_source::LogSource;
use super::retry::by_digits;
use crate::alerting::span_of_lines;
use crate::arguments::{Format, Global, LogSourceArgument, LogsArguments, patterns};
use crate::output::data;
use crate::select::{no_such_service, select};
use crate::{App, CliError, Exit, Ui};

/// So many lines are shown where nothing else is asked for.
pub(crate) const DEFAULT_LINES: usize = 50;

/// What was asked for.
struct Wanted {
    query: LogQuery,
    /// Whether nothing more of it can be written.
    is_over: bool,
}

pub(super) async fn logs(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    logs: &LogsArguments,
) -> Result<Exit, CliError> {
    let Wanted { query, is_over } = wanted(app, logs).await?;
    let source = LogSource::choose(app, logs.source);
    // Elsewhere there are lines of services that are not installed here, and a run may be of one that is gone.
    let must_be_known = logs.source == LogSourceArgument::Journal && query.run.is_none();
    let follows = logs.follow && !is_over;
    if follows && must_be_known {
        known(app, &query).await?;
    }
    let entries = if follows { source.reader.follow(&query) } else { source.reader.stream(&query) };
    let shape = Shape { format: global.output, several: query.services.len() > 1, at_once: follows };
    let count = show(ui, app, &source, entries, shape).await?;
    if count == 0 && !follows {
        if must_be_known {
            known(app, &query).await?;
        }
        if is_list(global.output) {
            data::<LogRow<'_>>(ui, global.output, &[])?;
        }
        ui.remark("No lines.");
    }
    Ok(Exit::Ok)
}

/// Reads from the command line which lines are wanted.
async fn wanted(app: &App, logs: &LogsArguments) -> Result<Wanted, CliError> {
    let time = |text: &Option<String>| text.as_deref().map(|text| past(app, text)).transpose();
    let (since, until) = (time(&logs.since)?, time(&logs.until)?);
    let mut query = LogQuery {
        services: select(app, &patterns(&logs.services)).await?,
        lines: logs.lines.or_else(|| (since.is_none() && logs.run.is_none()).then_some(DEFAULT_LINES)),
        since,
        until,
        attempt: logs.attempt,
        priority: logs.level,
        pattern: logs.grep.clone(),
        ..LogQuery::default()
    };
    let Some(text) = &logs.run else { return Ok(Wanted { query, is_over: false }) };
    let record = match run_of(app, text).await {
        Ok(record) => record,
        // A whole id is one, wherever the run is kept.
        Err(error) if error.exit == Exit::NoSuchService && !query.services.is_empty() => {
            query.run = Some(text.parse().map_err(|_| error)?);
            return Ok(Wanted { query, is_over: false });
        }
        Err(error) => return Err(error),
    };
    query.run = Some(record.id);
    if query.services.is_empty() {
        query.services = vec![service_of(&record)?];
    } else if !query.services.contains(&service_of(&record)?) {
        let error = format!("run {} is of {}, which is not among these", digits(record.id), record.task);
        return Err(CliError::new(Exit::Usage, error).hint("`--run` needs no name"));
    }
    let (began, ended) = span_of_lines(&*app.runs, &record).await;
    query.since = query.since.or(began);
    query.until = query.until.or(ended);
    Ok(Wanted { query, is_over: record.ended.is_some() })
}

/// Returns the run that is meant: one that is kept, one of a service that still goes on, or one that the journal tells of,
/// where the store was lost.
async fn run_of(app: &App, text: &str) -> Result<RunRecord, CliError> {
    match by_digits(&*app.runs, text).await {
        Err(error) if error.exit != Exit::Usage => match going::by_digits(app, text).await {
            Some(run) => Ok(run),
            None => by_digits(&*app.journal_runs, text).await.map_err(|_| error),
        },
        known => known,
    }
}

/// Returns under which name the lines of a run are found: its service's, or that of its task.
fn service_of(run: &RunRecord) -> Result<ServiceName, CliError> {
    run.service.clone().or_else(|| run.task.parse().ok()).ok_or_else(|| {
        let error = format!("run {} is of no service, so that no log has its lines", digits(run.id));
        CliError::new(Exit::Failed, error)
            .hint(format!("`tf history {}` shows the last ones, which are kept", digits(run.id)))
    })
}

/// A service that was removed may still have lines; only one that has neither is unknown.
async fn known(app: &App, query: &LogQuery) -> Result<(), CliError> {
    for name in &query.services {
        if app.services.names(&[name.into()]).await?.is_empty() {
            return Err(no_such_service(app, name.as_str()).await);
        }
    }
    Ok(())
}

fn is_list(format: Format) -> bool {
    matches!(format, Format::Json | Format::Yaml)
}

/// How entries are written.
#[derive(Clone, Copy)]
struct Shape {
    format: Format,
    /// Whether they are of several services.
    several: bool,
    /// Whether each is to be seen before the next one is there.
    at_once: bool,
}

/// Writes entries as they come, and returns how many there were.
async fn show(
    ui: &mut Ui<'_>,
    app: &App,
    source: &LogSource,
    entries: BoxStream<'_, Result<LogEntry, LogError>>,
    shape: Shape,
) -> Result<usize, CliError> {
    let mut entries = entries.map_err(|error| source.error(error));
    // One list can be written at its end alone.
    if is_list(shape.format) && !shape.at_once {
        let entries: Vec<LogEntry> = entries.try_collect().await?;
        let rows: Vec<_> = entries.iter().map(row).collect();
        if !rows.is_empty() {
            data(ui, shape.format, &rows)?;
        }
        return Ok(rows.len());
    }
    let mut count = 0;
    while let Some(entry) = entries.try_next().await? {
        count += 1;
        match shape.format {
            Format::Table | Format::Wide | Format::Name => {
                let line = human_line(&entry, &app.display, shape.several, ui.colour);
                write_entry(ui, entry.time, line)?;
            }
            Format::Raw => write_entry(ui, entry.time, entry.message)?,
            // What never ends is no one list.
            _ => data(ui, Format::Jsonl, &[row(&entry)])?,
        }
        if shape.at_once {
            ui.out.flush()?;
        }
    }
    Ok(count)
}

/// Writes what is shown of an entry, or leaves it to be put between those of other servers.
fn write_entry(ui: &mut Ui<'_>, time: Timestamp, text: String) -> Result<(), CliError> {
    match ui.out.gathering() {
        Some(gathering) => gathering.entry(time, text),
        None => writeln!(ui.out, "{text}")?,
    }
    Ok(())
}

/// Reads a point in time; one that names no zone is meant in the zone that times are shown in.
pub(super) fn instant(app: &App, text: &str) -> Result<Timestamp, CliError> {
    parse_timestamp(text, (app.now)(), &app.display, &app.zones).map_err(|error| {
        CliError::new(Exit::Usage, error.to_string()).hint(format!("write {TIMESTAMP_FORMS}"))
    })
}

/// Reads the same, and a bare length such as `2h` as so long ago.
pub(super) fn past(app: &App, text: &str) -> Result<Timestamp, CliError> {
    match text.parse::<TimeSpan>() {
        Ok(_) if !text.starts_with('+') => instant(app, &format!("{text} ago")),
        _ => instant(app, text),
    }
}
