use jiff::Timestamp;
use serde::Serialize;

use super::list::check_each_selects;
use crate::arguments::{Global, NextArguments, patterns};
use crate::output::{Column, Row, Styled, Tone, column, emit};
use crate::{App, CliError, Exit, Ui, show};

/// So many starts are shown where nothing else is asked for.
pub(crate) const DEFAULT_STARTS: usize = 10;

#[derive(Serialize)]
struct NextRow {
    name: String,
    /// RFC 3339 in UTC.
    at: Timestamp,
    after_clock_change: bool,
    #[serde(skip)]
    shown: [String; 2],
}

impl Row for NextRow {
    const COLUMNS: &'static [Column] = &[column("AT"), column("IN"), column("NAME"), column("NOTE")];

    fn cells(&self) -> Vec<Styled> {
        let note = if self.after_clock_change { "after a clock change" } else { "" };
        let [at, ahead] = &self.shown;
        vec![
            at.as_str().into(),
            ahead.as_str().into(),
            self.name.as_str().into(),
            Styled { text: note.to_owned(), tone: Tone::Busy },
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn time(&self) -> Option<Timestamp> {
        Some(self.at)
    }
}

pub(super) async fn next(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &NextArguments,
) -> Result<Exit, CliError> {
    let patterns = &patterns(&arguments.selector.services);
    if !patterns.is_empty() {
        let names = app.services.names(patterns).await?;
        check_each_selects(app, patterns, names.iter()).await?;
    }
    let starts = app.services.upcoming(patterns, arguments.starts.unwrap_or(DEFAULT_STARTS)).await?;
    let now = (app.now)();
    let rows: Vec<NextRow> = starts
        .into_iter()
        .map(|start| NextRow {
            name: start.name.to_string(),
            at: start.at,
            after_clock_change: start.after_clock_change,
            shown: [show::full(start.at, &app.display), show::ahead(start.at, now)],
        })
        .collect();
    if rows.is_empty() {
        ui.remark("Nothing is scheduled to start.");
    }
    emit(ui, global.output, &rows)?;
    Ok(Exit::Ok)
}
