use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Deserialize;
use taskflows_core::schedule::Preview;
use taskflows_security::Role;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::responses::Refusals;
use crate::server::extract::Query;
use crate::server::route::{Routes, Rule};
use crate::server::{Problem, Shared};
use crate::wire::CalendarPreview;

/// So many elapses are told where nothing else is asked for.
const DEFAULT_ELAPSES: usize = 5;
/// More are a mistake.
const MOST_ELAPSES: usize = 1_000;
/// A longer expression is a mistake.
const LONGEST: usize = 1_000;

pub(super) fn add(routes: Routes) -> Routes {
    routes.add(Rule::Needs(Role::Viewer), routes!(calendar))
}

/// What to preview.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CalendarQuery {
    /// The expression: `Mon..Fri 09:00 Europe/Berlin`.
    #[param(max_length = 1000)]
    expr: String,
    /// At most so many times: 5 where nothing is said.
    #[param(maximum = 1000)]
    count: Option<usize>,
    /// The zone where the expression names none; that of the host as it stands.
    zone: Option<String>,
    /// The times after this one; now as it stands.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
}

/// Tells what an expression of the calendar means. One that means nothing is answered as well, with what is wrong.
#[utoipa::path(get, path = "/api/calendar", tag = "services", params(CalendarQuery),
    responses((status = 200, body = CalendarPreview), Refusals))]
async fn calendar(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<CalendarQuery>,
) -> Result<Json<CalendarPreview>, Problem> {
    let zones = &shared.host.zones;
    let count = query.count.unwrap_or(DEFAULT_ELAPSES);
    if count > MOST_ELAPSES {
        return Err(Problem::invalid(format!("`count`: `{count}` is more than {MOST_ELAPSES}")));
    }
    if query.expr.len() > LONGEST {
        return Err(Problem::invalid(format!("`expr` has at most {LONGEST} bytes")));
    }
    let zone = query.zone.as_deref().map(|name| zones.named(name)).transpose();
    let zone = zone.map_err(|error| Problem::invalid(format!("`zone`: {error}")))?;
    let from = query.from.unwrap_or_else(|| (shared.host.now)());
    let preview = Preview::of(&query.expr, zones, zone.as_ref(), from, count);
    Ok(Json(CalendarPreview::new(query.expr, preview)))
}
