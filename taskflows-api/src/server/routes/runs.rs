//! The runs there were.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use taskflows_core::ServiceName;
use taskflows_core::effects::{RunHistory, RunStoreError};
use taskflows_core::task::{RunQuery, RunRecord};
use taskflows_security::Role;
use utoipa_axum::routes;

use crate::server::route::{Routes, Rule};
use crate::server::{Path, Problem, Query, Shared};

use crate::wire::{
    LatestParameters, Misfit, RecordedRun, RunParameters, RunSource, RunWithAttempts, SourceParameters,
};

/// So many runs are returned where nothing else is asked for.
const DEFAULT_RUNS: usize = 100;

/// So many can be asked for.
pub(crate) const MOST_RUNS: usize = 20_000;

/// The fewest digits that a run is known by.
const LEAST_DIGITS: usize = 4;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .add(Rule::Needs(Role::Viewer), routes!(recent))
        .add(Rule::Needs(Role::Viewer), routes!(latest))
        .add(Rule::Needs(Role::Viewer), routes!(one))
}

fn teller(shared: &Shared, source: RunSource) -> Arc<dyn RunHistory> {
    match source {
        RunSource::Store => Arc::clone(&shared.host.runs) as _,
        RunSource::Journal => Arc::clone(&shared.host.journal_runs),
    }
}

fn told(runs: Vec<RunRecord>) -> Json<Vec<RecordedRun>> {
    Json(runs.into_iter().map(RecordedRun::from).collect())
}

/// Returns the runs that are wanted, the newest first.
#[utoipa::path(get, path = "/api/runs", tag = "runs", params(RunParameters), responses(
    (status = 200, body = Vec<RecordedRun>),
    (status = 502, description = "They cannot be read", body = Problem, content_type = "application/problem+json"),
))]
async fn recent(
    State(shared): State<Arc<Shared>>,
    Query(parameters): Query<RunParameters>,
) -> Result<Json<Vec<RecordedRun>>, Problem> {
    let limit = parameters.limit.unwrap_or(DEFAULT_RUNS);
    if limit > MOST_RUNS {
        return Err(Problem::invalid(format!("`limit`: `{limit}` is more than {MOST_RUNS}")));
    }
    let teller = teller(&shared, parameters.source);
    let query = RunQuery { limit: Some(limit), ..parameters.into() };
    Ok(told(teller.recent(&query).await?))
}

/// Returns the newest run of each of some services that has one, in no particular order.
#[utoipa::path(get, path = "/api/runs/latest", tag = "runs", params(LatestParameters), responses(
    (status = 200, body = Vec<RecordedRun>),
    (status = 502, description = "They cannot be read", body = Problem, content_type = "application/problem+json"),
))]
async fn latest(
    State(shared): State<Arc<Shared>>,
    Query(parameters): Query<LatestParameters>,
) -> Result<Json<Vec<RecordedRun>>, Problem> {
    let names = parameters.name.iter().map(|name| name.parse().map_err(Misfit::of("name")));
    let names: Vec<ServiceName> = names.collect::<Result<_, _>>()?;
    Ok(told(teller(&shared, parameters.source).latest(&names).await?))
}

/// Returns one run with its attempts. Of its id the first digits do, four at least, where no other begins with them.
#[utoipa::path(get, path = "/api/runs/{id}", tag = "runs", operation_id = "show_run",
    params(("id" = String, Path, description = "Its id, or how that begins"), SourceParameters), responses(
    (status = 200, body = RunWithAttempts),
    (status = 409, description = "Several begin so", body = Problem, content_type = "application/problem+json"),
    (status = 502, description = "They cannot be read", body = Problem, content_type = "application/problem+json"),
))]
async fn one(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(parameters): Query<SourceParameters>,
) -> Result<Json<RunWithAttempts>, Problem> {
    if id.len() < LEAST_DIGITS {
        return Err(Problem::invalid(format!("`id`: write {LEAST_DIGITS} digits at least")));
    }
    let teller = teller(&shared, parameters.source);
    let query = RunQuery { id_prefix: Some(id), limit: Some(2), ..RunQuery::default() };
    let mut found = teller.recent(&query).await?;
    match (found.pop(), found.pop()) {
        (Some(run), None) => {
            let attempts = teller.attempts(run.id).await?.into_iter().map(Into::into).collect();
            Ok(Json(RunWithAttempts { run: run.into(), attempts }))
        }
        (None, _) => {
            Err(Problem::new(StatusCode::NOT_FOUND, "no such run is known").with_code("no-such-run"))
        }
        (Some(one), Some(other)) => {
            let detail = format!("it may be {} or {}: write more of its digits", other.id, one.id);
            Err(Problem::new(StatusCode::CONFLICT, detail).with_code("ambiguous-run"))
        }
    }
}

impl From<RunStoreError> for Problem {
    fn from(error: RunStoreError) -> Self {
        match &error {
            RunStoreError::NoId { .. } => Problem::invalid(error.to_string()),
            RunStoreError::NotFound { .. } => {
                Self::new(StatusCode::NOT_FOUND, error.to_string()).with_code("no-such-run")
            }
            // It names files of this host.
            _ => {
                tracing::warn!(error = &error as &dyn std::error::Error, "runs could not be read");
                let detail = "the runs of this host could not be read";
                Self::new(StatusCode::BAD_GATEWAY, detail).with_code("runs-unreadable")
            }
        }
    }
}
