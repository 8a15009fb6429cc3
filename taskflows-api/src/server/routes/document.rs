use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use tokio::task::spawn_blocking;
use utoipa_axum::routes;

use crate::server::route::{Routes, Rule};
use crate::server::{Problem, Shared};

pub(super) fn add(routes: Routes) -> Routes {
    routes.add(Rule::Open, routes!(document))
}

/// Describes this API, as OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "host",
    responses((status = 200, description = "This document.", body = serde_json::Value))
)]
async fn document(State(shared): State<Arc<Shared>>) -> Result<impl IntoResponse, Problem> {
    let text = spawn_blocking(move || shared.document()).await.map_err(|_| Problem::internal())?;
    Ok(([(CONTENT_TYPE, "application/json")], text))
}
