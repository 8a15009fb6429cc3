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
    use std::time::Duration;

    use serde_json::json;
    use taskflows_core::Outcome;
    use taskflows_core::task::{RunNote, Trigger};

    use super::super::fake::FakeLoki;
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

    fn whole(n: u32, task: &str) -> RunRecord {
        // Microseconds are what a note keeps.
        let first = Timestamp::from_second(Timestamp::now().as_second() - 3600).unwrap();
        let started = first + SignedDuration::from_secs(n.into());
        RunRecord {
            id: RunId::from_bits(n.into()),
            task: task.to_owned(),
            service: task.parse().ok(),
            scheduled: None,
            started,
            ended: Some(started + SignedDuration::from_millis(2500)),
            outcome: Outcome::Succeeded,
            attempts: 2,
            max_attempts: 3,
            error: None,
            trigger: Trigger::Timer,
            command: None,
            options: Vec::new(),
            directory: None,
            process: None,
        }
    }

    fn write(server: &FakeLoki, service: &str, at: Timestamp, note: RunNote<'_>) {
        let mut line = json!({ "event": "a note", "format": "text" });
        for (name, value) in note.fields() {
            line[name.to_lowercase()] = value.into();
        }
        server.write(service, &[], nanoseconds(at), &line.to_string());
    }

    /// Writes what is written of a run that needed two attempts.
    fn write_whole(server: &FakeLoki, service: &str, run: &RunRecord) {
        let ended = run.started + SignedDuration::from_secs(1);
        let error = Some("no luck".to_owned());
        let failed = taskflows_core::RunEnd { result: "exit-code".into(), exit: None, is_preparation: false };
        let outcome = Outcome::Failed(failed);
        let (number, started, tail) = (1, run.started, String::new());
        let attempt = Attempt { number, started, ended, outcome, error, tail };
        write(server, service, run.started, RunNote::Started(run));
        write(server, service, ended, RunNote::AttemptFailed(run, &attempt));
        write(server, service, ended, RunNote::Retrying(run, 2, Duration::from_secs(1)));
        write(server, service, run.ended.unwrap(), RunNote::Finished(run, None));
    }

    async fn ids(runs: &LokiRuns, query: RunQuery) -> Vec<u128> {
        runs.recent(&query).await.unwrap().iter().map(|run| run.id.bits()).collect()
    }

    #[tokio::test]
    async fn runs_are_put_together_from_their_notes() {
        let server = FakeLoki::start();
        let (web, nightly) = (whole(1, "web"), whole(2, "nightly"));
        write_whole(&server, "web", &web);
        // A program that calls itself otherwise.
        write_whole(&server, "an-app", &nightly);
        server.write("web", &[], nanoseconds(web.started), "it says taskflows_event, and nothing else");
        server.write(
            "web",
            &[],
            nanoseconds(web.started),
            r#"{"taskflows_event":"started","taskflows_run_id":7}"#,
        );
        let runs = LokiRuns::new(server.settings());
        let all = runs.recent(&RunQuery::default()).await.unwrap();
        assert_eq!(all, [nightly.clone(), web]);
        let tasks = vec!["nightly".to_owned()];
        assert_eq!(ids(&runs, RunQuery { tasks, ..RunQuery::default() }).await, [2]);
        let id_prefix = Some("00000000000000000000000000000001".to_owned());
        assert_eq!(ids(&runs, RunQuery { id_prefix, ..RunQuery::default() }).await, [1]);
        let since = Some(nightly.started);
        assert_eq!(ids(&runs, RunQuery { since, ..RunQuery::default() }).await, [2]);
        let attempts = runs.attempts(nightly.id).await.unwrap();
        assert_eq!((attempts[0].number, attempts[0].error.as_deref()), (1, Some("no luck")));
        assert_eq!(runs.attempts(RunId::from_bits(9)).await.unwrap(), []);
    }

    #[tokio::test]
    async fn no_more_is_read_than_makes_the_newest_certain() {
        let server = FakeLoki::start();
        server.allow(9);
        (1..100).for_each(|n| write_whole(&server, "web", &whole(n, "web")));
        // This one ended last, and began first: it is not among the newest.
        let long = RunRecord { ended: Some(whole(200, "web").started), ..whole(0, "web") };
        write_whole(&server, "web", &long);
        let runs = LokiRuns::new(server.settings());
        let query = RunQuery { limit: Some(3), ..RunQuery::default() };
        assert_eq!(ids(&runs, query).await, [99, 98, 97]);
        assert!(server.asked().len() < 20, "{}", server.asked().len());
        assert_eq!(runs.recent(&RunQuery::default()).await.unwrap().len(), 100);
    }

    #[tokio::test]
    async fn a_loki_that_is_not_there_is_an_error() {
        let mut server = FakeLoki::start();
        server.stop();
        let runs = LokiRuns::new(server.settings());
        let error = runs.recent(&RunQuery::default()).await.unwrap_err();
        let expected = format!("could not read the runs from Loki at {}", server.settings().url);
        assert_eq!(error.to_string(), expected);
    }
}
