use std::net::IpAddr;

use reqwest::Url;
use reqwest::header::HeaderValue;

use super::super::place::{Place, fingerprint};

/// Reads the address of a server.
///
/// Only https, since what is told and the token with it would be read on the way; plain http to this host itself, or
/// where `allow_http` says so (an Alertmanager inside a private network). Addresses of private networks are not refused:
/// whoever writes a definition may start any program anyway.
pub(in crate::destination) fn address(text: &str, allow_http: bool) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|error| format!("its address is none: {error}"))?;
    allowed(&url, allow_http)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("its address holds a user: give that as the header `Authorization`".into());
    }
    Ok(url)
}

/// Tells whether something may be sent to `url`.
pub(in crate::destination) fn allowed(url: &Url, allow_http: bool) -> Result<(), String> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if allow_http || is_loopback(url) => Ok(()),
        "http" => {
            Err("its address begins with http, on which anybody on the way reads along; use https".into())
        }
        _ => Err("its address must begin with https://".into()),
    }
}

/// Tells whether `url` is on this host.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Hides in what is said of a place the address that is as good as a token, whole and in parts.
pub(in crate::destination) fn hiding(place: Place, url: &Url) -> Place {
    let place = place.hiding(url.as_str()).hiding(url.path()).hiding(url.query().unwrap_or_default());
    // Shorter ones are words of an interface, which may stand in an error.
    let parts = url.path_segments().into_iter().flatten().filter(|part| part.len() >= 10);
    parts.fold(place, Place::hiding)
}

/// Returns host and port.
pub(in crate::destination) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Returns `key` as a header, by its fingerprint where it holds what a header may not.
pub(in crate::destination) fn key_header(key: &str) -> HeaderValue {
    let fits = key.len() <= 200 && key.bytes().all(|byte| byte.is_ascii_graphic());
    let text = if fits { key.to_owned() } else { fingerprint(key, 16) };
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_host_or_by_leave() {
        for (text, allow_http, fits) in [
            ("https://x.org/a?b", false, true),
            ("http://127.0.0.1:9093", false, true),
            ("http://127.9.9.9", false, true),
            ("http://[::1]:1/", false, true),
            ("http://localhost/", false, true),
            ("http://localhost.x.org/", false, false),
            ("http://127.0.0.1.x.org/", false, false),
            ("http://am.internal:9093", false, false),
            ("http://am.internal:9093", true, true),
            ("https://user:pw@x.org/", false, false),
            ("ftp://x.org/", true, false),
            ("file:///etc/passwd", true, false),
            ("x.org", true, false),
            ("", true, false),
        ] {
            assert_eq!(address(text, allow_http).is_ok(), fits, "{text:?} {allow_http}");
        }
    }

    #[test]
    fn a_key_becomes_a_header_whatever_it_holds() {
        assert_eq!(key_header("run-1:failed"), "run-1:failed");
        for key in ["a b", "a\r\nX: y", "ä", "", &"k".repeat(300)] {
            assert!(key_header(key).to_str().is_ok_and(|text| !text.contains([' ', '\r'])), "{key:?}");
        }
    }
}
