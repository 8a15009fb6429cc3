use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use taskflows_security::{ApiToken, Role, UserName, new_token};
use utoipa_axum::routes;

use crate::server::people::{self, Body, Peer};
use crate::server::route::{Routes, Rule};
use crate::server::{Path, Problem, Shared};
use crate::wire::{NewToken, TokenEntry, TokenMade};

pub(super) fn add(routes: Routes) -> Routes {
    routes.add(Rule::Needs(Role::Admin), routes!(list, create)).add(Rule::Needs(Role::Admin), routes!(remove))
}

/// Lists the tokens of machines, those that are over too, sorted by name.
#[utoipa::path(get, operation_id = "list_tokens", path = "/api/tokens", tag = "people", responses(
    (status = 200, description = "Tokens, without what is secret of them.", body = [TokenEntry]),
    (status = 503, description = "It cannot be done now.", body = Problem),
))]
async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<Vec<TokenEntry>>, Problem> {
    let store = Arc::clone(&shared.host.access.tokens);
    let tokens = people::beside(move || store.list()).await?.map_err(people::failed)?;
    Ok(Json(tokens.into_iter().map(TokenEntry::from).collect()))
}

/// Makes a token for a machine. It is in this answer, and nowhere else.
#[utoipa::path(post, operation_id = "create_token", path = "/api/tokens", tag = "people", request_body = NewToken, responses(
    (status = 201, description = "The token.", body = TokenMade),
    (status = 409, description = "There is a token of this name.", body = Problem),
    (status = 422, description = "The name cannot be one, or the end is past.", body = Problem),
    (status = 503, description = "It cannot be done now.", body = Problem),
))]
async fn create(
    State(shared): State<Arc<Shared>>,
    Peer(peer): Peer,
    Body(new): Body<NewToken>,
) -> Result<Response, Problem> {
    people::check_private(&shared.host, peer)?;
    let name: UserName = new.name.parse().map_err(people::invalid)?;
    let created = (shared.host.now)();
    if new.expires.is_some_and(|end| end <= created) {
        return Err(people::invalid("the token would be over already"));
    }
    let entry =
        ApiToken { name: name.to_string(), role: new.role, created, last_used: None, expires: new.expires };
    let (token, digest) = new_token();
    let (store, kept) = (Arc::clone(&shared.host.access.tokens), entry.clone());
    people::beside(move || store.add(&kept, digest)).await?.map_err(people::told)?;
    let made = TokenMade { token: token.to_string(), entry: entry.into() };
    let mut response = (StatusCode::CREATED, Json(made)).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Makes a token worthless at once.
#[utoipa::path(delete, operation_id = "remove_token", path = "/api/tokens/{name}", tag = "people", params(("name" = String, Path,)), responses(
    (status = 204, description = "It is gone."),
    (status = 404, description = "There is no token of this name.", body = Problem),
    (status = 503, description = "It cannot be done now.", body = Problem),
))]
async fn remove(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    let store = Arc::clone(&shared.host.access.tokens);
    people::beside(move || store.remove(&name)).await?.map_err(people::told)?;
    Ok(StatusCode::NO_CONTENT)
}
