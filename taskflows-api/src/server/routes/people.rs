use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use taskflows_security::{KeptError, Person, Role, UserName, check_password};
use utoipa_axum::routes;

use crate::server::people::{self, Body, Peer};
use crate::server::route::{Routes, Rule};
use crate::server::{Path, Problem, Shared};
use crate::wire::{NewPerson, PersonChange, PersonEntry};

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .add(Rule::Needs(Role::Admin), routes!(list, create))
        .add(Rule::Needs(Role::Admin), routes!(change, remove))
}

/// Lists who may log in, sorted by name.
#[utoipa::path(get, operation_id = "list_people", path = "/api/people", tag = "people", responses(
    (status = 200, description = "People.", body = [PersonEntry]),
    (status = 503, description = "It cannot be done now.", body = Problem),
))]
async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<Vec<PersonEntry>>, Problem> {
    let store = Arc::clone(&shared.host.access.people);
    let people = people::beside(move || store.list()).await?.map_err(people::failed)?;
    Ok(Json(people.iter().map(PersonEntry::from).collect()))
}

/// Lets somebody log in from now on.
#[utoipa::path(post, operation_id = "create_person", path = "/api/people", tag = "people", request_body = NewPerson, responses(
    (status = 201, description = "They may log in.", body = PersonEntry),
    (status = 409, description = "There is somebody of this name.", body = Problem),
    (status = 422, description = "The name cannot be one, or the password is too weak.", body = Problem),
    (status = 503, description = "It cannot be done now.", body = Problem),
))]
async fn create(
    State(shared): State<Arc<Shared>>,
    Peer(peer): Peer,
    Body(new): Body<NewPerson>,
) -> Result<(StatusCode, Json<PersonEntry>), Problem> {
    people::check_private(&shared.host, peer)?;
    let name: UserName = new.username.parse().map_err(people::invalid)?;
    let password = new.password.into_inner();
    check_password(name.as_str(), &password).map_err(people::invalid)?;
    let password = people::digest(password).await?;
    let created_at = (shared.host.now)();
    let person = Person { name, password, role: new.role, created_at, last_login: None };
    let entry = PersonEntry::from(&person);
    let store = Arc::clone(&shared.host.access.people);
    people::beside(move || store.add(person)).await?.map_err(people::told)?;
    Ok((StatusCode::CREATED, Json(entry)))
}

/// Ends somebody's sessions, and changes their password or role.
#[utoipa::path(post, operation_id = "change_person", path = "/api/people/{name}", tag = "people", params(("name" = String, Path,)),
    request_body = PersonChange, responses(
    (status = 200, description = "As they are now.", body = PersonEntry),
    (status = 404, description = "There is nobody of this name.", body = Problem),
    (status = 422, description = "The password is too weak, or nothing is to change.", body = Problem),
    (status = 503, description = "It cannot be done now.", body = Problem),
))]
async fn change(
    State(shared): State<Arc<Shared>>,
    Peer(peer): Peer,
    Path(name): Path<String>,
    Body(change): Body<PersonChange>,
) -> Result<Json<PersonEntry>, Problem> {
    if change.password.is_none() && change.role.is_none() {
        return Err(people::invalid("neither a password nor a role is given"));
    }
    let password = match change.password {
        None => None,
        Some(password) => {
            people::check_private(&shared.host, peer)?;
            let password = password.into_inner();
            check_password(&name, &password).map_err(people::invalid)?;
            Some(people::digest(password).await?)
        }
    };
    let access = shared.host.access.clone();
    let changed = people::beside(move || {
        // First: where sessions cannot be ended, nothing is changed.
        access.sessions.revoke_user(&name)?;
        let mut entry = None;
        access.people.change(&name, &mut |person| {
            person.role = change.role.unwrap_or(person.role);
            if let Some(password) = &password {
                person.password = password.clone();
            }
            entry = Some(PersonEntry::from(&*person));
        })?;
        // And those that were begun meanwhile, with what held before.
        access.sessions.revoke_user(&name)?;
        entry.ok_or(KeptError::NotFound { what: "person", name })
    });
    changed.await?.map(Json).map_err(people::told)
}

/// Ends somebody's sessions, and lets them log in no longer.
#[utoipa::path(delete, operation_id = "remove_person", path = "/api/people/{name}", tag = "people", params(("name" = String, Path,)), responses(
    (status = 204, description = "They may not log in any more."),
    (status = 404, description = "There is nobody of this name.", body = Problem),
    (status = 503, description = "It cannot be done now.", body = Problem),
))]
async fn remove(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    let access = shared.host.access.clone();
    let removed = people::beside(move || {
        // First: where sessions cannot be ended, they are not removed, and nobody who takes their name finds them alive.
        access.sessions.revoke_user(&name)?;
        access.people.remove(&name)
    });
    removed.await?.map_err(people::told)?;
    Ok(StatusCode::NO_CONTENT)
}
