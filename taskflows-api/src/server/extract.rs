//! What a handler takes out of a request: strict, and refused as a problem.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Problem;

/// A body as JSON. A key that is not known is refused where its type denies it.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

/// The query. A key may be repeated where its field is a list.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

/// The part of the path that varies.
#[derive(Debug)]
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|_| invalid("the path is not UTF-8"))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let unread = |_| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the body could not be read");
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| invalid(&format!("the body: {error}")))
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        serde_html_form::from_str(query).map(Self).map_err(|error| invalid(&format!("the query: {error}")))
    }
}

/// Says what is wrong with what was sent.
pub(crate) fn invalid(detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with_code("invalid")
}

impl From<crate::wire::Misfit> for Problem {
    fn from(misfit: crate::wire::Misfit) -> Self {
        invalid(&misfit.to_string())
    }
}
