use std::net::IpAddr;

use async_trait::async_trait;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use taskflows_security::{
    CSRF_HEADER, Claims, KeptError, TOKEN_PREFIX, TokenDigest, TokenUse, UserName, csrf_matches,
};

use super::Cookies;
use super::channel::is_private;
use crate::server::{Authority, Identity, Refusal};
use crate::{Access, Host};

/// Recognises people who logged in, by a bearer token or the cookie `tf_access`, and machines by their bearer token `tft_…`.
///
/// From other hosts it knows them over TLS alone. It knows no switch that would let in who shows neither.
#[derive(Clone, Debug)]
pub struct PeopleAuthority {
    host: Host,
}

/// Why a login or a token counts for nothing where others on the way can read it.
const PLAIN: &str = "a login or a token over plain HTTP from another host: `tf api start --tls-cert … --tls-key …`, or a \
                     forwarder on this host that speaks TLS";

/// What somebody shows.
enum Shown<'a> {
    Bearer(&'a str),
    Cookie(&'a str),
}

impl<'a> Shown<'a> {
    /// A header counts alone where it is there: one that is not right is never made good by a cookie.
    fn of(host: &Host, headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let mut bearers = headers.get_all(AUTHORIZATION).into_iter();
        let Some(bearer) = bearers.next() else {
            let cookies = Cookies::of(headers, host.access.secure_cookies);
            return cookies.access().map(Self::Cookie).ok_or_else(|| refusal("no credentials"));
        };
        if bearers.next().is_some() {
            return Err(refusal("two credentials at once"));
        }
        let text = bearer.to_str().map_err(|_| refusal("a credential that is no text"))?;
        match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Self::Bearer(token.trim())),
            _ => Err(refusal("no bearer token")),
        }
    }
}

fn refusal(reason: &str) -> Refusal {
    Refusal(reason.to_owned())
}

fn unreadable(error: KeptError) -> Refusal {
    tracing::error!(error = &error as &dyn std::error::Error, "who asks cannot be looked up");
    refusal("who asks cannot be looked up")
}

impl PeopleAuthority {
    /// Looks people and tokens up in what `host` keeps.
    #[must_use]
    pub fn new(host: Host) -> Self {
        Self { host }
    }

    /// Asks what is kept, which may wait for the disk, beside what else the server does.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Host) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let host = self.host.clone();
        let looked = tokio::task::spawn_blocking(move || look(&host)).await;
        looked.unwrap_or_else(|_| Err(refusal("who asks cannot be looked up")))
    }
}

/// Returns what the token of who logged in says, where its session lives.
fn session_of(host: &Host, token: &str) -> Result<Claims, Refusal> {
    let Access { people, sessions, .. } = &host.access;
    let key = people.key().map_err(unreadable)?.ok_or_else(|| refusal("nobody may log in here"))?;
    let now = (host.now)();
    let claims = key.read(token, TokenUse::Access, &host.server_id, now);
    let claims = claims.map_err(|error| Refusal(error.to_string()))?;
    match sessions.is_live(&claims.family, &claims.sub, now).map_err(unreadable)? {
        true => Ok(claims),
        false => Err(refusal("the session is over")),
    }
}

/// Returns the session by whose token somebody asks; `None` where they ask otherwise.
pub(in crate::server) fn family_of(host: &Host, headers: &HeaderMap) -> Option<String> {
    let (Shown::Bearer(token) | Shown::Cookie(token)) = Shown::of(host, headers).ok()?;
    session_of(host, token).ok().map(|claims| claims.family)
}

fn person(host: &Host, token: &str, by_cookie: bool) -> Result<Identity, Refusal> {
    let claims = session_of(host, token)?;
    // The role is the one that they have now.
    let person = host.access.people.get(&claims.sub).map_err(unreadable)?;
    let person = person.ok_or_else(|| refusal("there is no such person any more"))?;
    Ok(Identity { name: person.name.to_string(), role: person.role, by_cookie })
}

fn machine(host: &Host, token: &str) -> Result<Identity, Refusal> {
    let digest = TokenDigest::of(token).ok_or_else(|| refusal("no token of ours"))?;
    let found = host.access.tokens.use_token(digest, (host.now)()).map_err(unreadable)?;
    let found = found.ok_or_else(|| refusal("a token that is unknown or over"))?;
    // Names are checked when a token is made; what else stands in the file is no name for an audit log.
    let name: UserName = found.name.parse().map_err(|_| refusal("a token without a name"))?;
    Ok(Identity { name: format!("token:{name}"), role: found.role, by_cookie: false })
}

#[async_trait]
impl Authority for PeopleAuthority {
    async fn identify(&self, peer: Option<IpAddr>, request: &Parts, _: &[u8]) -> Result<Identity, Refusal> {
        if !is_private(&self.host, peer) {
            return Err(refusal(PLAIN));
        }
        match Shown::of(&self.host, &request.headers)? {
            Shown::Bearer(token) if token.starts_with(TOKEN_PREFIX) => {
                let token = token.to_owned();
                self.look(move |host| machine(host, &token)).await
            }
            Shown::Bearer(token) => {
                let token = token.to_owned();
                self.look(move |host| person(host, &token, false)).await
            }
            Shown::Cookie(token) => {
                let token = token.to_owned();
                self.look(move |host| person(host, &token, true)).await
            }
        }
    }

    async fn confirm_change(&self, identity: &Identity, request: &Parts) -> Result<(), Refusal> {
        if !identity.by_cookie {
            return Ok(());
        }
        let shown = request.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
        let shown = shown.ok_or_else(|| refusal("no CSRF token"))?.to_owned();
        let cookies = Cookies::of(&request.headers, self.host.access.secure_cookies);
        let cookie = cookies.access().unwrap_or_default().to_owned();
        self.look(move |host| {
            let claims = session_of(host, &cookie)?;
            let key = host.access.people.key().map_err(unreadable)?;
            match key.is_some_and(|key| csrf_matches(&key, &claims.family, &shown)) {
                true => Ok(()),
                false => Err(refusal("a CSRF token of another session")),
            }
        })
        .await
    }
}
