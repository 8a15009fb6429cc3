//! What routes take from a request. Whatever is wrong with it is told as a problem.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::gate::LARGE_BODY;
use super::{Problem, query};

/// The body of a request, as JSON. None at all reads as `{}`.
///
/// Its type refuses keys that it does not know (`#[serde(deny_unknown_fields)]`), which a test over the document sees to.
#[derive(Clone, Copy, Debug)]
pub struct Body<T>(pub T);

/// The query of a request. A key that `T` does not know is refused, whether its type says so or not; a list is a key that
/// stands several times.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

/// What stands in the path in the place of braces.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let is_json = is_json(&request);
        let bytes = axum::body::to_bytes(request.into_body(), LARGE_BODY).await;
        let bytes = bytes.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body ended early"))?;
        if bytes.is_empty() {
            return parse(b"{}").map(Self);
        }
        if !is_json {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "the body is read as application/json alone"));
        }
        parse(&bytes).map(Self)
    }
}

pub(super) fn is_json(request: &Request) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => Problem::invalid(error.to_string()),
        _ => Problem::new(StatusCode::BAD_REQUEST, format!("no JSON: {error}")),
    })
}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        query::parse(parts.uri.query().unwrap_or_default()).map(Self).map_err(Problem::invalid)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            // A name that cannot be one is nobody's.
            Err(error) => Err(Problem::new(StatusCode::NOT_FOUND, error.body_text())),
        }
    }
}

/// The service that the path names.
#[derive(Clone, Debug)]
pub(crate) struct Named(pub(crate) taskflows_core::ServiceName);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = axum::extract::RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Problem::invalid("the path is not UTF-8"))?;
        let name = params.iter().find(|(key, _)| *key == "name").map_or("", |(_, value)| value);
        let name: Result<_, taskflows_core::ParseServiceNameError> = name.parse();
        name.map(Self).map_err(|error| Problem::invalid(error.to_string()))
    }
}

impl From<crate::wire::Misfit> for Problem {
    fn from(misfit: crate::wire::Misfit) -> Self {
        Self::invalid(misfit.to_string())
    }
}
