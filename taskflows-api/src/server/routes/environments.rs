//! The environments that this host keeps under names.

use std::fmt::Write;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use taskflows_core::effects::{EnvironmentError, EnvironmentUsers, NamedEnvironment};
use taskflows_core::{DefinitionError, EnvironmentName, Format, Source, read_environment};
use taskflows_security::Role;
use utoipa_axum::routes;

use crate::server::route::{Routes, Rule};
use crate::server::{Body, Path, Problem, Shared};

use crate::wire::{EnvironmentToKeep, KeptEnvironment, Misfit};

pub(super) fn add(routes: Routes) -> Routes {
    let (viewer, admin) = (Rule::Needs(Role::Viewer), Rule::Needs(Role::Admin));
    routes
        .add(viewer, routes!(list))
        .add(admin, routes!(create))
        .add(viewer, routes!(show))
        .add(admin, routes!(replace))
        .add(admin, routes!(remove))
}

/// Returns all environments, sorted by name.
#[utoipa::path(get, operation_id = "list_environments", path = "/api/environments", tag = "environments", responses(
    (status = 200, body = Vec<KeptEnvironment>),
    (status = 502, description = "They cannot be read", body = Problem, content_type = "application/problem+json"),
))]
async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<Vec<KeptEnvironment>>, Problem> {
    let kept = shared.host.environments.list().await?;
    let users = users(&shared).await?;
    Ok(Json(kept.into_iter().map(|one| told(one, &users)).collect()))
}

/// Returns one environment.
#[utoipa::path(get, operation_id = "show_environment", path = "/api/environments/{name}", tag = "environments",
    params(("name" = String, Path)), responses(
    (status = 200, body = KeptEnvironment),
    (status = 502, description = "They cannot be read", body = Problem, content_type = "application/problem+json"),
))]
async fn show(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Result<Json<KeptEnvironment>, Problem> {
    let name = named(&name)?;
    Ok(Json(told(find(&shared, &name).await?, &users(&shared).await?)))
}

/// Keeps a new environment.
#[utoipa::path(post, operation_id = "create_environment", path = "/api/environments", tag = "environments", request_body = EnvironmentToKeep, responses(
    (status = 201, body = KeptEnvironment),
    (status = 409, description = "There is one of that name", body = Problem, content_type = "application/problem+json"),
    (status = 502, description = "It cannot be kept", body = Problem, content_type = "application/problem+json"),
))]
async fn create(
    State(shared): State<Arc<Shared>>,
    Body(sent): Body<EnvironmentToKeep>,
) -> Result<(StatusCode, Json<KeptEnvironment>), Problem> {
    let new = read(&shared, sent, None)?;
    let name = new.name.clone();
    shared.host.environments.create(new).await?;
    let kept = find(&shared, &name).await?;
    Ok((StatusCode::CREATED, Json(told(kept, &users(&shared).await?))))
}

/// Puts an environment in the place of another, whose name may change where no service uses it; when it was made stays.
#[utoipa::path(put, operation_id = "replace_environment", path = "/api/environments/{name}", tag = "environments",
    params(("name" = String, Path)), request_body = EnvironmentToKeep, responses(
    (status = 200, body = KeptEnvironment),
    (status = 409, description = "Another has the new name, or services use it", body = Problem, content_type = "application/problem+json"),
    (status = 502, description = "It cannot be kept", body = Problem, content_type = "application/problem+json"),
))]
async fn replace(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Body(sent): Body<EnvironmentToKeep>,
) -> Result<Json<KeptEnvironment>, Problem> {
    let name = named(&name)?;
    let with = read(&shared, sent, Some(&name))?;
    let users = users(&shared).await?;
    if with.name != name {
        users.check_unused(&name)?;
    }
    let after = with.name.clone();
    shared.host.environments.replace(&name, with).await?;
    Ok(Json(told(find(&shared, &after).await?, &users)))
}

