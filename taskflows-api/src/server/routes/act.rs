use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawPathParams, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use taskflows_core::effects::{self, Action, ServiceError, State as Standing, Target};
use taskflows_core::task::Trigger;
use taskflows_core::{NamePattern, ServiceName};
use taskflows_security::Role;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::responses::{BodyRefusals, Refusals};
use super::select::no_such_service;
use super::services::NoQuery;
use crate::Host;
use crate::server::extract::{Body, Named, Query};
use crate::server::route::{Routes, Rule};
use crate::server::waits::{Ended, Known};
use crate::server::{AuditNames, Identity, Problem, Shared};
use crate::wire::{ActBody, Batch, BatchBody, Pending, Performed, ServiceAction, ServiceFailure};

/// The service that is the API.
const OWN_SERVICE: &str = "srv-api";
/// So many services are acted on at once.
const MOST_NAMES: usize = 500;
/// How long a request waits for the end of an action, at most: a request ends after 30 s.
const LONGEST_WAIT: Duration = Duration::from_secs(25);
/// The longest name of who asks, in characters.
const LONGEST_WHO: usize = 64;

pub(super) fn add(routes: Routes) -> Routes {
    let operator = Rule::Needs(Role::Operator);
    routes.add(operator, routes!(act)).add(operator, routes!(batch)).add(operator, routes!(wait))
}

/// What is done with one service, as the last part of a path.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it documents what the path may hold")]
enum PathAction {
    Start,
    Stop,
    Restart,
    Enable,
    Disable,
    Run,
}

/// How long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WaitQuery {
    /// How long the request may last, in seconds: at most 25, which is also what holds where nothing is said.
    #[param(minimum = 0, maximum = 25)]
    timeout: Option<f64>,
}

/// What is asked for, by whom.
struct Asked {
    names: Vec<ServiceName>,
    action: Action,
    target: Target,
    limit: Duration,
    /// For the history.
    who: String,
}

/// Acts on one service. `run` starts it and waits for its end, and refuses where it runs already.
///
/// What takes longer than the request is answered by 202 and an id, under which its end can be waited for.
#[utoipa::path(post, path = "/api/services/{name}/{action}", tag = "services",
    params(("name" = String, Path, description = "The service"),
        ("action" = inline(PathAction), Path, description = "What to do")),
    request_body = Option<ActBody>,
    responses((status = 200, body = Performed), (status = 202, body = Pending), Refusals, BodyRefusals))]
async fn act(
    State(shared): State<Arc<Shared>>,
    Extension(identity): Extension<Identity>,
    Named(name): Named,
    params: RawPathParams,
    Query(NoQuery {}): Query<NoQuery>,
    Body(body): Body<ActBody>,
) -> Result<Response, Problem> {
    let word = params.iter().find(|(key, _)| *key == "action").map_or("", |(_, value)| value);
    let (action, is_run) = match word {
        "start" => (ServiceAction::Start.action(body.wait), false),
        "run" => (Action::StartAndWait, true),
        "stop" => (Action::Stop, false),
        "restart" => (Action::Restart, false),
        "enable" => (Action::Enable, false),
        "disable" => (Action::Disable, false),
        _ => {
            return Err(
                Problem::new(StatusCode::NOT_FOUND, "there is no such action").with_code("no-such-action")
            );
        }
    };
    if is_run {
        refuse_running(&shared.host, &name).await?;
    }
    let target = if body.timers && !is_run { Target::Timers } else { Target::Service };
    let (limit, who) = (limit(body.timeout)?, who(&identity, body.who.as_deref())?);
    if ends_own(&name, action) {
        return Err(own_service(verb(action)));
    }
    let asked = Asked { names: vec![name.clone()], action, target, limit, who };
    let batch = perform(&shared, &identity, asked).await?;
    if let Some(wait) = batch.wait {
        return Ok((StatusCode::ACCEPTED, Json(Pending { name: name.to_string(), wait })).into_response());
    }
    match batch.results.into_iter().next() {
        Some(Performed { error: Some(ServiceFailure::NotFound { .. }), .. }) => {
            Err(no_such_service(&shared.host, name.as_str()).await)
        }
        Some(Performed { error: Some(error), .. }) => Err(error.into()),
        Some(performed) => Ok(Json(performed).into_response()),
        None => Err(lost()),
    }
}

