//! What routes answer beside what was asked for.

use utoipa::IntoResponses;

use crate::server::Problem;

/// What a question may be answered with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it documents what is sent, and is never made")]
pub(super) enum Refusals {
    /// Who asks is not recognised.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(#[to_schema] Problem),
    /// Who asks may not, or the host's service manager did not permit it.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(#[to_schema] Problem),
    /// There is no such service, or nothing that a pattern selects.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(#[to_schema] Problem),
    /// A unit of that name is not ours, or the host's service manager refused.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(#[to_schema] Problem),
    /// The body is larger than is read.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(#[to_schema] Problem),
    /// The path, the query or the body means nothing here.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(#[to_schema] Problem),
    /// A file of the host could not be read.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(#[to_schema] Problem),
    /// The host's service manager cannot be reached.
    #[response(status = 502, content_type = "application/problem+json")]
    BadGateway(#[to_schema] Problem),
    /// Another command is changing the units, or too much is under way.
    #[response(status = 503, content_type = "application/problem+json")]
    Busy(#[to_schema] Problem),
    /// The host's service manager did not answer in time, or a change took too long and may still go on (`may-go-on`).
    #[response(status = 504, content_type = "application/problem+json")]
    TimedOut(#[to_schema] Problem),
}

/// What a body may be answered with as well.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it documents what is sent, and is never made")]
pub(super) enum BodyRefusals {
    /// The body is no JSON.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(#[to_schema] Problem),
    /// The body is not `application/json`.
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(#[to_schema] Problem),
}
