//! What a handler takes of a request, each wrong one answered by a problem.

mod values;

use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use taskflows_core::ServiceName;

use super::Problem;

/// The query, in which a key may come several times where `T` has a list for it.
#[derive(Clone, Debug)]
pub(crate) struct Query<T>(pub(crate) T);

/// The body, as JSON; none at all is `{}`.
#[derive(Clone, Debug)]
pub(crate) struct Body<T>(pub(crate) T);

/// The service that the path names.
#[derive(Clone, Debug)]
pub(crate) struct Named(pub(crate) ServiceName);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        values::read(query).map(Self).map_err(|error| Problem::invalid(format!("the query: {error}")))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json =
            request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| {
                kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json")
            });
        let bytes = axum::body::Bytes::from_request(request, state).await;
        let bytes = bytes
            .map_err(|error: BytesRejection| Problem::new(error.status(), "the body could not be read"))?;
        if bytes.is_empty() {
            return read(b"{}").map(Self);
        }
        if !is_json {
            let detail = "the body must be application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        read(&bytes).map(Self)
    }
}

fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(json).map_err(|error| match error.is_data() {
        true => Problem::invalid(format!("the body: {error}")),
        false => Problem::new(StatusCode::BAD_REQUEST, format!("the body is no JSON: {error}")),
    })
}

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Problem::invalid("the path is not UTF-8"))?;
        let name = params.iter().find(|(key, _)| *key == "name").map_or("", |(_, value)| value);
        name.parse()
            .map(Self)
            .map_err(|error: taskflows_core::ParseServiceNameError| Problem::invalid(error.to_string()))
    }
}
