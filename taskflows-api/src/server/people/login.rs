//! How people come in, and stay in.

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use taskflows_security::{
    KeptError, PasswordDigest, Person, Role, Rotation, TokenKey, TokenUse, TryKey, WentWell,
    password_matches, random_hex,
};
use zeroize::Zeroizing;

use super::channel::Asker;
use super::cookies;
use super::issued::{Handed, Issued, issue};
use super::work::{beside, failed, in_turn};
use crate::server::{AuditLogin, Problem};
use crate::{Access, Host};

/// Who wants in.
pub(in crate::server) struct Login {
    pub(in crate::server) username: String,
    pub(in crate::server) password: Zeroizing<String>,
    pub(in crate::server) from: Asker,
    pub(in crate::server) to: Handed,
}

/// Who came in.
struct Entered {
    issued: Issued,
    name: String,
    role: Role,
}

/// Why somebody did not, for the record alone.
struct Kept {
    /// Who it would have been, where there is somebody of that name. What else was typed may be a password.
    claimed: Option<String>,
    reason: String,
}

type Outcome = Result<Entered, Kept>;

fn kept_out(claimed: Option<&str>, reason: impl ToString) -> Outcome {
    Err(Kept { claimed: claimed.map(str::to_owned), reason: reason.to_string() })
}

/// Every login that fails has the same answer.
fn answer(outcome: Outcome) -> Response {
    let (mut response, login) = match outcome {
        Ok(Entered { issued, name, role }) => (issued.into_response(), AuditLogin::In { name, role }),
        Err(Kept { claimed, reason }) => {
            (Problem::unauthorized().into_response(), AuditLogin::Out { claimed, reason })
        }
    };
    response.extensions_mut().insert(login);
    response
}

/// The one answer to who has to wait before the next try.
fn later(wait: SignedDuration) -> Response {
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many tries to log in").with_code("wait");
    let mut response = problem.into_response();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    let reason = "too many tries to log in".to_owned();
    response.extensions_mut().insert(AuditLogin::Out { claimed: None, reason });
    response
}

/// Lets somebody in who knows their password. Every other outcome has the same answer, at the same cost.
pub(in crate::server) async fn log_in(host: &Host, login: Login) -> Result<Response, Problem> {
    let (access, now) = (host.access.clone(), (host.now)());
    let Asker { address, is_here } = login.from;
    let tried = WentWell {
        account: Some(TryKey::account(&login.username)),
        address: TryKey::address(address),
        login: TryKey::login(&login.username, address),
    };
    let counted = beside(move || count(&access, tried, is_here, now)).await?;
    let tried = match counted.map_err(failed)? {
        Ok(tried) => tried,
        Err(wait) => return Ok(later(wait)),
    };
    let host = host.clone();
    let looked = in_turn(move || enter(&host, &login, &tried)).await?;
    Ok(answer(looked.map_err(failed)?))
}

/// Counts a try before its outcome is known; returns for what it counts, or how long there is to wait before it.
///
/// Who guesses somebody's password from elsewhere makes them wait neither on this host nor where they logged in before: from
/// there the tries count for the address alone.
fn count(
    access: &Access,
    mut tried: WentWell,
    is_here: bool,
    now: Timestamp,
) -> Result<Result<WentWell, SignedDuration>, KeptError> {
    if is_here || access.throttle.is_known(tried.login, now)? {
        tried.account = None;
    }
    let keys: Vec<TryKey> = tried.account.into_iter().chain([tried.address]).collect();
    Ok(access.throttle.attempt(&keys, now)?.map_or(Ok(tried), Err))
}

fn enter(host: &Host, login: &Login, tried: &WentWell) -> Result<Outcome, KeptError> {
    let key = host.access.people.key()?;
    let person = host.access.people.get(&login.username)?;
    let is_right = password_matches(person.as_ref().map(|one| &one.password), &login.password);
    let Some(person) = person else { return Ok(kept_out(None, "nobody has this name")) };
    let name = person.name.as_str();
    let Some(key) = key else { return Ok(kept_out(Some(name), "nobody may log in here")) };
    if !is_right {
        return Ok(kept_out(Some(name), wrong(&person)));
    }
    host.access.throttle.succeeded(tried, (host.now)())?;
    let issued = begin(host, &key, &person, login.to)?;
    // Their password may have been changed, or they removed, while it was looked at; their sessions were ended then.
    let is_same = |now: &Person| {
        now.password == person.password || password_matches(Some(&now.password), &login.password)
    };
    if !host.access.people.get(name)?.as_ref().is_some_and(is_same) {
        host.access.sessions.revoke_user(name)?;
        return Ok(kept_out(Some(name), "the password was changed meanwhile"));
    }
    // Now that it is known, it is kept as others are.
    let renewed = person.password.is_old().then(|| PasswordDigest::of(&login.password));
    let now = (host.now)();
    host.access.people.change(name, &mut |one| {
        one.last_login = Some(now);
        if let Some(renewed) = renewed.as_ref().filter(|_| one.password == person.password) {
            one.password = renewed.clone();
        }
    })?;
    Ok(Ok(Entered { issued, name: name.to_owned(), role: person.role }))
}

fn wrong(person: &Person) -> &'static str {
    match person.password.is_usable() {
        true => "the password is wrong",
        false => "what is kept of the password cannot be compared: `tf api setup-ui` sets another",
    }
}

fn begin(host: &Host, key: &TokenKey, person: &Person, to: Handed) -> Result<Issued, KeptError> {
    let (family, id) = (random_hex::<16>(), random_hex::<16>());
    let (session, issued) = issue(host, key, person.name.as_str(), family, id, to);
    host.access.sessions.open(&session, (host.now)())?;
    Ok(issued)
}

/// Gives new tokens for a refresh token, which is worth nothing a moment afterwards; one that was used before ends the session.
/// Cookies that are worth nothing are taken away.
pub(in crate::server) async fn refresh(
    host: &Host,
    token: Option<Zeroizing<String>>,
    to: Handed,
) -> Result<Response, Problem> {
    let renewed = match token {
        Some(token) => {
            let host = host.clone();
            beside(move || renew(&host, &token, to)).await?.map_err(failed)?
        }
        None => kept_out(None, "no refresh token"),
    };
    let is_over = renewed.is_err();
    let mut response = answer(renewed);
    if is_over && to == Handed::Cookies {
        cookies::ended(response.headers_mut(), host.access.secure_cookies);
    }
    Ok(response)
}

fn renew(host: &Host, token: &str, to: Handed) -> Result<Outcome, KeptError> {
    let Some(key) = host.access.people.key()? else { return Ok(kept_out(None, "nobody may log in here")) };
    let now = (host.now)();
    let claims = match key.read(token, TokenUse::Refresh, &host.server_id, now) {
        Ok(claims) => claims,
        Err(error) => return Ok(kept_out(None, error)),
    };
    // The token is one of ours, and so is the name in it.
    let name = claims.sub.as_str();
    let Some(person) = host.access.people.get(name)? else {
        return Ok(kept_out(Some(name), "there is no such person any more"));
    };
    let id = key.next_id(&claims.family, &claims.jti);
    let (next, issued) = issue(host, &key, name, claims.family.clone(), id, to);
    Ok(match host.access.sessions.rotate(&claims.jti, &next, now)? {
        Rotation::Rotated => Ok(Entered { issued, name: name.to_owned(), role: person.role }),
        Rotation::Over => kept_out(Some(name), "the session is over"),
        Rotation::Reused => kept_out(Some(name), "a refresh token was used twice: its session is ended"),
    })
}
