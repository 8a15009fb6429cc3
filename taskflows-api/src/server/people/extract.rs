//! What routes take from a request. Whatever is wrong with it is told as a problem.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::server::Problem;
use crate::server::extract::is_json;
use crate::server::gate::USUAL_BODY;

/// The body of a request, as JSON. None at all reads as `{}`. Unlike [`crate::server::Body`] it has to be sent as JSON even
/// then, and what stands in it is never told.
pub(in crate::server) struct Body<T>(pub(in crate::server) T);

/// The address of who asks; `None` over a socket of this host.
pub(in crate::server) struct Peer(pub(in crate::server) Option<IpAddr>);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        // No form of a page of others has this kind. Source: Fetch, "CORS-safelisted request-header".
        let is_json = is_json(&request);
        let bytes = axum::body::to_bytes(request.into_body(), USUAL_BODY).await;
        let too_large = |_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than is read");
        let bytes = bytes.map_err(too_large)?;
        if !is_json {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "the body is read as application/json alone"));
        }
        serde_json::from_slice(if bytes.is_empty() { b"{}" } else { &bytes }).map(Self).map_err(wrong)
    }
}

fn wrong(error: serde_json::Error) -> Problem {
    // Where it is wrong, and not what stands there: it may be a password.
    let place = format!("line {}, column {}", error.line(), error.column());
    match error.classify() {
        Category::Data => {
            let detail = format!("the body does not have the keys that are read ({place})");
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with_code("invalid")
        }
        _ => Problem::new(StatusCode::BAD_REQUEST, format!("the body is no JSON ({place})")),
    }
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())))
    }
}
