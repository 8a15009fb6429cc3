//! Who asks, where requests are signed with the shared key.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::{ConnectInfo, MatchedPath};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use taskflows_security::{
    Asked, Keep, NONCE_HEADER, NonceStore, Reason, Role, SIGNATURE_HEADER, Secured, SignedHeaders,
    TIMESTAMP_HEADER, Verifier, Watched,
};

use super::local::is_own_socket;
use super::text::with_causes;
use super::{Authority, Identity, Refusal};

/// The name of who has the shared key.
pub const SIGNED: &str = "signed";
/// The name of who asks from this host, where requests need not be signed.
pub const LOCAL: &str = "local";

/// What needs a login or a signature, whatever the settings are: who may log in, and with what.
const NEVER_OPEN: [&str; 3] = ["/auth", "/api/people", "/api/tokens"];

/// Recognises who signed a request with the shared key, each request once.
///
/// The settings are looked at for each request: another secret, or none, holds at once.
pub struct SignedAuthority {
    settings: Watched,
    nonces: Arc<dyn NonceStore>,
    server_id: String,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl fmt::Debug for SignedAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedAuthority").field("server_id", &self.server_id).finish_non_exhaustive()
    }
}

/// Tells whether a request shows credentials that are to be signatures.
#[must_use]
pub fn is_signed(headers: &HeaderMap) -> bool {
    [SIGNATURE_HEADER, TIMESTAMP_HEADER, NONCE_HEADER].iter().any(|name| headers.contains_key(*name))
}

impl SignedAuthority {
    /// Recognises requests for the server of this id, at the time that `now` tells.
    #[must_use]
    pub fn new(
        settings: Watched,
        nonces: Arc<dyn NonceStore>,
        server_id: impl Into<String>,
        now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> Self {
        Self { settings, nonces, server_id: server_id.into(), now }
    }

    fn current(&self) -> Result<Arc<Secured>, Refusal> {
        self.settings.current().map_err(|error| Refusal(with_causes(&error)))
    }

    fn asked<'a>(&'a self, request: &'a Parts, body: &'a [u8]) -> Asked<'a> {
        Asked {
            server_id: &self.server_id,
            method: request.method.as_str(),
            path: request.uri.path(),
            query: request.uri.query().unwrap_or_default(),
            body,
        }
    }

    async fn signed(&self, verifier: &Verifier, request: &Parts, body: &[u8]) -> Result<Identity, Refusal> {
        let headers = headers(request)?;
        let (asked, now) = (self.asked(request, body), (self.now)());
        let verified = verifier.verify(&headers, &asked, now).map_err(refusal)?;
        let keep = if request.method.is_safe() { Keep::Soon } else { Keep::Now };
        match self.nonces.claim(verified.nonce, verified.expires, now, keep).await {
            Ok(true) => Ok(holder()),
            Ok(false) => Err(refusal(Reason::Replayed)),
            Err(error) => Err(Refusal(with_causes(&error))),
        }
    }
}

fn refusal(reason: Reason) -> Refusal {
    Refusal(reason.to_string())
}

#[async_trait]
impl Authority for SignedAuthority {
    async fn identify(
        &self,
        peer: Option<IpAddr>,
        request: &Parts,
        body: &[u8],
    ) -> Result<Identity, Refusal> {
        let current = self.current()?;
        match needs_no_signature(&current, request) {
            true => unsigned(peer, request).await,
            false => self.signed(verifier(&current)?, request, body).await,
        }
    }

    /// Its nonce was claimed when it came, and its time was right then.
    async fn recheck(&self, peer: Option<IpAddr>, request: &Parts, body: &[u8]) -> Result<Identity, Refusal> {
        let current = self.current()?;
        if needs_no_signature(&current, request) {
            return unsigned(peer, request).await;
        }
        let (headers, asked) = (headers(request)?, self.asked(request, body));
        match verifier(&current)?.still_signs(&headers, &asked, (self.now)()) {
            true => Ok(holder()),
            false => Err(refusal(Reason::BadSignature)),
        }
    }
}

/// Who has the shared key.
fn holder() -> Identity {
    Identity { name: SIGNED.to_owned(), role: Role::Admin, by_cookie: false }
}

fn needs_no_signature(current: &Secured, request: &Parts) -> bool {
    !is_signed(&request.headers) && !current.settings.enable_hmac
}

fn verifier(current: &Secured) -> Result<&Verifier, Refusal> {
    current.verifier.as_ref().ok_or_else(|| Refusal("no secret is set: `tf security setup`".to_owned()))
}

fn headers(request: &Parts) -> Result<SignedHeaders<'_>, Refusal> {
    SignedHeaders::read(|name: &str| request.headers.get_all(name).into_iter().map(HeaderValue::as_bytes))
        .map_err(refusal)
}

/// Recognises the user of this server on this host, where requests need not be signed.
async fn unsigned(peer: Option<IpAddr>, request: &Parts) -> Result<Identity, Refusal> {
    let refused = |why: &str| Err(Refusal(format!("not signed, and {why}")));
    let Some(ConnectInfo(address)) = request.extensions.get::<ConnectInfo<SocketAddr>>() else {
        return refused("from nobody knows where");
    };
    if peer != Some(address.ip()) || !address.ip().to_canonical().is_loopback() {
        return refused("from another host");
    }
    if request.headers.contains_key(AUTHORIZATION) || request.headers.contains_key(COOKIE) {
        return refused("with credentials of another kind");
    }
    // A page of anybody's in the browser of this user comes from this host and from this user as well.
    if request.headers.contains_key(ORIGIN) || is_of_page(request) || !is_for_this_host(request) {
        return refused("by a web page, or for another name than this host's");
    }
    // It comes from this host and from this user, and yet from somebody else.
    if request.headers.keys().any(is_of_forwarder) {
        return refused("through a forwarder");
    }
    let matched = request.extensions.get::<MatchedPath>().map_or(request.uri.path(), MatchedPath::as_str);
    let is_under = |path: &str, top: &&str| {
        path.strip_prefix(*top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if NEVER_OPEN.iter().any(|top| is_under(matched, top) || is_under(request.uri.path(), top)) {
        return refused("this needs a login or a signature");
    }
    if !is_own_socket(*address).await {
        return refused("not by the user that the server runs as");
    }
    Ok(Identity { name: LOCAL.to_owned(), role: Role::Admin, by_cookie: false })
}

/// Tells whether a browser says that a page asked, and not who sits before it.
fn is_of_page(request: &Parts) -> bool {
    request.headers.get_all("sec-fetch-site").into_iter().any(|site| site != "none")
}

/// Tells whether a header is one that is added on the way. Source: RFC 7239; RFC 9110, section 7.6.3.
pub(super) fn is_of_forwarder(name: &HeaderName) -> bool {
    let name = name.as_str();
    matches!(name, "forwarded" | "via" | "x-real-ip") || name.starts_with("x-forwarded")
}

/// Tells whether a request is for `localhost` or an address of loopback by name: another name that leads here is no proof
/// that the caller meant this host.
fn is_for_this_host(request: &Parts) -> bool {
    let mut hosts = request.headers.get_all(HOST).into_iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Some(host) = host.to_str().ok().and_then(|text| text.parse::<axum::http::uri::Authority>().ok())
    else {
        return false;
    };
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
