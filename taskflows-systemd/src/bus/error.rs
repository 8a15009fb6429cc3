use taskflows_core::effects::ServiceError;
use zbus::fdo;

use super::connect::Bus;

impl Bus {
    /// Puts what zbus says of a failed call into the words of the domain.
    pub(super) fn translate(&self, operation: &str, error: zbus::Error) -> ServiceError {
        let operation = operation.to_owned();
        match error {
            zbus::Error::MethodError(name, text, _) => {
                method_error(&operation, name.as_str(), text.unwrap_or_default())
            }
            zbus::Error::FDO(error) => match *error {
                fdo::Error::AccessDenied(_)
                | fdo::Error::AuthFailed(_)
                | fdo::Error::InteractiveAuthorizationRequired(_) => {
                    ServiceError::PermissionDenied { operation, source: error }
                }
                fdo::Error::NoReply(_) | fdo::Error::Disconnected(_) | fdo::Error::ServiceUnknown(_) => {
                    ServiceError::ConnectionLost { what: self.what(), operation, source: error }
                }
                other => ServiceError::Refused { operation, reason: other.to_string() },
            },
            zbus::Error::InputOutput(_) => {
                ServiceError::ConnectionLost { what: self.what(), operation, source: Box::new(error) }
            }
            other => ServiceError::Refused { operation, reason: other.to_string() },
        }
    }
}

fn method_error(operation: &str, name: &str, text: String) -> ServiceError {
    let reason = if text.is_empty() { name.to_owned() } else { text };
    match name.rsplit('.').next() {
        Some("AccessDenied" | "InteractiveAuthorizationRequired") => {
            ServiceError::PermissionDenied { operation: operation.to_owned(), source: reason.into() }
        }
        _ => ServiceError::Refused { operation: operation.to_owned(), reason },
    }
}
