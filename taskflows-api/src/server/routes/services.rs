use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use taskflows_core::effects::{self, Depth};
use taskflows_core::{NamePattern, ServiceName};
use taskflows_security::Role;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::responses::Refusals;
use super::select::{Missing, check_each_selects, no_such_service, patterns};
use crate::Host;
use crate::server::extract::{Named, Query};
use crate::server::live::Written;
use crate::server::route::{Routes, Rule};
use crate::server::{Problem, Shared};
use crate::wire::{
    AlertGroups, Began, BeganAnswer, Details, Interruption, Listing, Origin, Start, SupportUnits, UnitFiles,
};

/// So many starts are told where nothing else is asked for.
const DEFAULT_STARTS: usize = 10;
/// More are a mistake.
const MOST_STARTS: usize = 1_000;

pub(super) fn add(routes: Routes) -> Routes {
    let viewer = Rule::Needs(Role::Viewer);
    routes
        .add(viewer, routes!(list))
        .add(viewer, routes!(show))
        .add(viewer, routes!(files))
        .add(viewer, routes!(drop_ins))
        .add(viewer, routes!(began))
        .add(viewer, routes!(details))
        .add(viewer, routes!(names))
        .add(viewer, routes!(origins))
        .add(viewer, routes!(alert_groups))
        .add(viewer, routes!(next))
        .add(viewer, routes!(interruption))
        .add(Rule::Needs(Role::Admin), routes!(support_units))
}

/// Which services are meant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Selection {
    /// A name or a pattern such as `web-*`; may come several times. All services where there is none.
    #[serde(default, rename = "match")]
    #[param(rename = "match")]
    patterns: Vec<String>,
    /// What a pattern is that selects nothing: `error` (404, as it stands) or `ignore`.
    #[serde(default)]
    #[param(inline, required = false)]
    missing: Missing,
}

/// Which services are meant, and how much is wanted of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DetailsQuery {
    /// A name or a pattern such as `web-*`; may come several times. All services where there is none.
    #[serde(default, rename = "match")]
    #[param(rename = "match")]
    patterns: Vec<String>,
    /// What a pattern is that selects nothing: `error` (404, as it stands) or `ignore`.
    #[serde(default)]
    #[param(inline, required = false)]
    missing: Missing,
    /// How much the manager is asked: `table` (as it stands) or `full`.
    #[serde(default)]
    #[param(inline, required = false)]
    depth: DepthWord,
}

/// Which services are meant, and how many of their starts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct NextQuery {
    /// A name or a pattern such as `web-*`; may come several times. All services where there is none.
    #[serde(default, rename = "match")]
    #[param(rename = "match")]
    patterns: Vec<String>,
    /// What a pattern is that selects nothing: `error` (404, as it stands) or `ignore`.
    #[serde(default)]
    #[param(inline, required = false)]
    missing: Missing,
    /// At most so many: 10 where nothing is said.
    #[param(maximum = 1000)]
    count: Option<usize>,
}

/// How much the manager is asked.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum DepthWord {
    /// What a table of many services shows.
    #[default]
    Table,
    /// Everything.
    Full,
}

/// Lists services with their last runs, sorted by name.
///
/// The list of all has an `ETag`: who sends it back in `If-None-Match` is answered by 304, and no body, as long as nothing
/// changed.
#[utoipa::path(get, path = "/api/services", tag = "services", operation_id = "list_services",
    params(Selection, ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer")),
    responses((status = 200, body = [Listing]), (status = 304, description = "It is as it was"), Refusals))]
async fn list(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(selection): Query<Selection>,
) -> Result<Response, Problem> {
    let snapshot = shared.live.snapshot();
    let json = (CONTENT_TYPE, "application/json");
    let patterns = patterns(&selection.patterns)?;
    if patterns.is_empty() {
        let Written { bytes, tag } = snapshot.rendered(written).await?;
        return Ok(match has_tag(&headers, &tag) {
            true => (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response(),
            false => ([json], [(ETAG, tag)], bytes).into_response(),
        });
    }
    let listings = snapshot.listings(&patterns).await?;
    let names: Vec<&ServiceName> = listings.iter().map(|one| &one.name).collect();
    check_each_selects(&shared.host, &patterns, selection.missing, &names).await?;
    Ok(([json], written(&listings, (shared.host.now)())?).into_response())
}

/// Tells whether who asks has what this tag stands for. Source: RFC 9110, section 13.1.2.
fn has_tag(headers: &HeaderMap, tag: &str) -> bool {
    let texts = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.trim_start_matches("W/") == tag
    })
}

