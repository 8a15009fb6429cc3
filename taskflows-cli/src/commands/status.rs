use jiff::Timestamp;
use serde::Serialize;
use taskflows_core::effects::{Depth, Details, LogQuery, Next, State};
use taskflows_core::{NamePattern, ServiceName};

use super::list::{ListRow, WHOLE_NAME, check_each_selects, complete};
use super::log_lines::plain_line;
use super::remark_interruption;
use crate::arguments::{Format, Global, OptionalSelector, patterns};
use crate::error::chain;
use crate::output::{Column, Row, Styled, Tone, column, emit, unbroken, wide};
use crate::select::is_meant;
use crate::{App, CliError, Exit, Ui, show};

/// How many log lines stand under the status of one service.
pub(crate) const LAST_LINES: usize = 10;

#[derive(Serialize)]
struct StatusRow {
    #[serde(flatten)]
    list: ListRow,
    active_state: String,
    sub_state: String,
    pid: Option<u32>,
    memory_bytes: Option<u64>,
}

impl Row for StatusRow {
    const COLUMNS: &'static [Column] = &[
        unbroken("NAME", WHOLE_NAME),
        column("STATE"),
        column("LAST"),
        column("NEXT"),
        column("PID"),
        column("MEMORY"),
        wide("SYSTEMD"),
        wide("ENABLED"),
        wide("DESCRIPTION"),
    ];

    fn cells(&self) -> Vec<Styled> {
        let faint = || Styled { text: "-".into(), tone: Tone::Faint };
        let mut cells = self.list.cells();
        let description = cells.remove(5);
        let enabled = cells.remove(4);
        cells.truncate(4);
        cells.push(self.pid.map_or_else(faint, |pid| pid.to_string().into()));
        cells.push(self.memory_bytes.map_or_else(faint, |bytes| show::memory(bytes).into()));
        cells.push(format!("{} ({})", self.active_state, self.sub_state).into());
        cells.push(enabled);
        cells.push(description);
        cells
    }

    fn name(&self) -> String {
        self.list.name()
    }
}

pub(super) async fn status(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    selector: &OptionalSelector,
) -> Result<Exit, CliError> {
    remark_interruption(ui, app);
    let patterns = &patterns(&selector.services);
    let single = patterns.len() == 1 && patterns[0].is_exact();
    let depth = if single { Depth::Full } else { Depth::Table };
    let mut details = app.services.details(patterns, depth).await?;
    details.retain(|details| selector.all || is_meant(patterns, &details.listing.name));
    check_each_selects(app, patterns, details.iter().map(|details| &details.listing.name)).await?;
    complete(ui, app, details.iter_mut().map(|details| &mut details.listing)).await;
    let now = (app.now)();
    if single && matches!(global.output, Format::Table | Format::Wide) {
        for one in &details {
            block(ui, app, one, now).await?;
        }
    } else {
        let row = |details: &Details| StatusRow {
            list: ListRow::new(details.listing.clone(), now, &app.display),
            active_state: details.unit_state.0.clone(),
            sub_state: details.unit_state.1.clone(),
            pid: details.main_pid,
            memory_bytes: details.memory,
        };
        let rows: Vec<StatusRow> = details.iter().map(row).collect();
        if rows.is_empty() {
            ui.remark("No services are installed. `tf create FILE` installs what a definition file holds.");
        }
        emit(ui, global.output, &rows)?;
    }
    let idle = |details: &Details| matches!(details.listing.state, State::Stopped | State::Failed);
    // Who names services asks whether they are active; a pattern or nothing asks for a table.
    let named = !patterns.is_empty() && patterns.iter().all(NamePattern::is_exact);
    Ok(if named && details.iter().any(idle) { Exit::NotActive } else { Exit::Ok })
}

/// Shows one service with everything the manager says of it, and its last lines.
async fn block(ui: &mut Ui<'_>, app: &App, details: &Details, now: Timestamp) -> Result<(), CliError> {
    let listing = &details.listing;
    let (active, sub) = &details.unit_state;
    writeln!(ui.out, "{} - {}", listing.name, listing.description)?;
    let mut field = |name: &str, text: String| writeln!(ui.out, "  {name:>8}: {text}");
    field("state", format!("{} (systemd: {active}, {sub})", listing.state.as_str()))?;
    if let Some(run) = &listing.last {
        let at = run.at().map(|at| format!(" ({})", show::full(at, &app.display))).unwrap_or_default();
        field("last", format!("{}{at}", show::last(Some(run), now).text))?;
    }
    if let Some(end) = &details.failure {
        field("reason", end.to_string())?;
    }
    let next = match listing.next {
        Next::At(time) => match show::ahead(time, now) {
            ahead if ahead == "now" => format!("{} (now)", show::full(time, &app.display)),
            ahead => format!("{} (in {ahead})", show::full(time, &app.display)),
        },
        Next::Never => "never; its timer has elapsed".to_owned(),
        Next::Off => format!("its timer does not run; `tf enable {}` starts it", listing.name),
        Next::Unscheduled => "not scheduled".to_owned(),
        Next::AfterThisRun => "a period after the end of this run".to_owned(),
        Next::Unknown => "not known before the next start".to_owned(),
    };
    field("next", next)?;
    if let Some(time) = details.last_trigger {
        field(
            "trigger",
            format!("last elapsed {} ({})", show::full(time, &app.display), show::ago(time, now)),
        )?;
    }
    field("enabled", if listing.enabled { "yes" } else { "no" }.to_owned())?;
    if let Some(pid) = details.main_pid {
        let memory =
            details.memory.map(|bytes| format!(", memory {}", show::memory(bytes))).unwrap_or_default();
        let cpu = details.cpu_nanos.map(std::time::Duration::from_nanos);
        let cpu = cpu.map(|cpu| format!(", cpu {}", show::length(cpu))).unwrap_or_default();
        field("process", format!("{pid}{memory}{cpu}"))?;
    }
    if details.restarts > 0 {
        field("restarts", details.restarts.to_string())?;
    }
    if let Some(source) = &listing.source {
        field("source", source.clone())?;
    }
    if details.needs_reload {
        field(
            "drift",
            "unit files changed since systemd read them; `tf create` applies the definition".to_owned(),
        )?;
    }
    last_lines(ui, app, &listing.name).await
}

async fn last_lines(ui: &mut Ui<'_>, app: &App, name: &ServiceName) -> Result<(), CliError> {
    let query = LogQuery { services: vec![name.clone()], lines: Some(LAST_LINES), ..LogQuery::default() };
    match app.logs.read(&query).await {
        Ok(entries) => {
            if !entries.is_empty() {
                writeln!(ui.out)?;
            }
            for entry in &entries {
                writeln!(ui.out, "{}", plain_line(entry, &app.display, false))?;
            }
        }
        Err(error) => ui.remark(format!("note: its log could not be read: {}", chain(&error))),
    }
    Ok(())
}
