//! Alerts, why a service ran or did not, what is wrong with the host, and the servers that it knows.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use taskflows_core::{NamePattern, ServiceName};
use taskflows_security::Role;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::act::who;
use super::responses::{BodyRefusals, Refusals};
use crate::ports::DeskError;
use crate::server::route::{Routes, Rule};
use crate::server::{AuditNames, Body, Identity, Path, Problem, Query, Shared};
use crate::wire::{
    AlertChannel, AlertSilence, AlertTestBody, ChannelTest, DoctorFinding, Incident, IncidentsBody,
    KnownServer, SilenceBody, UnsilenceBody, WhyAnswer,
};

/// A longer comment is a mistake.
const LONGEST_COMMENT: usize = 1_000;

pub(super) fn add(routes: Routes) -> Routes {
    let (viewer, operator) = (Rule::Needs(Role::Viewer), Rule::Needs(Role::Operator));
    routes
        .add(viewer, routes!(alerts))
        .add(viewer, routes!(alert_channels))
        .add(viewer, routes!(silences))
        .add(operator, routes!(ack))
        .add(operator, routes!(close))
        .add(operator, routes!(silence))
        .add(operator, routes!(unsilence))
        .add(operator, routes!(test_alerts))
        .add(viewer, routes!(why))
        .add(viewer, routes!(doctor))
        .add(viewer, routes!(servers))
}

/// Returns the incidents that are open, the oldest first.
#[utoipa::path(get, path = "/api/alerts", tag = "alerts",
    responses((status = 200, body = Vec<Incident>), Refusals))]
async fn alerts(State(shared): State<Arc<Shared>>) -> Result<Json<Vec<Incident>>, Problem> {
    Ok(Json(shared.host.desk.incidents().await?))
}

/// Returns the channels of alerts, and how they do. Where they lead is not told.
#[utoipa::path(get, path = "/api/alerts/channels", tag = "alerts",
    responses((status = 200, body = Vec<AlertChannel>), Refusals))]
async fn alert_channels(State(shared): State<Arc<Shared>>) -> Result<Json<Vec<AlertChannel>>, Problem> {
    Ok(Json(shared.host.desk.channels().await?))
}

/// Returns the silences that are in force.
#[utoipa::path(get, path = "/api/alerts/silences", tag = "alerts",
    responses((status = 200, body = Vec<AlertSilence>), Refusals))]
async fn silences(State(shared): State<Arc<Shared>>) -> Result<Json<Vec<AlertSilence>>, Problem> {
    Ok(Json(shared.host.desk.silences().await?))
}

/// Takes incidents on: nobody is reminded of them. Answers the names of what they are about.
#[utoipa::path(post, path = "/api/alerts/ack", tag = "alerts", request_body = IncidentsBody,
    responses((status = 200, body = Vec<String>), Refusals, BodyRefusals))]
async fn ack(
    State(shared): State<Arc<Shared>>,
    Extension(identity): Extension<Identity>,
    Body(which): Body<IncidentsBody>,
) -> Result<Response, Problem> {
    let which = meant(which, &identity)?;
    Ok(changed(which.names.clone(), shared.host.desk.ack(&which).await))
}

/// Closes incidents that nothing will show to be over. Answers the names of what they were about.
#[utoipa::path(post, path = "/api/alerts/close", tag = "alerts", request_body = IncidentsBody,
    responses((status = 200, body = Vec<String>), Refusals, BodyRefusals))]
async fn close(
    State(shared): State<Arc<Shared>>,
    Extension(identity): Extension<Identity>,
    Body(which): Body<IncidentsBody>,
) -> Result<Response, Problem> {
    let which = meant(which, &identity)?;
    Ok(changed(which.names.clone(), shared.host.desk.close(&which).await))
}

/// Tells nothing of some services for a time.
#[utoipa::path(post, path = "/api/alerts/silence", tag = "alerts", request_body = SilenceBody,
    responses((status = 200, body = AlertSilence), Refusals, BodyRefusals))]