/// Acts on several services at once, on each once. What fails for one of them is told in its place.
#[utoipa::path(post, path = "/api/batch", tag = "services", request_body = BatchBody,
    responses((status = 200, body = Batch), Refusals, BodyRefusals))]
async fn batch(
    State(shared): State<Arc<Shared>>,
    Extension(identity): Extension<Identity>,
    Query(NoQuery {}): Query<NoQuery>,
    Body(body): Body<BatchBody>,
) -> Result<(Extension<AuditNames>, Json<Batch>), Problem> {
    if body.names.len() > MOST_NAMES {
        let sent = body.names.len();
        return Err(Problem::invalid(format!("`names` holds at most {MOST_NAMES}, and {sent} were sent")));
    }
    let names = body.names.iter().map(|name| name.parse()).collect::<Result<Vec<ServiceName>, _>>();
    let names = names.map_err(|error| Problem::invalid(format!("`names`: {error}")))?;
    let (limit, who) = (limit(body.timeout)?, who(&identity, body.who.as_deref())?);
    let action = body.action.action(body.wait);
    let changed = names.iter().map(|name| format!("{} {name}", verb(action))).collect();
    let asked = Asked { names, action, target: body.target.into(), limit, who };
    let batch = perform(&shared, &identity, asked).await?;
    Ok((Extension(AuditNames(changed)), Json(batch)))
}

/// Waits for the end of an action that was begun by who asks.
///
/// It is told again to who asks again within five minutes, unless many others ended since.
#[utoipa::path(get, path = "/api/waits/{id}", tag = "services",
    params(("id" = String, Path, description = "The id that the action was answered with"), WaitQuery),
    responses((status = 200, body = Batch), Refusals))]
async fn wait(
    State(shared): State<Arc<Shared>>,
    Extension(identity): Extension<Identity>,
    params: RawPathParams,
    Query(query): Query<WaitQuery>,
) -> Result<Json<Batch>, Problem> {
    let id = params.iter().find(|(key, _)| *key == "id").map_or("", |(_, value)| value);
    let limit = limit(query.timeout)?;
    match shared.waits.end(&identity.name, id, limit).await {
        Known::Unknown => {
            let detail = "no action of yours is known under this id";
            Err(Problem::new(StatusCode::NOT_FOUND, detail).with_code("no-such-wait"))
        }
        known => answer(id.to_owned(), known).map(Json),
    }
}

/// The word of an action, for the audit log.
fn verb(action: Action) -> &'static str {
    match action {
        Action::Start | Action::StartAndWait => "start",
        Action::Stop => "stop",
        Action::Restart => "restart",
        Action::Enable => "enable",
        Action::Disable => "disable",
    }
}

/// Refuses to remove the server that is asked: whoever can ask could shut everybody out.
pub(super) fn refuse_own(names: &[ServiceName], action: &str) -> Result<(), Problem> {
    match names.iter().any(|name| name.as_str() == OWN_SERVICE) {
        true => Err(own_service(action)),
        false => Ok(()),
    }
}

/// Tells whether an action would end the server that is asked.
fn ends_own(name: &ServiceName, action: Action) -> bool {
    name.as_str() == OWN_SERVICE && !matches!(action, Action::Start | Action::Enable)
}

fn own_service(action: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, on_its_own_host(action)).with_code("own-service")
}

fn on_its_own_host(action: &str) -> String {
    format!("{OWN_SERVICE} is what answers here: {action} it on its own host")
}

fn refused_own(host: &Host, action: Action) -> Performed {
    let reason = on_its_own_host(verb(action));
    let failure = ServiceFailure::Remote { server: host.name.clone(), reason };
    Performed { code: Some("own-service".to_owned()), ..Performed::failed(OWN_SERVICE.to_owned(), failure) }
}

