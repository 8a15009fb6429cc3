//! How people come in, and stay in.

use std::net::IpAddr;
use std::time::Duration;

use axum::Json;
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use taskflows_security::{
    ACCESS_LIFETIME, Claims, KeptError, LONGEST_PASSWORD, PasswordDigest, Person, REFRESH_LIFETIME, Rotation,
    Session, TokenKey, TokenUse, TryKey, csrf_token, password_matches, random_hex,
};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::cookies;
use crate::Host;
use crate::server::Problem;
use crate::wire::LoginAnswer;

/// So many passwords are looked at, or made, at once: each takes a core for 20 ms, and 19 MiB.
static LOOKS: Semaphore = Semaphore::const_new(2);
/// How long somebody waits for their turn.
const TURN: Duration = Duration::from_secs(10);

/// Who wants in.
pub(in crate::server) struct Login {
    pub(in crate::server) username: String,
    pub(in crate::server) password: Zeroizing<String>,
    pub(in crate::server) peer: Option<IpAddr>,
    pub(in crate::server) to: Handed,
}

/// How tokens are handed over: in one way alone, so that no script of a page sees what is in its cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Handed {
    /// In the answer, to who sends them as a bearer.
    Bearer,
    /// In cookies, to a browser.
    Cookies,
}

/// The tokens of a session.
pub(in crate::server) struct Issued {
    pub(in crate::server) access: Zeroizing<String>,
    pub(in crate::server) refresh: Zeroizing<String>,
    pub(in crate::server) csrf: String,
    pub(in crate::server) is_secure: bool,
    pub(in crate::server) to: Handed,
}

/// What became of a try to renew tokens.
pub(in crate::server) type Refreshed = Result<Issued, Problem>;

impl IntoResponse for Issued {
    fn into_response(self) -> Response {
        let is_bearer = self.to == Handed::Bearer;
        let mut response = Json(LoginAnswer {
            access_token: is_bearer.then(|| self.access.to_string()),
            refresh_token: is_bearer.then(|| self.refresh.to_string()),
            token_type: is_bearer.then(|| "bearer".to_owned()),
            expires_in: ACCESS_LIFETIME.as_secs(),
            csrf_token: self.csrf,
            csrf_expires_in: REFRESH_LIFETIME.as_secs(),
        })
        .into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if !is_bearer {
            cookies::begun(headers, &self.access, &self.refresh, self.is_secure);
        }
        response
    }
}

/// Does what may wait for the disk beside what else the server does.
pub(in crate::server) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| unavailable())
}

/// Does what takes a core and memory, when it is its turn.
pub(in crate::server) async fn in_turn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    match tokio::time::timeout(TURN, LOOKS.acquire()).await {
        Ok(Ok(_turn)) => beside(work).await,
        _ => Err(unavailable()),
    }
}

fn unavailable() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "it cannot be done now").with_code("busy")
}

/// Tells that what is kept failed. The cause is for the log of this host.
pub(in crate::server) fn failed(error: KeptError) -> Problem {
    tracing::error!(error = &error as &dyn std::error::Error, "who may ask cannot be looked up or kept");
    unavailable()
}

/// Tells what is wrong with what somebody wants.
pub(in crate::server) fn invalid(reason: impl ToString) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason.to_string()).with_code("invalid")
}

/// Tells who manages people or tokens why that cannot be.
pub(in crate::server) fn told(error: KeptError) -> Problem {
    match &error {
        KeptError::NotFound { what, .. } => {
            Problem::new(StatusCode::NOT_FOUND, error.to_string()).with_code(format!("no-such-{what}"))
        }
        KeptError::Exists { .. } => Problem::new(StatusCode::CONFLICT, error.to_string()).with_code("exists"),
        _ => failed(error),
    }
}

/// Takes cookies away that are worth nothing any more, with the one answer to who is not recognised.
pub(in crate::server) fn without_cookies(problem: Problem, host: &Host, to: Handed) -> Response {
    let is_over = problem.status == StatusCode::UNAUTHORIZED.as_u16() && to == Handed::Cookies;
    let mut response = problem.into_response();
    if is_over {
        cookies::ended(response.headers_mut(), host.access.secure_cookies);
    }
    response
}

/// The one answer to who has to wait before the next try.
fn later(wait: SignedDuration) -> Response {
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many tries to log in").with_code("wait");
    let mut response = problem.into_response();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    response
}

