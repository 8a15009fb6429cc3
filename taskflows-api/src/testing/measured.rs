use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use jiff::Timestamp;
use taskflows_core::effects::Listing;
use taskflows_security::Role;
use utoipa_axum::routes;

use crate::Host;
use crate::server::{Api, Authority, Limits, LogAudit, Problem, Routes, Rule, Shared};

/// Returns an API with one route, `/probe/services`, which answers with the list of services as it is kept. By it the
/// speed is measured of everything but the form of the list.
#[must_use]
pub fn measured(host: Host, authority: Arc<dyn Authority>) -> Api {
    let shared = Shared::new(host, authority, Arc::new(LogAudit), Limits::default());
    let routes =
        Routes::new(&shared).add(Rule::Open, routes!(open)).add(Rule::Needs(Role::Viewer), routes!(services));
    Api::assemble(shared, routes)
}

#[utoipa::path(get, path = "/probe/open", responses((status = 200, body = String)))]
async fn open() -> &'static str {
    "\"open\""
}

#[utoipa::path(get, path = "/probe/services", responses((status = 200, body = Vec<serde_json::Value>)))]
async fn services(State(shared): State<Arc<Shared>>) -> Result<impl IntoResponse, Problem> {
    let bytes = shared.live.snapshot().rendered(render).await?;
    Ok(([(CONTENT_TYPE, "application/json")], bytes))
}

fn render(listings: &[Listing], now: Timestamp) -> Vec<u8> {
    let row = |one: &Listing| {
        let last = one.last.as_ref().map(|run| {
            serde_json::json!({
                "result": run.outcome.word(),
                "started": run.started.map(|at| at.to_string()),
                "ended": run.ended.map(|at| at.to_string()),
                "took_seconds": run.took(now).map(|took| took.as_secs_f64()),
            })
        });
        serde_json::json!({
            "name": one.name.as_str(),
            "state": one.state.as_str(),
            "enabled": one.enabled,
            "last": last,
            "description": one.description,
            "source": one.source,
        })
    };
    serde_json::to_vec(&listings.iter().map(row).collect::<Vec<_>>()).unwrap_or_default()
}
