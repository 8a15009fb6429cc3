//! The tokens of a session, and how they are handed over.

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use taskflows_security::{
    ACCESS_LIFETIME, Claims, REFRESH_LIFETIME, Session, TokenKey, TokenUse, csrf_token, random_hex,
};
use zeroize::Zeroizing;

use super::cookies;
use crate::Host;
use crate::wire::LoginAnswer;

/// How tokens are handed over: in one way alone, so that no script of a page sees what is in its cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Handed {
    /// In the answer, to who sends them as a bearer.
    Bearer,
    /// In cookies, to a browser.
    Cookies,
}

/// The tokens of a session.
pub(super) struct Issued {
    access: Zeroizing<String>,
    refresh: Zeroizing<String>,
    csrf: String,
    is_secure: bool,
    to: Handed,
}

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

/// Makes the tokens of a session, and what is kept of them.
pub(super) fn issue(
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
