use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use taskflows_core::effects::ServiceError;
use utoipa::ToSchema;

use super::text::bounded;
use crate::wire::{Fault, ServiceFailure};

/// The word for programs, beside an answer: for the record of who changed what.
#[derive(Clone, Debug)]
pub(super) struct ProblemCode(pub(super) String);

/// An error as it is sent. Source: RFC 9457.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The status line's words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// What is wrong with this request, as far as that may be said. Ours have one; what stands before a server may have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// A word for programs: `no-such-service`, `not-ours`, `unreachable`. Ours have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What the service manager reported, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<ServiceFailure>>,
    /// What is wrong with a definition, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Box<Fault>>,
}

impl Problem {
    /// Says what is wrong with a request.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { detail: Some(bounded(&detail.into())), ..Self::bare(status) }
    }

    /// Says that a query or a body was read and means nothing here.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with_code("invalid")
    }

    /// Says that it cannot be done now and may be later.
    #[must_use]
    pub fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with_code("busy")
    }

    /// The one answer to what went wrong here; its cause is for the log.
    #[must_use]
    pub fn internal() -> Self {
        Self::bare(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The one answer to who is not recognised.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::bare(StatusCode::UNAUTHORIZED)
    }

    /// The one answer to who may not.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::bare(StatusCode::FORBIDDEN)
    }

    /// Adds a word for programs.
    #[must_use]
    pub fn with_code(self, code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), ..self }
    }

    /// Says what is wrong in words.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(bounded(&detail.into())), ..self }
    }

    /// Adds what is wrong with a definition.
    #[must_use]
    pub(crate) fn with_fault(self, fault: Fault) -> Self {
        Self { fault: Some(Box::new(fault)), ..self }
    }

    /// Says no more than the status does.
    pub(super) fn bare(status: StatusCode) -> Self {
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        let (code, detail) = usual(status);
        let (code, detail) = (Some(code.to_owned()), Some(detail.to_owned()));
        Self { title, status: status.as_u16(), detail, code, error: None, fault: None }
    }
}

/// Returns the word and the words of a status, of which nothing more is known or may be said.
fn usual(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::BAD_REQUEST => ("malformed", "the request cannot be read"),
        StatusCode::UNAUTHORIZED => ("unauthorized", "no credentials, or none that are good here and now"),
        StatusCode::FORBIDDEN => ("forbidden", "these credentials are not enough for it"),
        StatusCode::NOT_FOUND => ("no-such-path", "there is no such path"),
        StatusCode::METHOD_NOT_ALLOWED => {
            ("no-such-method", "the path has other methods: `Allow` names them")
        }
        StatusCode::CONFLICT => ("conflict", "it does not fit what is there"),
        StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "the body is larger than is read"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ("no-json", "the body is read as application/json alone"),
        StatusCode::UNPROCESSABLE_ENTITY => ("invalid", "a query or a body means nothing here"),
        StatusCode::TOO_MANY_REQUESTS => {
            ("too-often", "it was asked too often: `Retry-After` says when to ask again")
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            ("head-too-large", "the headers are larger than is read")
        }
        StatusCode::BAD_GATEWAY => ("unreachable", "what this host asked did not answer as it should"),
        StatusCode::SERVICE_UNAVAILABLE => {
            ("busy", "it cannot be done now: `Retry-After` says when to ask again")
        }
        StatusCode::GATEWAY_TIMEOUT => ("timed-out", "what this host asked did not answer in time"),
        status if status.is_client_error() => ("refused", "the request is not answered as it is"),
        _ => ("internal", "it failed there; why is in the log of that host, under the request id"),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(code) = self.code {
            response.extensions_mut().insert(ProblemCode(code));
        }
        response
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        if !error.is_not_found() {
            // Its causes are for the log of this host.
            tracing::warn!(error = &error as &dyn std::error::Error, "a request failed");
        }
        ServiceFailure::from(&error).into()
    }
}

impl From<ServiceFailure> for Problem {
    fn from(failure: ServiceFailure) -> Self {
        use ServiceFailure as F;
        let status = match &failure {
            F::NotFound { .. } => StatusCode::NOT_FOUND,
            F::NotOurs { .. }
            | F::Edited { .. }
            | F::OtherSource { .. }
            | F::Refused { .. }
            | F::Job { .. }
            | F::RunFailed { .. } => StatusCode::CONFLICT,
            F::PermissionDenied { .. } => StatusCode::FORBIDDEN,
            F::Render { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            F::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            F::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
            F::Unreachable { .. } | F::ConnectionLost { .. } | F::Remote { .. } => StatusCode::BAD_GATEWAY,
            F::Environments { .. } | F::File { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let problem = Self::new(status, failure.to_string()).with_code(failure.code());
        Self { error: Some(Box::new(failure)), ..problem }
    }
}
