use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use taskflows_security::Role;
use tokio::time::sleep;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::server::{Api, Audit, Authority, Body, Limits, Path, Query, Routes, Rule, Shared};

/// Returns an API whose routes do what those of a host must not: take their time, panic, and so on.
#[must_use]
pub fn probes(authority: Arc<dyn Authority>, audit: Arc<dyn Audit>, limits: Limits) -> Api {
    Api::assemble(Shared::new(super::host(), authority, audit, limits, add))
}

fn add(routes: Routes) -> Routes {
    routes
        .add(Rule::Open, routes!(open))
        .add(Rule::Needs(Role::Viewer), routes!(asked))
        .add(Rule::Needs(Role::Viewer), routes!(named))
        .add(Rule::Needs(Role::Viewer), routes!(panics))
        .add(Rule::Needs(Role::Viewer), routes!(ticks))
        .add(Rule::Needs(Role::Viewer), routes!(slow))
        .add(Rule::Needs(Role::Operator), routes!(changed))
        .add(Rule::Needs(Role::Operator), routes!(late))
        .add(Rule::Needs(Role::Admin), routes!(applied))
}

/// What is asked of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Given back.
    #[serde(default)]
    word: String,
}

/// A query.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// Given back.
    #[serde(default)]
    word: Vec<String>,
    /// How many.
    count: Option<u8>,
}

#[utoipa::path(get, path = "/probe/open", responses((status = 200, content_type = "application/json", body = String)))]
async fn open() -> Json<String> {
    Json("open".to_owned())
}

#[utoipa::path(get, path = "/probe/asked", params(Asked), responses((status = 200, body = [String])))]
async fn asked(Query(asked): Query<Asked>) -> Json<Vec<String>> {
    Json(asked.word.into_iter().take(asked.count.map_or(usize::MAX, usize::from)).collect())
}

#[utoipa::path(get, path = "/probe/named/{number}", params(("number" = u8, Path)), responses((status = 200, content_type = "application/json", body = u8)))]
async fn named(Path(number): Path<u8>) -> Json<u8> {
    Json(number)
}

#[utoipa::path(get, path = "/probe/panics", responses((status = 500)))]
async fn panics() -> Json<()> {
    panic!("a probe panics, as it should")
}

#[utoipa::path(post, path = "/probe/changed", request_body = Change, responses((status = 200, body = Change)))]
async fn changed(Body(change): Body<Change>) -> Json<Change> {
    Json(change)
}

#[utoipa::path(post, path = "/probe/late", responses((status = 200, content_type = "application/json", body = String)))]
async fn late() -> Json<String> {
    sleep(Duration::from_millis(400)).await;
    Json("late".to_owned())
}

#[utoipa::path(get, path = "/probe/slow", responses((status = 200, content_type = "application/json", body = String)))]
async fn slow() -> Json<String> {
    late().await
}

#[utoipa::path(post, path = "/api/apply", request_body = Change, responses((status = 200, content_type = "application/json", body = usize)))]
async fn applied(Body(change): Body<Change>) -> Json<usize> {
    Json(change.word.len())
}

#[utoipa::path(get, path = "/probe/ticks", responses((status = 200, content_type = "text/event-stream", body = String)))]
async fn ticks() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ticks = stream::iter(0..).then(async |number: u64| {
        sleep(Duration::from_millis(20)).await;
        Ok(Event::default().event("tick").data(number.to_string()))
    });
    Sse::new(ticks).keep_alive(KeepAlive::default())
}
