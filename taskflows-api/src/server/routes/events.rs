use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde::Deserialize;
use taskflows_core::NamePattern;
use taskflows_security::Role;
use utoipa::IntoParams;
use utoipa_axum::routes;

use crate::server::live::Position;
use crate::server::route::{Routes, Rule};
use crate::server::{Problem, Query, Shared};

pub(super) fn add(routes: Routes) -> Routes {
    routes.add(Rule::Needs(Role::Viewer), routes!(events))
}

/// Of which services to tell.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Selected {
    /// Names or shell patterns; all services where there is none.
    #[serde(default)]
    r#match: Vec<String>,
}

/// Tells what changes as it happens.
///
/// Events are `state` (how a service stands), `services` (others are installed than before), `run` (a run is over) and
/// `resync`: nothing that was told before is to be relied on, so everything is to be looked at again. A stream begins
/// with `resync`, unless it goes on from the event that `Last-Event-ID` names. The data of each is one JSON object.
#[utoipa::path(
    get,
    path = "/events",
    tag = "host",
    params(
        Selected,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was read."),
    ),
    responses((status = 200, description = "Events, until the stream is closed.", body = String, content_type = "text/event-stream"))
)]
async fn events(
    State(shared): State<Arc<Shared>>,
    Query(selected): Query<Selected>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let patterns: Result<Vec<NamePattern>, _> = selected.r#match.iter().map(|text| text.parse()).collect();
    let patterns = patterns.map_err(|error| Problem::invalid(error.to_string()))?;
    let from = headers.get("last-event-id").and_then(|id| Position::parse(id.to_str().ok()?));
    let reader = shared.live.hub().read(from.as_ref(), patterns);
    let texts = unfold(reader, |mut reader| async move {
        let text = reader.next().await?;
        Some((Ok::<_, Infallible>(text), reader))
    });
    Ok(([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(texts)).into_response())
}
