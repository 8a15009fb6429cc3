use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use taskflows_core::effects::{Listing, Next};
use taskflows_core::{NamePattern, Outcome, ServiceName};

use super::remark_interruption;
use crate::arguments::{Global, OptionalSelector, patterns};
use crate::error::chain;
use crate::output::{Column, Row, Styled, Tone, column, emit, unbroken, wide};
use crate::select::is_meant;
use crate::{App, CliError, Exit, Ui, show};

/// The name of a service is not broken up to so many characters.
pub(super) const WHOLE_NAME: usize = 20;

/// A line of `tf list`.
#[derive(Serialize)]
pub(super) struct ListRow {
    name: String,
    state: &'static str,
    enabled: bool,
    last: Option<LastRow>,
    /// RFC 3339 in UTC, where it is known.
    next: Option<Timestamp>,
    description: String,
    source: Option<String>,
    #[serde(skip)]
    shown: Shown,
}

#[derive(Serialize)]
struct LastRow {
    result: &'static str,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    took_seconds: Option<f64>,
    reason: Option<String>,
}

/// The texts of the columns that depend on the time and the zone.
struct Shown {
    state: Styled,
    last: Styled,
    next: Styled,
}

impl ListRow {
    pub(super) fn new(listing: Listing, now: Timestamp, zone: &TimeZone) -> Self {
        let shown = Shown {
            state: show::state(listing.state),
            last: show::last(listing.last.as_ref(), now),
            next: show::next(listing.next, now, zone),
        };
        Self {
            name: listing.name.to_string(),
            state: listing.state.as_str(),
            enabled: listing.enabled,
            last: listing.last.map(|run| LastRow {
                result: run.outcome.word(),
                started: run.started,
                ended: run.ended,
                took_seconds: run.took(now).map(|took| took.as_secs_f64()),
                reason: match &run.outcome {
                    Outcome::Failed(end) => Some(end.to_string()),
                    _ => None,
                },
            }),
            next: match listing.next {
                Next::At(time) => Some(time),
                _ => None,
            },
            description: listing.description,
            source: listing.source,
            shown,
        }
    }
}

fn copy(styled: &Styled) -> Styled {
    Styled { text: styled.text.clone(), tone: styled.tone }
}

impl Row for ListRow {
    const COLUMNS: &'static [Column] = &[
        unbroken("NAME", WHOLE_NAME),
        column("STATE"),
        column("LAST"),
        column("NEXT"),
        wide("ENABLED"),
        wide("DESCRIPTION"),
        wide("SOURCE"),
    ];

    fn cells(&self) -> Vec<Styled> {
        let enabled =
            if self.enabled { "yes".into() } else { Styled { text: "no".into(), tone: Tone::Faint } };
        vec![
            self.name.as_str().into(),
            copy(&self.shown.state),
            copy(&self.shown.last),
            copy(&self.shown.next),
            enabled,
            self.description.as_str().into(),
            self.source.as_deref().unwrap_or("-").into(),
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// Puts the last run that is kept in place of that from the journal, where it is not older.
pub(super) async fn complete<'a>(
    ui: &mut Ui<'_>,
    app: &App,
    listings: impl Iterator<Item = &'a mut Listing>,
) {
    let listings: Vec<&mut Listing> = listings.collect();
    let names: Vec<ServiceName> = listings.iter().map(|listing| listing.name.clone()).collect();
    match app.runs.latest(&names).await {
        Ok(kept) => Listing::complete(listings, kept),
        Err(error) => ui.remark(format!("note: {}", chain(&error))),
    }
}

/// Fails for the first pattern that selects none of `names`.
pub(super) async fn check_each_selects<'a>(
    app: &App,
    patterns: &[NamePattern],
    names: impl Iterator<Item = &'a taskflows_core::ServiceName> + Clone,
) -> Result<(), CliError> {
    match patterns.iter().find(|pattern| !names.clone().any(|name| pattern.matches(name))) {
        None => Ok(()),
        Some(pattern) if pattern.is_exact() => {
            Err(crate::select::no_such_service(app, pattern.as_str()).await)
        }
        Some(pattern) => Err(CliError::new(Exit::NoSuchService, format!("no service matches `{pattern}`"))
            .hint("`tf list` shows what is installed")),
    }
}

pub(super) async fn list(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    selector: &OptionalSelector,
) -> Result<Exit, CliError> {
    remark_interruption(ui, app);
    let patterns = &patterns(&selector.services);
    let mut listings = app.services.list(patterns).await?;
    listings.retain(|listing| selector.all || is_meant(patterns, &listing.name));
    check_each_selects(app, patterns, listings.iter().map(|listing| &listing.name)).await?;
    complete(ui, app, listings.iter_mut()).await;
    let now = (app.now)();
    let rows: Vec<ListRow> =
        listings.into_iter().map(|listing| ListRow::new(listing, now, &app.display)).collect();
    if rows.is_empty() {
        ui.remark("No services are installed. `tf create FILE` installs what a definition file holds.");
    }
    emit(ui, global.output, &rows)?;
    Ok(Exit::Ok)
}