/// Acts, and waits for the end up to the limit.
async fn perform(shared: &Arc<Shared>, identity: &Identity, asked: Asked) -> Result<Batch, Problem> {
    let Asked { names: told, action, target, limit, who } = asked;
    let mut names = told.clone();
    let mut known = HashSet::new();
    names.retain(|name| known.insert(name.clone()) && !ends_own(name, action));
    if starts(action, target) {
        announce(&shared.host, &names, who).await;
    }
    let server = Arc::clone(shared);
    let acting = async move {
        let performed = server.host.services.perform(&names, action, target).await;
        // The request that began it may be answered long since.
        server.live.changed();
        let mut results = ended(&server.host, performed)?;
        results.push(refused_own(&server.host, action));
        let of = |name: &ServiceName| results.iter().find(|one| one.name == name.as_str()).cloned();
        Ok(told.iter().filter_map(of).collect())
    };
    let Some(id) = shared.waits.begin(&identity.name, action == Action::StartAndWait, acting) else {
        return Err(Problem::busy("too many actions are under way"));
    };
    let known = shared.waits.end(&identity.name, &id, limit).await;
    if matches!(known, Known::Over(_)) {
        shared.waits.forget(&id);
    }
    answer(id, known)
}

fn answer(id: String, known: Known) -> Result<Batch, Problem> {
    match known {
        Known::Over(Ok(results)) => Ok(Batch { done: true, wait: None, results }),
        Known::Over(Err(failure)) => Err(failure.into()),
        Known::Pending => Ok(Batch { done: false, wait: Some(id), results: Vec::new() }),
        Known::Unknown => Err(lost()),
    }
}

/// Writes what became of an action; its causes are for the log of this host.
fn ended(host: &Host, performed: Result<Vec<effects::Performed>, ServiceError>) -> Ended {
    let now = (host.now)();
    let performed = performed.map_err(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "a request failed");
        ServiceFailure::from(&error)
    })?;
    let each = performed.into_iter().map(|one| {
        if let Err(error) = one.result.as_ref()
            && !error.is_not_found()
        {
            let service = one.name.as_str();
            tracing::info!(service, error = error as &dyn std::error::Error, "an action failed");
        }
        Performed::new(one, now)
    });
    Ok(each.collect())
}

/// Says for the history who starts services.
async fn announce(host: &Host, names: &[ServiceName], who: String) {
    let (trigger, now) = (Trigger::Manual(Some(who)), (host.now)());
    for name in names {
        if let Err(error) = host.runs.announce(name, &trigger, now).await {
            let error = &error as &dyn std::error::Error;
            return tracing::warn!(error, "who starts a service is not kept");
        }
    }
}

/// Refuses to run what runs.
async fn refuse_running(host: &Host, name: &ServiceName) -> Result<(), Problem> {
    let listing = host.services.list(&[NamePattern::from(name)]).await?.pop();
    match listing.map(|listing| listing.state) {
        None => Err(no_such_service(host, name.as_str()).await),
        Some(Standing::Running | Standing::Starting | Standing::Stopping) => {
            let problem = Problem::new(StatusCode::CONFLICT, format!("{name} runs already"));
            Err(problem.with_code("already-running"))
        }
        Some(_) => Ok(()),
    }
}

fn starts(action: Action, target: Target) -> bool {
    target == Target::Service && matches!(action, Action::Start | Action::StartAndWait | Action::Restart)
}

/// Returns how long a request waits.
fn limit(seconds: Option<f64>) -> Result<Duration, Problem> {
    let Some(seconds) = seconds else { return Ok(LONGEST_WAIT) };
    let limit = Duration::try_from_secs_f64(seconds).ok().filter(|limit| *limit <= LONGEST_WAIT);
    let most = LONGEST_WAIT.as_secs();
    limit.ok_or_else(|| Problem::invalid(format!("`timeout`: `{seconds}` is not from 0 to {most} s")))
}

/// Returns who asks as the history has it: who they say they are, and as whom they were recognised.
pub(super) fn who(identity: &Identity, claimed: Option<&str>) -> Result<String, Problem> {
    match claimed {
        None => Ok(identity.name.clone()),
        Some(claimed) if claimed == identity.name => Ok(claimed.to_owned()),
        Some(claimed) => {
            let is_short = (1..=LONGEST_WHO).contains(&claimed.chars().count());
            if !is_short || claimed.chars().any(char::is_control) {
                let detail = format!("`who` has 1 to {LONGEST_WHO} characters, none of control");
                return Err(Problem::invalid(detail));
            }
            Ok(format!("{claimed} ({})", identity.name))
        }
    }
}

/// What became of an action is not known: its task is gone.
fn lost() -> Problem {
    Problem::internal().with_code("lost").with_detail("what became of it is not known")
}
