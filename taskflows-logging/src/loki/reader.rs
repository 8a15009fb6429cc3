use std::collections::HashSet;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use taskflows_core::effects::{LogEntry, LogError, LogQuery, LogReader};

use super::LokiSettings;
use super::entry::entry;
use super::follow;
use super::http::Http;
use super::literal::literal;
use super::logql::Query;
use super::pages::{Backward, MOST, Pager, Span};

/// Asked for at once where only the newest entries are wanted.
const FEW: usize = 1000;

/// Reads what services wrote from Loki.
///
/// An entry is of the service that its label `service_name` names. Where a query has no `since`, entries of the 30 days
/// before its end are looked at; a longer time is read in pieces of 30 days, since Loki refuses longer queries. What was
/// pushed with one nanosecond more than 5000 times cannot be read and is an error.
///
/// Entries are read from the newest on in pages, until there are as many as are wanted. What is read but not wanted is
/// let go page by page; an answer of more than 64 MiB is not taken, and less is asked for then.
///
/// Following asks every second for what is new, and for what came late in the ten seconds before; where Loki does not
/// answer it asks again after up to 30 seconds, and never ends by itself once there was an answer.
///
/// ```no_run
/// use taskflows_core::effects::{LogQuery, LogReader};
/// use taskflows_logging::loki::{LokiReader, LokiSettings};
///
/// # async fn show() -> Result<(), Box<dyn std::error::Error>> {
/// let reader = LokiReader::new(LokiSettings::new("http://localhost:3100"));
/// let query = LogQuery { services: vec!["web".parse()?], lines: Some(10), ..LogQuery::default() };
/// for entry in reader.read(&query).await? {
///     println!("{} {}", entry.time, entry.message);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LokiReader {
    http: Http,
}

impl LokiReader {
    /// Reads from there. Nothing is asked yet.
    pub fn new(settings: LokiSettings) -> Self {
        Self { http: Http::new(settings) }
    }
}

#[async_trait]
impl LogReader for LokiReader {
    async fn read(&self, query: &LogQuery) -> Result<Vec<LogEntry>, LogError> {
        let found = newest(&self.http, query).await?;
        Ok(found.into_iter().map(|found| found.entry).collect())
    }

    fn follow(&self, query: &LogQuery) -> BoxStream<'static, Result<LogEntry, LogError>> {
        follow::follow(self.http.clone(), query.clone())
    }
}

/// An entry that is wanted, and the key of its row.
pub(super) struct Found {
    pub(super) at: i64,
    pub(super) key: u64,
    pub(super) entry: LogEntry,
}

/// Returns the newest entries that are wanted, oldest first.
pub(super) async fn newest(http: &Http, query: &LogQuery) -> Result<Vec<Found>, LogError> {
    let mut found = Vec::new();
    if query.services.is_empty() || query.lines == Some(0) {
        return Ok(found);
    }
    for selection in selections(query) {
        found.extend(newest_of(http, query, selection).await?);
    }
    found.sort_by_key(|found| found.at);
    // What both selections brought stands there twice.
    let mut keys = HashSet::with_capacity(found.len());
    found.retain(|found| keys.insert(found.key));
    let passed_over = query.lines.map_or(0, |lines| found.len().saturating_sub(lines));
    Ok(found.split_off(passed_over))
}

async fn newest_of(http: &Http, query: &LogQuery, selection: Query) -> Result<Vec<Found>, LogError> {
    let limit = query.lines.map_or(MOST, |lines| lines.max(FEW));
    let span = Span::of(query.since, query.until, Timestamp::now());
    let mut pages = Backward::new(Pager::new(http, selection, limit), span);
    let (mut older_and_older, mut count) = (Vec::new(), 0);
    while query.lines.is_none_or(|lines| count < lines)
        && let Some(rows) = pages.next().await?
    {
        let wanted: Vec<Found> = rows
            .into_iter()
            .filter_map(|row| Some(Found { at: row.at, key: row.key, entry: entry(&row, query)? }))
            .filter(|found| query.selects(&found.entry))
            .collect();
        count += wanted.len();
        older_and_older.push(wanted);
    }
    Ok(older_and_older.into_iter().rev().flatten().collect())
}

/// Returns what Loki is asked for: together at least what is wanted.
///
/// An entry is of a run because Loki says so, or because its line does. No one query of Loki means both.
fn selections(query: &LogQuery) -> Vec<Query> {
    let all = selection(query);
    let Some(run) = query.run else { return vec![all] };
    let run = run.to_string();
    vec![all.clone().contains(&run), all.label_is("run_id", &run)]
}

/// Returns a query for at least what is wanted.
pub(super) fn selection(query: &LogQuery) -> Query {
    let names: Vec<&str> = query.services.iter().map(taskflows_core::ServiceName::as_str).collect();
    let all = Query::of_services(&names);
    match query.pattern.as_ref().and_then(literal) {
        Some(text) => all.contains(&text),
        None => all,
    }
}
