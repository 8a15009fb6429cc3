use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::Problem;
use super::gate::LARGEST_BODY;

/// The body of a request, as JSON.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = axum::body::to_bytes(request.into_body(), LARGEST_BODY).await;
        let bytes = bytes.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body ended early"))?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).with_code("invalid")
            }
            _ => Problem::new(StatusCode::BAD_REQUEST, format!("no JSON: {error}")),
        })
    }
}
