use futures_util::TryStreamExt;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use taskflows_core::TimeSpan;
use taskflows_core::effects::{LogEntry, LogOrigin, LogQuery};
use taskflows_core::schedule::{TIMESTAMP_FORMS, parse_timestamp};

use crate::arguments::{Format, Global, LogsArguments};
use crate::output::data;
use crate::select::{no_such_service, select};
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui};

/// So many lines are shown where nothing else is asked for.
const DEFAULT_LINES: usize = 50;

#[derive(Serialize)]
struct LogRow<'a> {
    time: Timestamp,
    name: String,
    origin: &'static str,
    priority: u8,
    message: &'a str,
}

fn row(entry: &LogEntry) -> LogRow<'_> {
    LogRow {
        time: entry.time,
        name: entry.service.to_string(),
        origin: if entry.origin == LogOrigin::Manager { "systemd" } else { "process" },
        priority: entry.priority,
        message: &entry.message,
    }
}

pub(super) async fn logs(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    logs: &LogsArguments,
) -> Result<Exit, CliError> {
    let services = select(app, &logs.names.services).await?;
    let time = |text: &Option<String>| text.as_deref().map(|text| past(app, text)).transpose();
    let since = time(&logs.since)?;
    let query = LogQuery {
        lines: logs.lines.or_else(|| since.is_none().then_some(DEFAULT_LINES)),
        since,
        until: time(&logs.until)?,
        services,
        ..LogQuery::default()
    };
    if logs.follow {
        known(app, &query).await?;
        return follow(ui, app, global, &query).await;
    }
    let entries = app.logs.read(&query).await?;
    if entries.is_empty() {
        known(app, &query).await?;
        ui.remark("No lines.");
    }
    match global.output {
        Format::Table | Format::Wide | Format::Name => {
            let several = query.services.len() > 1;
            for entry in &entries {
                writeln!(ui.out, "{}", plain_line(entry, &app.display, several))?;
            }
        }
        format => {
            let rows: Vec<LogRow<'_>> = entries.iter().map(row).collect();
            data(ui, format, &rows)?;
        }
    }
    Ok(Exit::Ok)
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

async fn follow(ui: &mut Ui<'_>, app: &App, global: &Global, query: &LogQuery) -> Result<Exit, CliError> {
    let several = query.services.len() > 1;
    let as_data = !matches!(global.output, Format::Table | Format::Wide | Format::Name);
    let mut entries = app.logs.follow(query);
    while let Some(entry) = entries.try_next().await? {
        let line = match as_data {
            true => serde_json::to_string(&row(&entry)).unwrap_or_default(),
            false => plain_line(&entry, &app.display, several),
        };
        writeln!(ui.out, "{line}")?;
        ui.out.flush()?;
    }
    Ok(Exit::Ok)
}

/// Writes an entry on one line: `Nov 24 14:00:00.123 hello`.
pub(super) fn plain_line(entry: &LogEntry, zone: &TimeZone, with_name: bool) -> String {
    let time = entry.time.to_zoned(zone.clone()).strftime("%b %d %H:%M:%S").to_string();
    let name = if with_name { format!(" {}", entry.service) } else { String::new() };
    let who = if entry.origin == LogOrigin::Manager { " systemd:" } else { "" };
    format!("{time}{name}{who} {}", harmless(&entry.message))
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
