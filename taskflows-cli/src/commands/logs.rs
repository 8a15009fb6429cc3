use futures_util::TryStreamExt;
use jiff::Timestamp;
use taskflows_core::effects::LogQuery;
use taskflows_core::schedule::{TIMESTAMP_FORMS, parse_timestamp};
use taskflows_core::task::RunRecord;
use taskflows_core::{ServiceName, TimeSpan};

use super::history::digits;
use super::log_lines::{human_line, row};
use super::log_source::LogSource;
use super::retry::by_digits;
use crate::alerting::span_of_lines;
use crate::arguments::{Format, Global, LogSourceArgument, LogsArguments};
use crate::output::data;
use crate::select::{no_such_service, select};
use crate::{App, CliError, Exit, Ui};

/// So many lines are shown where nothing else is asked for.
const DEFAULT_LINES: usize = 50;

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
    if logs.follow && !is_over {
        if must_be_known {
            known(app, &query).await?;
        }
        return follow(ui, app, global, &source, &query).await;
    }
    let entries = source.reader.read(&query).await.map_err(|error| source.error(error))?;
    if entries.is_empty() {
        if must_be_known {
            known(app, &query).await?;
        }
        ui.remark("No lines.");
    }
    let several = query.services.len() > 1;
    match global.output {
        Format::Table | Format::Wide | Format::Name => {
            for entry in &entries {
                writeln!(ui.out, "{}", human_line(entry, &app.display, several, ui.colour))?;
            }
        }
        Format::Raw => {
            for entry in &entries {
                writeln!(ui.out, "{}", entry.message)?;
            }
        }
        format => {
            let rows: Vec<_> = entries.iter().map(row).collect();
            data(ui, format, &rows)?;
        }
    }
    Ok(Exit::Ok)
}

/// Reads from the command line which lines are wanted.
async fn wanted(app: &App, logs: &LogsArguments) -> Result<Wanted, CliError> {
    let time = |text: &Option<String>| text.as_deref().map(|text| past(app, text)).transpose();
    let (since, until) = (time(&logs.since)?, time(&logs.until)?);
    let mut query = LogQuery {
        services: select(app, &logs.services).await?,
        lines: logs.lines.or_else(|| (since.is_none() && logs.run.is_none()).then_some(DEFAULT_LINES)),
        since,
        until,
        attempt: logs.attempt,
        priority: logs.level,
        pattern: logs.grep.clone(),
        ..LogQuery::default()
    };
    let Some(text) = &logs.run else { return Ok(Wanted { query, is_over: false }) };
    let record = match by_digits(app, text).await {
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
    }
    let (began, ended) = span_of_lines(&*app.runs, &record).await;
    query.since = query.since.or(began);
    query.until = query.until.or(ended);
    Ok(Wanted { query, is_over: record.ended.is_some() })
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

async fn follow(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    source: &LogSource,
    query: &LogQuery,
) -> Result<Exit, CliError> {
    let several = query.services.len() > 1;
    let mut entries = source.reader.follow(query);
    while let Some(entry) = entries.try_next().await.map_err(|error| source.error(error))? {
        let line = match global.output {
            Format::Table | Format::Wide | Format::Name => {
                human_line(&entry, &app.display, several, ui.colour)
            }
            Format::Raw => entry.message,
            _ => serde_json::to_string(&row(&entry)).unwrap_or_default(),
        };
        writeln!(ui.out, "{line}")?;
        ui.out.flush()?;
    }
    Ok(Exit::Ok)
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
