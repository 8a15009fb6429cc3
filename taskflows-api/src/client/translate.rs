//! From what a server answers to the errors of core's traits.

use taskflows_core::effects::ServiceError;

use super::{Client, ClientError};
use crate::server::Problem;
use crate::wire::Misfit;

/// Makes of an error what a service manager of this host would report where it fails to do `operation`.
pub(super) fn service_error(error: ClientError, operation: &str) -> ServiceError {
    match error {
        ClientError::Unreachable { server, reason } => {
            ServiceError::Unreachable { what: server, source: reason.into() }
        }
        ClientError::Refused { server, problem } => refused(server, problem, operation),
        error @ (ClientError::Unidentified { .. } | ClientError::Impostor { .. }) => {
            ServiceError::PermissionDenied { operation: operation.to_owned(), source: error.into() }
        }
        ClientError::Malformed { server, reason } => {
            let reason = format!("its answer could not be read: {reason}");
            ServiceError::Remote { server, reason }
        }
    }
}

fn refused(server: String, problem: Problem, operation: &str) -> ServiceError {
    let Problem { title, status, detail, code, error, .. } = problem;
    if let Some(failure) = error {
        return failure.into_error(&server).unwrap_or_else(|error| {
            let reason = format!("its answer could not be read: {error}");
            ServiceError::Remote { server, reason }
        });
    }
    let reason = detail.unwrap_or(title);
    match status {
        401 => {
            let source = "the credentials were not accepted".into();
            ServiceError::PermissionDenied { operation: format!("{operation} on {server}"), source }
        }
        403 => {
            let operation = format!("{operation} on {server}");
            ServiceError::PermissionDenied { operation, source: reason.into() }
        }
        // It was reached, and the change goes on there.
        504 if code.as_deref() == Some("may-go-on") => ServiceError::Remote { server, reason },
        // It is there, or what stands before it is, and cannot answer now.
        408 | 429 | 502..=504 => ServiceError::Unreachable { what: server, source: reason.into() },
        _ => ServiceError::Remote { server, reason },
    }
}

/// Says that what `client` was answered is no value of ours.
pub(super) fn unreadable(client: &Client, error: Misfit) -> ServiceError {
    let reason = format!("its answer could not be read: {error}");
    ServiceError::Remote { server: client.server().to_owned(), reason }
}
