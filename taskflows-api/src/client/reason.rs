//! Why there was no answer, in a few words.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::CertificateError;

/// Says why a request had no answer: `connection refused`.
pub(super) fn reason(error: &reqwest::Error) -> String {
    // The words of a library say too much in one place and nothing in another.
    if error.is_dns() {
        return "name not known".to_owned();
    }
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    if let Some(words) = causes.clone().find_map(words) {
        return words;
    }
    if error.is_timeout() {
        return if error.is_connect() { "no connection in time" } else { "no answer in time" }.to_owned();
    }
    if error.is_request() && causes.clone().any(|cause| cause.to_string().contains("connection closed")) {
        return CUT.to_owned();
    }
    causes.last().map_or_else(|| error.to_string(), ToString::to_string)
}

/// What is said of a connection that ended before the answer did.
pub(super) const CUT: &str = "the connection was cut";

/// Says how long an answer was waited for.
pub(super) fn no_answer_within(limit: Duration) -> String {
    match limit.as_secs() {
        0 => format!("no answer within {} ms", limit.as_millis()),
        seconds => format!("no answer within {seconds} s"),
    }
}

fn words(cause: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(of_tls(error));
    }
    let error = cause.downcast_ref::<io::Error>()?;
    // An error of TLS travels inside, in one more such error where a library stands between; `source` passes it over.
    if let Some(inner) = error.get_ref()
        && let Some(words) = words(inner)
    {
        return Some(words);
    }
    let words = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => CUT,
        io::ErrorKind::UnexpectedEof => CUT,
        io::ErrorKind::HostUnreachable => "host not reachable",
        io::ErrorKind::NetworkUnreachable => "network not reachable",
        io::ErrorKind::TimedOut => "no answer in time",
        _ => return None,
    };
    Some(words.to_owned())
}

fn of_tls(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(wrong) => match wrong {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "certificate not trusted: it has expired".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "certificate not trusted: it is for another name".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "certificate not trusted: it is not valid yet".to_owned()
            }
            _ => "certificate not trusted".to_owned(),
        },
        rustls::Error::InvalidMessage(_) => "it speaks no TLS".to_owned(),
        other => format!("no TLS with it: {other}"),
    }
}
