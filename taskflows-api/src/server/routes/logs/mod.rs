//! The log: what was written, and what is written from now on.

mod position;
mod pump;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::{Stream, StreamExt, stream};
use taskflows_core::effects::{LogError, LogQuery};
use taskflows_security::Role;
use utoipa_axum::routes;

use self::position::Position;
use self::pump::{Piece, Pieces, pump};
use self::writing::{Array, Events, Lines, Writing};
use crate::server::route::{Routes, Rule};
use crate::server::{Problem, Query, Shared};

use crate::wire::{LogLine, LogParameters, StreamedLine};

/// So many logs are read at once; each may be a process of its own.
pub(crate) const MOST_READ: usize = 64;

/// So many lines are returned as an array where nothing else is asked for.
const DEFAULT_LINES: usize = 1_000;

/// So many of the newest lines can be asked for: they are held until the oldest of them is found.
const MOST_LINES: usize = 100_000;

/// How long an answer waits for its first line, by which it is known whether the log can be read.
const FIRST: Duration = Duration::from_secs(10);

/// Where a client that was cut off says what it had last.
const LAST_EVENT_ID: &str = "last-event-id";

pub(super) fn add(routes: Routes) -> Routes {
    routes.add(Rule::Needs(Role::Viewer), routes!(read)).add(Rule::Needs(Role::Viewer), routes!(follow))
}

/// Returns the lines that were written, the oldest first.
///
/// As an array, the newest 1,000 unless `lines` says otherwise. With `Accept: application/jsonl`, all, a line
/// each, as they are found; where the log fails midway the last line holds a `problem`. Neither is held in memory as a whole.
#[utoipa::path(get, path = "/api/logs", tag = "logs", operation_id = "read_logs", params(LogParameters), responses(
    (status = 200, description = "The lines", content(
        (Vec<LogLine> = "application/json"), (StreamedLine = "application/jsonl"))),
    (status = 502, description = "The log cannot be read", body = Problem, content_type = "application/problem+json"),
))]
async fn read(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(parameters): Query<LogParameters>,
) -> Result<Response, Problem> {
    let mut query = checked(parameters)?;
    let accepted = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    let (kind, writing): (_, Box<dyn Writing>) = match accepted.contains("application/jsonl") {
        true => ("application/jsonl", Box::new(Lines)),
        false => {
            query.lines = query.lines.or(Some(DEFAULT_LINES));
            ("application/json", Box::new(Array::default()))
        }
    };
    let logs = Arc::clone(&shared.host.logs);
    let permit = permit(&shared)?;
    let pieces = pump(permit, writing, move |sink| async move { sink.send_all(logs.stream(&query)).await });
    Ok(answer(kind, first(pieces).await?))
}

/// Sends the lines that there are as server-sent events, and then each new one as it is written; with `lines=0` these alone.
///
/// Each `log` event is one line, with an `id` from which `Last-Event-ID` goes on. With the same query, no line is lost and
/// none comes twice, as long as the log still has it and no clock was set back. `error` with a problem ends the stream where
/// the log fails; `end` where it comes to an end.
#[utoipa::path(get, path = "/api/logs/follow", tag = "logs", operation_id = "follow_logs",
    params(LogParameters, ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event")),
    responses(
    (status = 200, description = "Events", body = String, content_type = "text/event-stream"),
))]
async fn follow(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(parameters): Query<LogParameters>,
) -> Result<Response, Problem> {
    let mut query = checked(parameters)?;
    let last = headers.get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or_default());
    // A browser sends an empty one where it had none.
    let last = last.filter(|id| !id.is_empty()).map(|id| id.parse::<Position>());
    let last = last.transpose().map_err(|error| Problem::invalid(format!("`Last-Event-ID`: {error}")))?;
    if let Some(last) = &last {
        query.since = Some(query.since.map_or(last.time(), |since| since.max(last.time())));
        query.lines = None;
    }
    let is_from_now = query.lines == Some(0);
    let writing = Box::new(Events::new((shared.host.now)(), last, is_from_now));
    let entries = shared.host.logs.follow(&query);
    let pieces = pump(permit(&shared)?, writing, |sink| sink.send_all(entries));
    Ok(answer("text/event-stream", Body::from_stream(rest(pieces))))
}

fn checked(parameters: LogParameters) -> Result<LogQuery, Problem> {
    if parameters.lines.is_some_and(|lines| lines > MOST_LINES) {
        return Err(Problem::invalid(format!("`lines`: at most {MOST_LINES} can be asked for")));
    }
    Ok(parameters.try_into()?)
}

fn permit(shared: &Shared) -> Result<tokio::sync::OwnedSemaphorePermit, Problem> {
    let permit = Arc::clone(&shared.log_reads).try_acquire_owned();
    permit.map_err(|_| Problem::busy(format!("{MOST_READ} logs are read already")))
}

/// Waits for the first piece, so that a log that cannot be read is no answer of status 200.
async fn first(mut pieces: Pieces) -> Result<Body, Problem> {
    match tokio::time::timeout(FIRST, pieces.recv()).await {
        Ok(Some(Piece::Failed(problem))) => Err(problem),
        Ok(Some(Piece::End)) => Ok(Body::empty()),
        Ok(Some(Piece::Bytes(bytes))) => {
            let begin = stream::once(async { Ok(bytes) });
            Ok(Body::from_stream(begin.chain(rest(pieces))))
        }
        Ok(None) => Err(Problem::from(LogError::Failed { reason: "its reader broke off".to_owned() })),
        // It is long in coming: what is sent meanwhile keeps the connection.
        Err(_) => Ok(Body::from_stream(rest(pieces))),
    }
}

/// Returns the pieces until the last one. What is broken off ends with an error, which cuts the connection, so that nobody
/// takes it for the whole.
fn rest(pieces: Pieces) -> impl Stream<Item = std::io::Result<Bytes>> {
    stream::unfold(Some(pieces), |pieces| async move {
        let mut pieces = pieces?;
        match pieces.recv().await {
            Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(pieces))),
            Some(Piece::End) => None,
            Some(Piece::Failed(_)) | None => Some((Err(std::io::ErrorKind::BrokenPipe.into()), None)),
        }
    })
}

fn answer(kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A proxy such as nginx would keep lines back until it has many.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

impl From<LogError> for Problem {
    fn from(error: LogError) -> Self {
        tracing::warn!(error = &error as &dyn std::error::Error, "the log could not be read");
        let detail = "the log of this host could not be read";
        Self::new(StatusCode::BAD_GATEWAY, detail).with_code("log-unreadable")
    }
}
