use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use taskflows_security::{Role, csrf_token};
use utoipa_axum::routes;

use crate::server::people::{self, Asker, Body, Cookies, Handed, Login, Peer};
use crate::server::route::{Routes, Rule};
use crate::server::{Identity, Problem, Shared};
use crate::wire::{Done, LoginAnswer, LoginRequest, Me, RefreshRequest};

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .add(Rule::Open, routes!(login))
        .add(Rule::Open, routes!(refresh))
        .add(Rule::Needs(Role::Viewer), routes!(logout))
        .add(Rule::Needs(Role::Viewer), routes!(me))
}

/// Logs somebody in. The tokens are in the answer; with `"cookies": true`, as a web page asks for them, in cookies alone.
#[utoipa::path(post, path = "/auth/login", tag = "people", request_body = LoginRequest, responses(
    (status = 200, description = "They are in.", body = LoginAnswer),
    (status = 400, description = "The body is no JSON.", body = Problem),
    (status = 401, description = "They are not, whatever the reason.", body = Problem),
    (status = 403, description = "It came over plain HTTP from another host (`needs-tls`), or asks for cookies from a page of another site (`cross-site`).", body = Problem),
    (status = 413, description = "The body is too large.", body = Problem),
    (status = 415, description = "The body is not application/json.", body = Problem),
    (status = 422, description = "The body has other keys.", body = Problem),
    (status = 429, description = "Too many tries: `Retry-After` says how long to wait, in seconds.", body = Problem),
    (status = 503, description = "It cannot be done now.", body = Problem),
))]
async fn login(
    State(shared): State<Arc<Shared>>,
    Peer(peer): Peer,
    headers: HeaderMap,
    Body(request): Body<LoginRequest>,
) -> Result<Response, Problem> {
    people::check_private(&shared.host, peer)?;
    let to = if request.cookies { Handed::Cookies } else { Handed::Bearer };
    if to == Handed::Cookies {
        people::check_site(&headers)?;
    }
    let from = Asker::of(peer, &headers);
    let login = Login { username: request.username, password: request.password.into_inner(), from, to };
    people::log_in(&shared.host, login).await
}

/// Gives new tokens for a refresh token, in the way that it came.
///
/// For ten seconds more the same token gets the same answer, since pages of one browser renew at once; used later again it
/// ends its session.
#[utoipa::path(post, path = "/auth/refresh", tag = "people", request_body = RefreshRequest, responses(
    (status = 200, description = "New tokens.", body = LoginAnswer),
    (status = 400, description = "The body is no JSON.", body = Problem),
    (status = 401, description = "The token is over, was used before, or is none.", body = Problem),
    (status = 403, description = "It came over plain HTTP from another host (`needs-tls`), or its cookie from a page of another site (`cross-site`).", body = Problem),
    (status = 413, description = "The body is too large.", body = Problem),
    (status = 415, description = "The body is not application/json.", body = Problem),
    (status = 422, description = "The body has other keys.", body = Problem),
    (status = 503, description = "It cannot be done now.", body = Problem),
))]
async fn refresh(
    State(shared): State<Arc<Shared>>,
    Peer(peer): Peer,
    headers: HeaderMap,
    Body(request): Body<RefreshRequest>,
) -> Result<Response, Problem> {
    let host = &shared.host;
    people::check_private(host, peer)?;
    let (shown, to) = match request.refresh_token {
        Some(token) => (Some(token.into_inner()), Handed::Bearer),
        None => {
            people::check_site(&headers)?;
            let cookies = Cookies::of(&headers, host.access.secure_cookies);
            (cookies.refresh().map(|token| token.to_owned().into()), Handed::Cookies)
        }
    };
    people::refresh(host, shown, to).await
}

/// Ends the session of who asks: none of its tokens is worth anything any more.
#[utoipa::path(post, path = "/auth/logout", tag = "people", responses(
    (status = 200, description = "It is ended.", body = Done),
    (status = 401, description = "Nobody is logged in.", body = Problem),
    (status = 403, description = "The CSRF token is missing.", body = Problem),
    (status = 413, description = "The body is too large.", body = Problem),
    (status = 503, description = "It cannot be done now.", body = Problem),
))]
async fn logout(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Result<Response, Problem> {
    let host = shared.host.clone();
    people::beside(move || match people::family_of(&host, &headers) {
        Some(family) => host.access.sessions.revoke(&family),
        // Who signs, or has a token of a machine, has no session that could end.
        None => Ok(()),
    })
    .await?
    .map_err(people::failed)?;
    let mut response = Json(Done { message: "logged out".to_owned() }).into_response();
    people::ended(response.headers_mut(), shared.host.access.secure_cookies);
    Ok(response)
}

/// Tells who asks, and for a page the CSRF token of its session.
#[utoipa::path(get, path = "/auth/me", tag = "people", responses(
    (status = 200, description = "Who asks.", body = Me),
    (status = 401, description = "Nobody is recognised.", body = Problem),
    (status = 403, description = "They may not.", body = Problem),
    (status = 413, description = "The body is too large.", body = Problem),
    (status = 503, description = "It cannot be done now.", body = Problem),
))]
async fn me(
    State(shared): State<Arc<Shared>>,
    Extension(identity): Extension<Identity>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let host = shared.host.clone();
    let by_cookie = identity.by_cookie;
    let csrf = people::beside(move || {
        let family = people::family_of(&host, &headers).filter(|_| by_cookie)?;
        Some(csrf_token(&host.access.people.key().ok()??, &family))
    });
    let me = Me { name: identity.name, role: identity.role, csrf_token: csrf.await? };
    let mut response = Json(me).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
