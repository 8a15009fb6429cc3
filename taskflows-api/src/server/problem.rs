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
    /// What is wrong with this request, where that may be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// A word for programs: `no-such-service`, `not-ours`, `unreachable`.
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

    pub(super) fn bare(status: StatusCode) -> Self {
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        Self { title, status: status.as_u16(), detail: None, code: None, error: None, fault: None }
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
        Self::from(ServiceFailure::from(&error)).with_detail(error.to_string())
    }
}

impl From<ServiceFailure> for Problem {
    fn from(failure: ServiceFailure) -> Self {
        use ServiceFailure as F;
        let (status, code) = match &failure {
            F::NotFound { .. } => (StatusCode::NOT_FOUND, "no-such-service"),
            F::NotOurs { .. } => (StatusCode::CONFLICT, "not-ours"),
            F::Edited { .. } => (StatusCode::CONFLICT, "edited"),
            F::OtherSource { .. } => (StatusCode::CONFLICT, "other-source"),
            F::Refused { .. } => (StatusCode::CONFLICT, "refused"),
            F::Job { .. } => (StatusCode::CONFLICT, "job-failed"),
            F::RunFailed { .. } => (StatusCode::CONFLICT, "run-failed"),
            F::PermissionDenied { .. } => (StatusCode::FORBIDDEN, "not-permitted"),
            F::Render { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "cannot-render"),
            F::Busy { .. } => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            F::TimedOut { .. } => (StatusCode::GATEWAY_TIMEOUT, "timed-out"),
            F::Unreachable { .. } | F::ConnectionLost { .. } => (StatusCode::BAD_GATEWAY, "unreachable"),
            F::Remote { .. } => (StatusCode::BAD_GATEWAY, "failed"),
            F::Environments { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "environments"),
            F::File { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "file"),
        };
        Self { error: Some(Box::new(failure)), ..Self::bare(status).with_code(code) }
    }
}
