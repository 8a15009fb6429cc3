//! Why there was no answer, in a few words.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::{CertificateError, OtherError};

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
    if causes.clone().any(|cause| cause.downcast_ref().is_some_and(hyper::Error::is_parse)) {
        return NO_HTTP.to_owned();
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

/// What is said of a server that was asked for TLS and has none.
const NO_TLS: &str = "it speaks no TLS";
/// What is said of one that was asked by HTTP and answers in something else, as one does that expects TLS.
const NO_HTTP: &str = "it speaks no plain HTTP";
const EXPIRED: &str = "certificate not trusted: it has expired";
const EARLY: &str = "certificate not trusted: it is not valid yet";
const OTHER_NAME: &str = "certificate not trusted: it is for";
const NAMELESS: &str = "certificate not trusted: it names no host";
const UNKNOWN: &str = "certificate not trusted: nobody vouches for it who is known here";
const UNTRUSTED: &str = "certificate not trusted";

fn of_tls(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(wrong) => of_certificate(wrong),
        rustls::Error::InvalidMessage(_) => NO_TLS.to_owned(),
        other => format!("no TLS with it: {other}"),
    }
}

fn of_certificate(wrong: &CertificateError) -> String {
    let words = match wrong {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => EXPIRED,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => EARLY,
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => NAMELESS,
        CertificateError::NotValidForNameContext { expected, presented } => {
            // `DnsName("web1")`, `IpAddress(10.0.0.7)`
            let plain = |name: &String| {
                let inner = name.split_once('(').map_or(name.as_str(), |(_, rest)| rest);
                inner.trim_end_matches(')').trim_matches('"').to_owned()
            };
            let names: Vec<String> = presented.iter().take(5).map(plain).collect();
            return format!("{OTHER_NAME} {}, not for {}", names.join(", "), expected.to_str());
        }
        CertificateError::NotValidForName => return format!("{OTHER_NAME} another name"),
        CertificateError::UnknownIssuer => UNKNOWN,
        // One that calls itself an authority, and is none that the user named.
        CertificateError::Other(OtherError(cause))
            if cause.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity) =>
        {
            UNKNOWN
        }
        CertificateError::Other(OtherError(cause)) => return format!("{UNTRUSTED}: {cause}"),
        _ => UNTRUSTED,
    };
    words.to_owned()
}

/// Says what can be done about the reason of a [`ClientError`](super::ClientError), where that is known.
#[must_use]
pub fn remedy(reason: &str) -> Option<&'static str> {
    match reason {
        NO_TLS => {
            Some("write its address with http://, or start it with TLS there (`tf api start --tls-cert`)")
        }
        NO_HTTP => Some("where it speaks TLS, write its address with https://"),
        EXPIRED => Some("make a new certificate there, and restart its API"),
        EARLY => Some("are the clocks of both hosts right?"),
        UNKNOWN => Some("`tf server add --ca-file` takes its certificate, or that of who signed it"),
        _ if reason.starts_with(OTHER_NAME) || reason == NAMELESS => Some(
            "write its address by a name of the certificate, or make one there for that name: `openssl req -x509 \
             -newkey rsa:2048 -nodes -days 825 -subj /CN=web1 -addext subjectAltName=DNS:web1,IP:10.0.0.7 -keyout \
             key.pem -out cert.pem`",
        ),
        _ => None,
    }
}