/// Forgets an environment that no service uses.
#[utoipa::path(delete, operation_id = "remove_environment", path = "/api/environments/{name}", tag = "environments",
    params(("name" = String, Path)), responses(
    (status = 204, description = "It is forgotten"),
    (status = 409, description = "Services use it", body = Problem, content_type = "application/problem+json"),
    (status = 502, description = "They cannot be changed", body = Problem, content_type = "application/problem+json"),
))]
async fn remove(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    let name = named(&name)?;
    users(&shared).await?.check_unused(&name)?;
    shared.host.environments.remove(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn named(name: &str) -> Result<EnvironmentName, Problem> {
    Ok(name.parse().map_err(Misfit::of("name"))?)
}

async fn users(shared: &Shared) -> Result<EnvironmentUsers, Problem> {
    Ok(EnvironmentUsers::find(&*shared.host.services).await?)
}

async fn find(shared: &Shared, name: &EnvironmentName) -> Result<NamedEnvironment, Problem> {
    let kept = shared.host.environments.list().await?;
    let error = EnvironmentError::not_found(name, kept.iter().map(|one| &one.name));
    Ok(kept.into_iter().find(|one| one.name == *name).ok_or(error)?)
}

fn told(one: NamedEnvironment, users: &EnvironmentUsers) -> KeptEnvironment {
    let used_by = users.of(&one.name).iter().map(ToString::to_string).collect();
    KeptEnvironment { used_by, ..one.into() }
}

/// Reads what was sent; its name is that of what it replaces unless it says another.
fn read(
    shared: &Shared,
    sent: EnvironmentToKeep,
    before: Option<&EnvironmentName>,
) -> Result<NamedEnvironment, Problem> {
    let name = match (sent.name, before) {
        (Some(name), _) => named(&name)?,
        (None, Some(before)) => before.clone(),
        (None, None) => return Err(Problem::invalid("`name`: it is missing")),
    };
    let source = Source::new("definition", sent.definition.get(), Format::Json);
    let (environment, definition) = read_environment(&source).map_err(|error| wrong(&error))?;
    let description = sent.description.filter(|text| !text.is_empty());
    let description = description.map(|text| text.parse().map_err(Misfit::of("description"))).transpose()?;
    let now = (shared.host.now)();
    Ok(NamedEnvironment {
        name,
        description,
        definition,
        environment,
        created_at: sent.created_at.unwrap_or(now),
        updated_at: sent.updated_at.unwrap_or(now),
    })
}

/// Says what is wrong with a definition, with where it stands in it.
fn wrong(error: &DefinitionError) -> Problem {
    let mut detail = String::new();
    for problem in error.problems() {
        let separator = if detail.is_empty() { "" } else { "; " };
        let (line, column, message) = (problem.line(), problem.column(), problem.message());
        // To write to a text cannot fail.
        let _ = write!(detail, "{separator}definition, line {line}, column {column}: {message}");
        if let Some(hint) = problem.hint() {
            let _ = write!(detail, " ({hint})");
        }
    }
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with_code("invalid-definition")
}

impl From<EnvironmentError> for Problem {
    fn from(error: EnvironmentError) -> Self {
        let (status, code) = match &error {
            EnvironmentError::NotFound { .. } => (StatusCode::NOT_FOUND, "no-such-environment"),
            EnvironmentError::Exists { .. } => (StatusCode::CONFLICT, "environment-exists"),
            EnvironmentError::InUse { .. } => (StatusCode::CONFLICT, "environment-in-use"),
            // It names files of this host.
            _ => {
                tracing::warn!(error = &error as &dyn std::error::Error, "environments could not be used");
                let detail = "the environments of this host could not be read or written";
                return Self::new(StatusCode::BAD_GATEWAY, detail).with_code("environments-unreadable");
            }
        };
        Self::new(status, error.to_string()).with_code(code)
    }
}