/// Writes what `list` answers.
fn written(listings: &[effects::Listing], now: Timestamp) -> Result<Vec<u8>, Problem> {
    let listings: Vec<Listing> = listings.iter().map(|one| Listing::new(one.clone(), now)).collect();
    serde_json::to_vec(&listings).map_err(|error| {
        tracing::error!(%error, "the services could not be written");
        Problem::internal()
    })
}

/// Tells everything that the manager says of one service.
#[utoipa::path(get, path = "/api/services/{name}", tag = "services", operation_id = "show_service",
    params(("name" = String, Path, description = "The service")),
    responses((status = 200, body = Details), Refusals))]
async fn show(
    State(shared): State<Arc<Shared>>,
    Named(name): Named,
    Query(NoQuery {}): Query<NoQuery>,
) -> Result<Json<Details>, Problem> {
    let host = &shared.host;
    let mut found = host.services.details(&[NamePattern::from(&name)], Depth::Full).await?;
    complete(host, found.iter_mut().map(|one| &mut one.listing).collect()).await;
    match found.pop() {
        Some(details) => Ok(Json(Details::new(details, (host.now)()))),
        None => Err(no_such_service(host, name.as_str()).await),
    }
}

/// Tells what the manager says of each service, sorted by name.
#[utoipa::path(get, path = "/api/details", tag = "services", params(DetailsQuery),
    responses((status = 200, body = [Details]), Refusals))]
async fn details(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<DetailsQuery>,
) -> Result<Json<Vec<Details>>, Problem> {
    let host = &shared.host;
    let patterns = patterns(&query.patterns)?;
    let depth = match query.depth {
        DepthWord::Table => Depth::Table,
        DepthWord::Full => Depth::Full,
    };
    let mut details = host.services.details(&patterns, depth).await?;
    let names: Vec<&ServiceName> = details.iter().map(|one| &one.listing.name).collect();
    check_each_selects(host, &patterns, query.missing, &names).await?;
    complete(host, details.iter_mut().map(|one| &mut one.listing).collect()).await;
    let now = (host.now)();
    Ok(Json(details.into_iter().map(|one| Details::new(one, now)).collect()))
}

/// A query without keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoQuery {}

/// Returns the unit files of a service as they stand on disk.
#[utoipa::path(get, path = "/api/services/{name}/files", tag = "services",
    params(("name" = String, Path, description = "The service")),
    responses((status = 200, body = UnitFiles), Refusals))]
async fn files(
    State(shared): State<Arc<Shared>>,
    Named(name): Named,
    Query(NoQuery {}): Query<NoQuery>,
) -> Result<Json<UnitFiles>, Problem> {
    let host = &shared.host;
    match host.services.files(&name).await {
        Ok(units) => Ok(Json(UnitFiles::new(units, host.services.drop_ins(&name).await?))),
        Err(error) if error.is_not_found() => Err(no_such_service(host, name.as_str()).await),
        Err(error) => Err(error.into()),
    }
}

/// Returns the files by which somebody else adds to the units of a service, whether it is installed or not.
#[utoipa::path(get, path = "/api/services/{name}/drop-ins", tag = "services",
    params(("name" = String, Path, description = "The service")),
    responses((status = 200, body = std::collections::BTreeMap<String, String>), Refusals))]
async fn drop_ins(
    State(shared): State<Arc<Shared>>,
    Named(name): Named,
    Query(NoQuery {}): Query<NoQuery>,
) -> Result<Json<std::collections::BTreeMap<String, String>>, Problem> {
    Ok(Json(shared.host.services.drop_ins(&name).await?))
}

/// Tells how the run of a service began that goes on or is just ending.
#[utoipa::path(get, path = "/api/services/{name}/began", tag = "services",
    params(("name" = String, Path, description = "The service")),
    responses((status = 200, body = BeganAnswer), Refusals))]
async fn began(
    State(shared): State<Arc<Shared>>,
    Named(name): Named,
    Query(NoQuery {}): Query<NoQuery>,
) -> Result<Json<BeganAnswer>, Problem> {
    let began = shared.host.services.began(&name).await?;
    Ok(Json(BeganAnswer { began: began.map(Began::from) }))
}