async fn silence(
    State(shared): State<Arc<Shared>>,
    Extension(identity): Extension<Identity>,
    Body(what): Body<SilenceBody>,
) -> Result<Response, Problem> {
    pattern(&what.name)?;
    if what.comment.chars().count() > LONGEST_COMMENT {
        return Err(Problem::invalid(format!("`comment` has at most {LONGEST_COMMENT} characters")));
    }
    let what = SilenceBody { who: Some(who(&identity, what.who.as_deref())?), ..what };
    Ok(changed(vec![what.name.clone()], shared.host.desk.silence(&what).await))
}

/// Ends a silence before its time; what it held back is told.
#[utoipa::path(post, path = "/api/alerts/unsilence", tag = "alerts", request_body = UnsilenceBody,
    responses((status = 204, description = "It is over"), Refusals, BodyRefusals))]
async fn unsilence(
    State(shared): State<Arc<Shared>>,
    Body(which): Body<UnsilenceBody>,
) -> Result<StatusCode, Problem> {
    shared.host.desk.unsilence(which.number).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a message to channels, past the queue, and tells what became of each.
#[utoipa::path(post, path = "/api/alerts/test", tag = "alerts", request_body = AlertTestBody,
    responses((status = 200, body = Vec<ChannelTest>), Refusals, BodyRefusals))]
async fn test_alerts(State(shared): State<Arc<Shared>>, Body(what): Body<AlertTestBody>) -> Response {
    changed(what.name.iter().cloned().collect(), shared.host.desk.test(&what).await)
}

/// What is asked of a service.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WhyQuery {
    /// The time that is asked about; now as it stands.
    #[param(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
}

/// Tells why a service ran or did not.
#[utoipa::path(get, path = "/api/services/{name}/why", tag = "services", params(("name" = String, Path), WhyQuery),
    responses((status = 200, body = WhyAnswer), Refusals))]
async fn why(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Query(query): Query<WhyQuery>,
) -> Result<Json<WhyAnswer>, Problem> {
    let name: ServiceName = name.parse().map_err(|error| Problem::invalid(format!("{error}")))?;
    Ok(Json(shared.host.desk.why(&name, query.at).await?))
}

/// Looks at everything that keeps services from running; the worst comes first.
#[utoipa::path(get, path = "/api/doctor", tag = "doctor",
    responses((status = 200, body = Vec<DoctorFinding>), Refusals))]
async fn doctor(State(shared): State<Arc<Shared>>) -> Result<Json<Vec<DoctorFinding>>, Problem> {
    Ok(Json(shared.host.desk.doctor().await?))
}

/// Returns the servers that are registered here, without any credential.
#[utoipa::path(get, path = "/api/servers", tag = "servers",
    responses((status = 200, body = Vec<KnownServer>), Refusals))]
async fn servers(State(shared): State<Arc<Shared>>) -> Result<Json<Vec<KnownServer>>, Problem> {
    Ok(Json(shared.host.desk.servers().await?))
}

/// Returns which incidents are meant, and by whom as they were recognised.
fn meant(which: IncidentsBody, identity: &Identity) -> Result<IncidentsBody, Problem> {
    if which.names.is_empty() {
        return Err(Problem::invalid("`names` names nothing"));
    }
    which.names.iter().try_for_each(|name| pattern(name))?;
    let who = Some(who(identity, which.who.as_deref())?);
    Ok(IncidentsBody { who, ..which })
}

fn pattern(text: &str) -> Result<(), Problem> {
    let parsed: Result<NamePattern, _> = text.parse();
    parsed.map(drop).map_err(|error| Problem::invalid(format!("{error}")))
}

/// Answers what became of a change, with the names that it was about for the audit log.
fn changed<T: Serialize>(names: Vec<String>, result: Result<T, DeskError>) -> Response {
    let mut response = match result {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => Problem::from(error).into_response(),
    };
    response.extensions_mut().insert(AuditNames(names));
    response
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::NotFound { what, hint } => {
                let detail = hint.map_or_else(|| what.clone(), |hint| format!("{what}; {hint}"));
                Self::new(StatusCode::NOT_FOUND, detail).with_code("not-found")
            }
            DeskError::Invalid { what } => Self::invalid(what),
            DeskError::Services(error) => error.into(),
            // It may name files of this host.
            DeskError::Failed { reason } => {
                tracing::error!(reason, "alerts or checks could not be read or kept");
                Self::internal().with_code("failed")
            }
        }
    }
}
