use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::IntoResponse;
use taskflows_security::Role;
use utoipa_axum::routes;

use crate::server::metrics::Format;
use crate::server::route::{Routes, Rule};
use crate::server::{Problem, Shared};

pub(super) fn add(routes: Routes) -> Routes {
    routes.add(Rule::Needs(Role::Viewer), routes!(metrics))
}

/// Tells what is counted of services, runs, requests and this process, as Prometheus reads it.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "host",
    responses(
        (status = 200, description = "Text, or OpenMetrics where that is accepted.", content(
            (String = "text/plain"), (String = "application/openmetrics-text")
        )),
        (status = 502, description = "The services cannot be read.", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn metrics(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = Format::accepted(accept);
    let text = shared.metrics.text(&shared, format).await?;
    Ok(([(CONTENT_TYPE, format.content_type())], text))
}
