use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use taskflows_core::effects::{LogError, RunHistory, RunStoreError};
use taskflows_core::task::{Attempt, RunId, RunNotes, RunQuery, RunRecord};

use super::LokiSettings;
use super::answer::Row;
use super::entry::text;
use super::http::Http;
use super::logql::Query;
use super::pages::{Backward, MOST, Pager, Span, nanoseconds};

/// A note may be so much older than the start that it tells of, since it is another clock that Loki's entry has.
const BEFORE: SignedDuration = SignedDuration::from_mins(1);

/// The runs that Loki knows of, by the notes that were written of them where logs go.
///
/// Without `since`, the runs of the last 30 days are known. A run with notes of both its start and its end is whole; the
/// command, its options and its directory are in no note, and neither are the last lines of an attempt.
///
/// ```no_run
/// use taskflows_core::effects::RunHistory;
/// use taskflows_core::task::RunQuery;
/// use taskflows_logging::loki::{LokiRuns, LokiSettings};
///
/// # async fn show() -> Result<(), Box<dyn std::error::Error>> {
/// let runs = LokiRuns::new(LokiSettings::new("http://localhost:3100"));
/// let query = RunQuery { tasks: vec!["nightly".to_owned()], limit: Some(10), ..RunQuery::default() };
/// for run in runs.recent(&query).await? {
///     println!("{} {}", run.started, run.id);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LokiRuns {
    http: Http,
}

impl LokiRuns {
    /// Reads from there. Nothing is asked yet.
    pub fn new(settings: LokiSettings) -> Self {
        Self { http: Http::new(settings) }
    }

    fn pages(&self, query: Query, since: Option<Timestamp>) -> Backward {
        let since = since.map(|since| since.saturating_sub(BEFORE).unwrap_or(since));
        Backward::new(Pager::new(&self.http, query, MOST), Span::of(since, None, Timestamp::now()))
    }

    fn failed(&self, error: LogError) -> RunStoreError {
        let operation = format!("read the runs from Loki at {}", self.http.settings().shown_url());
        RunStoreError::Failed { operation, source: error.into() }
    }
}

#[async_trait]
impl RunHistory for LokiRuns {
    async fn recent(&self, query: &RunQuery) -> Result<Vec<RunRecord>, RunStoreError> {
        let mut pages = self.pages(selection(query), query.since);
        let mut notes = RunNotes::default();
        while let Some(rows) = pages.next().await.map_err(|error| self.failed(error))? {
            rows.iter().for_each(|row| note(&mut notes, row));
            if is_certain(&notes, query, pages.read_down_to()) {
                break;
            }
        }
        let mut runs = notes.select(query);
        runs.truncate(query.limit.unwrap_or(usize::MAX));
        Ok(runs)
    }

    async fn attempts(&self, run: RunId) -> Result<Vec<Attempt>, RunStoreError> {
        let of_run = notes_of_all().contains(&run.to_string());
        let (mut pages, mut notes) = (self.pages(of_run, None), RunNotes::default());
        while let Some(rows) = pages.next().await.map_err(|error| self.failed(error))? {
            rows.iter().for_each(|row| note(&mut notes, row));
        }
        Ok(notes.attempts(run))
    }
}

/// Tells whether no older note can change which runs are the newest: all of them began after the instant down to which
/// everything was read.
fn is_certain(notes: &RunNotes, query: &RunQuery, read_down_to: i64) -> bool {
    let Some(limit) = query.limit else { return false };
    let newest = notes.select(query);
    let began_since = |run: &&RunRecord| nanoseconds(run.started) >= read_down_to;
    newest.iter().take(limit).filter(began_since).count() >= limit
}

fn notes_of_all() -> Query {
    Query::of_services::<&str>(&[]).contains("taskflows_event")
}

/// Returns a query for at least the notes of the runs that are wanted.
///
/// A program's `service_name` is its task or what it calls itself, so the names are looked for in the lines.
fn selection(query: &RunQuery) -> Query {
    // Such a name is written in a line of JSON as it is.
    let is_plain = |text: &String| text.chars().all(|c| c.is_ascii_alphanumeric() || "._- ".contains(c));
    let mut notes = notes_of_all();
    if query.tasks.iter().all(is_plain) {
        notes = notes.contains_one(&query.tasks);
    }
    match &query.id_prefix {
        Some(prefix) if is_plain(prefix) => notes.contains(&prefix.to_lowercase()),
        _ => notes,
    }
}

/// Takes note of a row, where it is a note of a run.
fn note(notes: &mut RunNotes, row: &Row) {
    let Ok(time) = Timestamp::from_nanosecond(row.at.into()) else { return };
    let Ok(fields) = serde_json::from_str::<Map<String, Value>>(&row.line) else { return };
    notes.note(time, &|name| text(&fields, &name.to_ascii_lowercase()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_for_in_the_lines_where_they_are_written_as_they_are() {
        let query = |tasks: &[&str], prefix: Option<&str>| {
            let tasks = tasks.iter().map(|task| (*task).to_owned()).collect();
            let id_prefix = prefix.map(str::to_owned);
            selection(&RunQuery { tasks, id_prefix, ..RunQuery::default() }).to_string()
        };
        let all = r#"{service_name=~".+"} |= "taskflows_event""#;
        assert_eq!(query(&[], None), all);
        assert_eq!(query(&["a\"b"], None), all);
        assert_eq!(query(&["nightly"], Some("0A")), format!(r#"{all} |= "nightly" |= "0a""#));
        assert_eq!(query(&["a.b", "c"], None), format!(r#"{all} |~ "a\\.b|c""#));
    }
}
