use std::error::Error as _;

use lettre::transport::smtp::Error;

use super::super::place::Place;
use super::super::tls::{refused_certificate, root_cause};
use crate::NotifyError;

/// Returns the error for what a mail server, or the way to it, did.
///
/// A reply 4xx may be another the next time, a reply 5xx will not (RFC 5321, 4.2.1).
pub(super) fn fault(place: &Place, host: &str, error: &Error) -> NotifyError {
    if let Some(reason) = refused_certificate(error, host) {
        return place.permanent(reason);
    }
    let words = place.quote(root_cause(error).as_bytes());
    if let Some(code) = error.status() {
        let code = u16::from(code);
        let reason = format!("{host} answered {code}{}", said(error, &words));
        return match code {
            535 | 534 => place.permanent(format!("{reason}; wrong user or password")),
            530 => place.permanent(format!("{reason}; it wants a user and a password")),
            _ if error.is_transient() => place.transient(reason, None),
            _ => place.permanent(reason),
        };
    }
    if error.is_client() {
        return place.permanent(format!("{host}: {words}"));
    }
    if error.is_response() {
        return place.transient(format!("{host} broke off, or does not speak SMTP: {words}"), None);
    }
    let reason = if error.is_timeout() { "no connection within the limit".to_owned() } else { words };
    place.transient(format!("{host}: {reason}"), None)
}

fn said(error: &Error, words: &str) -> String {
    if error.source().is_some() && !words.is_empty() { format!(": {words}") } else { String::new() }
}
