use taskflows_core::effects::ServiceError;
use zbus::DBusError;

use super::connect::Bus;

impl Bus {
    /// Puts what zbus says of a failed call into the words of the domain.
    pub(super) fn translate(&self, operation: &str, error: zbus::Error) -> ServiceError {
        match error {
            zbus::Error::MethodError(name, text, _) => {
                self.method_error(operation, name.as_str(), text.unwrap_or_default())
            }
            zbus::Error::FDO(error) => {
                let text = error.description().unwrap_or_default().to_owned();
                self.method_error(operation, error.name().as_str(), text)
            }
            zbus::Error::InputOutput(_) => self.lost(operation, Box::new(error)),
            other => ServiceError::Refused { operation: operation.to_owned(), reason: other.to_string() },
        }
    }

    /// Sorts an error by its name on the bus. Source: org.freedesktop.systemd1(5), and the errors of the
    /// D-Bus specification.
    fn method_error(&self, operation: &str, name: &str, text: String) -> ServiceError {
        let reason = if text.is_empty() { name.to_owned() } else { text };
        let operation = operation.to_owned();
        if name.contains(".Spawn.") {
            return ServiceError::Unreachable { what: self.what(), source: reason.into() };
        }
        match name.rsplit('.').next().unwrap_or(name) {
            "AccessDenied" | "InteractiveAuthorizationRequired" | "AuthFailed" => {
                ServiceError::PermissionDenied { operation, source: reason.into() }
            }
            "ServiceUnknown" | "NameHasNoOwner" => {
                ServiceError::Unreachable { what: self.what(), source: reason.into() }
            }
            "NoReply" | "Disconnected" | "Timeout" | "TimedOut" => self.lost(&operation, reason.into()),
            "NoSuchUnit" => match absent_unit(&reason).filter(|absent| !operation.ends_with(absent)) {
                None => ServiceError::NotFound { name: operation },
                Some(absent) => {
                    let reason = format!("it requires {absent}, and there is no such unit");
                    ServiceError::Refused { operation, reason }
                }
            },
            _ => ServiceError::Refused { operation, reason },
        }
    }

    fn lost(&self, operation: &str, source: Box<dyn std::error::Error + Send + Sync>) -> ServiceError {
        ServiceError::ConnectionLost { what: self.what(), operation: operation.to_owned(), source }
    }
}

/// Takes the unit out of `Unit taskflows-a.service not found.`; it may be another than the one that was to start.
fn absent_unit(reason: &str) -> Option<&str> {
    reason.strip_prefix("Unit ")?.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_that_is_not_there_is_read() {
        assert_eq!(absent_unit("Unit taskflows-a.service not found."), Some("taskflows-a.service"));
        assert_eq!(absent_unit("no such thing"), None);
    }
}
