//! What every answer has, whichever route it is of, or none.

use std::fmt;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, RETRY_AFTER, TRANSFER_ENCODING};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use tracing::Instrument;
use uuid::Uuid;

use super::{Problem, Shared};

/// By what an answer is found in the log and the audit log; made here and never taken from who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(Uuid);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

const HEADERS: [(&str, &str); 4] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("content-security-policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"),
    ("referrer-policy", "no-referrer"),
];

/// Refuses a target that is written in a way no route is, and completes the answer.
pub(super) async fn wrap(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let id = RequestId(Uuid::new_v4());
    request.extensions_mut().insert(id);
    // Nothing that comes after such a body is taken for a request: somebody on the way may have taken it for a part of the
    // body, where its length was told as well. Source: RFC 9112, section 6.1.
    let is_last = request.headers().contains_key(TRANSFER_ENCODING);
    let response = match check_target(request.uri()) {
        // Whatever the log has of a request has the id by which it is asked for; a failure has no more than that.
        Ok(()) => next.run(request).instrument(tracing::error_span!("request", request_id = %id)).await,
        Err(problem) => problem.into_response(),
    };
    let mut response = as_problem(response);
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    // What has a tag may be kept by who asked, and is asked for again each time.
    let kept = if response.headers().contains_key(ETAG) { "private, no-cache" } else { "no-store" };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert("x-request-id", id);
    }
    if is_last || *shared.ending.borrow() {
        response.headers_mut().insert("connection", HeaderValue::from_static("close"));
    }
    response
}

/// Makes every error a problem, also those of the router.
fn as_problem(response: Response) -> Response {
    let status = response.status();
    let is_problem = |kind: &HeaderValue| kind.as_bytes().starts_with(b"application/problem+json");
    if !(status.is_client_error() || status.is_server_error())
        || response.headers().get(CONTENT_TYPE).is_some_and(is_problem)
    {
        return response;
    }
    let mut problem = Problem::bare(status).into_response();
    for name in [ALLOW, RETRY_AFTER] {
        if let Some(value) = response.headers().get(&name) {
            problem.headers_mut().insert(name, value.clone());
        }
    }
    problem
}

/// Refuses what another program on the way may read as another path: the path that is signed is the one that is served.
fn check_target(uri: &Uri) -> Result<(), Problem> {
    let refuse = |reason: &str| Err(Problem::new(StatusCode::BAD_REQUEST, reason));
    let path = uri.path();
    if !path.starts_with('/') {
        return refuse("the path does not begin with `/`");
    }
    if path.contains("//") {
        return refuse("the path holds `//`");
    }
    for segment in path.split('/') {
        if !is_well_escaped(segment) {
            return refuse("a percent sign in the path is followed by no two digits");
        }
        let Ok(plain) = percent_decode_str(segment).decode_utf8() else {
            return refuse("the path is no UTF-8");
        };
        if matches!(&*plain, "." | "..") {
            return refuse("the path holds `.` or `..`");
        }
        if plain.contains(['/', '\\', '\0']) || plain.chars().any(char::is_control) {
            return refuse("the path holds a character that none has");
        }
    }
    Ok(())
}

fn is_well_escaped(text: &str) -> bool {
    let mut pieces = text.split('%').skip(1);
    pieces.all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_in_one_way() {
        for good in ["/", "/health", "/api/services/web%201", "/api/services/%C3%A4?x=//../%zz"] {
            assert!(check_target(&good.parse().unwrap()).is_ok(), "{good}");
        }
        let bad = [
            "//health",
            "/api//services",
            "/api/../health",
            "/api/%2e%2E/health",
            "/./health",
            "/api/%2e",
            "/api/a%2fb",
            "/api/a%5Cb",
            "/api/%00",
            "/api/%0a",
            "/api/%",
            "/api/%2",
            "/api/%zz",
            "/api/%ff",
            "*",
        ];
        for bad in bad {
            assert!(check_target(&bad.parse().unwrap()).is_err(), "{bad}");
        }
    }
}