/// Lists the names of services, sorted. The manager is not asked.
#[utoipa::path(get, path = "/api/names", tag = "services", params(Selection),
    responses((status = 200, body = [String]), Refusals))]
async fn names(
    State(shared): State<Arc<Shared>>,
    Query(selection): Query<Selection>,
) -> Result<Json<Vec<String>>, Problem> {
    let names = selected(&shared.host, &selection.patterns, selection.missing).await?.1;
    Ok(Json(names.iter().map(ServiceName::to_string).collect()))
}

/// Tells where services were defined, sorted by name. The manager is not asked.
#[utoipa::path(get, path = "/api/origins", tag = "services", params(Selection),
    responses((status = 200, body = [Origin]), Refusals))]
async fn origins(
    State(shared): State<Arc<Shared>>,
    Query(selection): Query<Selection>,
) -> Result<Json<Vec<Origin>>, Problem> {
    let host = &shared.host;
    let patterns = patterns(&selection.patterns)?;
    let origins = host.services.origins(&patterns).await?;
    let names: Vec<&ServiceName> = origins.iter().map(|one| &one.name).collect();
    check_each_selects(host, &patterns, selection.missing, &names).await?;
    Ok(Json(origins.into_iter().map(Origin::from).collect()))
}

/// Lists the services that have alerts, with the groups that are told. The manager is not asked.
#[utoipa::path(get, path = "/api/alert-groups", tag = "services", params(Selection),
    responses((status = 200, body = [AlertGroups]), Refusals))]
async fn alert_groups(
    State(shared): State<Arc<Shared>>,
    Query(selection): Query<Selection>,
) -> Result<Json<Vec<AlertGroups>>, Problem> {
    let (patterns, _) = selected(&shared.host, &selection.patterns, selection.missing).await?;
    let alerts = shared.host.services.alerts(&patterns).await?;
    Ok(Json(alerts.into_iter().map(AlertGroups::from).collect()))
}

/// Lists the next starts, in order.
#[utoipa::path(get, path = "/api/next", tag = "services", params(NextQuery),
    responses((status = 200, body = [Start]), Refusals))]
async fn next(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<NextQuery>,
) -> Result<Json<Vec<Start>>, Problem> {
    let count = query.count.unwrap_or(DEFAULT_STARTS);
    if count > MOST_STARTS {
        return Err(Problem::invalid(format!("`count`: `{count}` is more than {MOST_STARTS}")));
    }
    let patterns = match query.patterns.is_empty() {
        true => Vec::new(),
        false => selected(&shared.host, &query.patterns, query.missing).await?.0,
    };
    let starts = shared.host.services.upcoming(&patterns, count).await?;
    Ok(Json(starts.into_iter().map(Start::from).collect()))
}

/// Tells whether an earlier change was cut off in the middle.
#[utoipa::path(get, path = "/api/interruption", tag = "services",
    responses((status = 200, body = Interruption), Refusals))]
async fn interruption(
    State(shared): State<Arc<Shared>>,
    Query(NoQuery {}): Query<NoQuery>,
) -> Json<Interruption> {
    Json(Interruption { is_interrupted: shared.host.services.is_interrupted() })
}

/// Makes what sends alerts and looks for missed runs be there and run.
#[utoipa::path(post, path = "/api/support-units", tag = "services",
    responses((status = 200, body = SupportUnits), Refusals))]
async fn support_units(
    State(shared): State<Arc<Shared>>,
    Query(NoQuery {}): Query<NoQuery>,
) -> Result<Json<SupportUnits>, Problem> {
    Ok(Json(SupportUnits { changed: shared.host.services.ensure_support_units().await? }))
}

/// Returns the patterns and the names that they select.
async fn selected(
    host: &Host,
    texts: &[String],
    missing: Missing,
) -> Result<(Vec<NamePattern>, Vec<ServiceName>), Problem> {
    let patterns = patterns(texts)?;
    let names = host.services.names(&patterns).await?;
    let found: Vec<&ServiceName> = names.iter().collect();
    check_each_selects(host, &patterns, missing, &found).await?;
    Ok((patterns, names))
}

/// Puts the last runs that are kept in place of those from the journal, where they are not older.
async fn complete(host: &Host, listings: Vec<&mut effects::Listing>) {
    let names: Vec<ServiceName> = listings.iter().map(|listing| listing.name.clone()).collect();
    match host.runs.latest(&names).await {
        Ok(kept) => effects::Listing::complete(listings, kept),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the runs that are kept are not listed");
        }
    }
}