/// Lets somebody in who knows their password. Every other outcome has the same answer, at the same cost.
pub(in crate::server) async fn log_in(host: &Host, login: Login) -> Result<Issued, Response> {
    let account = TryKey::account(&login.username);
    let address = login.peer.map(TryKey::address);
    let access = host.access.clone();
    let now = (host.now)();
    let keys: Vec<TryKey> = [Some(account), address].into_iter().flatten().collect();
    let counted =
        beside(move || access.throttle.attempt(&keys, now)).await.map_err(Problem::into_response)?;
    if let Some(wait) = counted.map_err(|error| failed(error).into_response())? {
        tracing::info!(wait = wait.as_secs(), "a login has to wait");
        return Err(later(wait));
    }
    let host = host.clone();
    let looked = in_turn(move || enter(&host, &login, account, address)).await;
    match looked.map_err(Problem::into_response)? {
        Ok(Some(issued)) => Ok(issued),
        Ok(None) => {
            tracing::info!("a login was refused");
            Err(Problem::unauthorized().into_response())
        }
        Err(error) => Err(failed(error).into_response()),
    }
}

fn enter(
    host: &Host,
    login: &Login,
    account: TryKey,
    address: Option<TryKey>,
) -> Result<Option<Issued>, KeptError> {
    let key = host.access.people.key()?;
    let person = host.access.people.get(&login.username)?;
    let is_right = password_matches(person.as_ref().map(|one| &one.password), &login.password);
    let (Some(key), Some(person), true) = (key, person, is_right) else { return Ok(None) };
    host.access.throttle.succeeded(account, address)?;
    let issued = begin(host, &key, &person, login.to)?;
    // Their password may have been changed, or they removed, while it was looked at; their sessions were ended then.
    match host.access.people.get(person.name.as_str())?.is_some_and(|now| now.password == person.password) {
        true => {}
        false => {
            host.access.sessions.revoke_user(person.name.as_str())?;
            return Ok(None);
        }
    }
    let now = (host.now)();
    host.access.people.change(person.name.as_str(), &mut |one| one.last_login = Some(now))?;
    Ok(Some(issued))
}

fn begin(host: &Host, key: &TokenKey, person: &Person, to: Handed) -> Result<Issued, KeptError> {
    let (family, id) = (random_hex::<16>(), random_hex::<16>());
    let (session, issued) = issue(host, key, person.name.as_str(), family, id, to);
    host.access.sessions.open(&session, (host.now)())?;
    Ok(issued)
}

/// Makes the tokens of a session, and what is kept of them.
fn issue(
    host: &Host,
    key: &TokenKey,
    user: &str,
    family: String,
    refresh_id: String,
    to: Handed,
) -> (Session, Issued) {
    let now = (host.now)();
    let claims = |kind, jti: &str, lifetime: SignedDuration| Claims {
        sub: user.to_owned(),
        aud: host.server_id.clone(),
        iat: now.as_second(),
        exp: now.as_second() + lifetime.as_secs(),
        kind,
        jti: jti.to_owned(),
        family: family.clone(),
    };
    let access_id = random_hex::<16>();
    let issued = Issued {
        access: key.issue(&claims(TokenUse::Access, &access_id, ACCESS_LIFETIME)),
        refresh: key.issue(&claims(TokenUse::Refresh, &refresh_id, REFRESH_LIFETIME)),
        csrf: csrf_token(key, &family),
        is_secure: host.access.secure_cookies,
        to,
    };
    let expires = now.checked_add(REFRESH_LIFETIME).unwrap_or(jiff::Timestamp::MAX);
    (Session { family, user: user.to_owned(), refresh: refresh_id, expires }, issued)
}

/// Gives new tokens for a refresh token, which is worth nothing a moment afterwards; one that was used before ends the session.
pub(in crate::server) async fn refresh(host: &Host, token: Zeroizing<String>, to: Handed) -> Refreshed {
    let host = host.clone();
    match beside(move || renew(&host, &token, to)).await? {
        Ok(Some(issued)) => Ok(issued),
        Ok(None) => Err(Problem::unauthorized()),
        Err(error) => Err(failed(error)),
    }
}

fn renew(host: &Host, token: &str, to: Handed) -> Result<Option<Issued>, KeptError> {
    let Some(key) = host.access.people.key()? else { return Ok(None) };
    let now = (host.now)();
    let claims = match key.read(token, TokenUse::Refresh, &host.server_id, now) {
        Ok(claims) => claims,
        Err(error) => {
            tracing::info!(reason = %error, "a refresh token was refused");
            return Ok(None);
        }
    };
    if host.access.people.get(&claims.sub)?.is_none() {
        return Ok(None);
    }
    let id = key.next_id(&claims.family, &claims.jti);
    let (next, issued) = issue(host, &key, &claims.sub, claims.family, id, to);
    match host.access.sessions.rotate(&claims.jti, &next, now)? {
        Rotation::Rotated => Ok(Some(issued)),
        Rotation::Over => Ok(None),
        Rotation::Reused => {
            tracing::warn!(who = claims.sub, "a refresh token was used twice: its session is ended");
            Ok(None)
        }
    }
}

/// Returns what is kept of a new password, when it is its turn.
pub(in crate::server) async fn digest(password: Zeroizing<String>) -> Result<PasswordDigest, Problem> {
    debug_assert!(password.len() <= LONGEST_PASSWORD, "its strength was looked at");
    in_turn(move || PasswordDigest::of(&password)).await
}
