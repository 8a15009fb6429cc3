use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::routes;

use crate::server::Shared;
use crate::server::route::{Routes, Rule};
use crate::wire::Health;

pub(super) fn add(routes: Routes) -> Routes {
    routes.add(Rule::Open, routes!(health))
}

/// Tells that the server answers, and its id.
#[utoipa::path(get, path = "/health", tag = "host", responses((status = 200, description = "It answers.", body = Health)))]
async fn health(State(shared): State<Arc<Shared>>) -> Json<Health> {
    let host = &shared.host;
    Json(Health {
        status: "ok".to_owned(),
        server_id: host.server_id.clone(),
        hostname: host.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        time: (host.now)(),
    })
}
