use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use utoipa_axum::routes;

use crate::server::Shared;
use crate::server::route::{Routes, Rule};

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
async fn document(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let document: Bytes = shared.document.get().cloned().unwrap_or_default();
    ([(CONTENT_TYPE, "application/json")], document)
}
