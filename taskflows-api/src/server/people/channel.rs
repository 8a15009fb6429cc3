//! Over what a secret may come, and from whose page.

use std::net::IpAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, StatusCode};

use crate::Host;
use crate::server::Problem;

/// Tells whether nobody on the way can read what is sent: it is TLS, or does not leave this host.
pub(super) fn is_private(host: &Host, peer: Option<IpAddr>) -> bool {
    host.access.secure_cookies || peer.is_none_or(|peer| peer.to_canonical().is_loopback())
}

/// Refuses a password or a token that others on the way can read. Whoever sends it is told, since the mend is theirs.
pub(in crate::server) fn check_private(host: &Host, peer: Option<IpAddr>) -> Result<(), Problem> {
    if is_private(host, peer) {
        return Ok(());
    }
    tracing::warn!("a password or a token came over plain HTTP from another host, and was refused");
    let detail = "passwords and tokens are taken over TLS, or from this host alone";
    Err(Problem::new(StatusCode::FORBIDDEN, detail).with_code("needs-tls"))
}

/// Refuses what a page of another site begins. `SameSite=Strict` keeps cookies from such requests already, and the JSON that
/// routes read from forms; this is for sites that count as the same one, such as another port of this host.
pub(in crate::server) fn check_site(headers: &HeaderMap) -> Result<(), Problem> {
    let all = |name: &str, is_good: &dyn Fn(&[u8]) -> bool| {
        headers.get_all(name).into_iter().map(HeaderValue::as_bytes).all(is_good)
    };
    let is_own = match headers.contains_key("sec-fetch-site") {
        true => all("sec-fetch-site", &|site| site == b"same-origin"),
        // Browsers name the origin with each POST; what is no browser sends no cookies by itself.
        false => all(ORIGIN.as_str(), &|origin| is_host(headers, origin)),
    };
    match is_own {
        true => Ok(()),
        false => {
            let detail = "a page of another site asked for this";
            Err(Problem::new(StatusCode::FORBIDDEN, detail).with_code("cross-site"))
        }
    }
}

fn is_host(headers: &HeaderMap, origin: &[u8]) -> bool {
    let rest = origin.strip_prefix(b"https://").or_else(|| origin.strip_prefix(b"http://"));
    let host = headers.get(HOST).map(HeaderValue::as_bytes);
    rest.zip(host).is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_origin_and_what_is_no_browser_may_ask() {
        let is_own = |lines: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "web1:7777".parse().unwrap());
            for (name, value) in lines {
                headers.append(*name, value.parse().unwrap());
            }
            check_site(&headers).is_ok()
        };
        assert!(is_own(&[]));
        assert!(is_own(&[("origin", "https://WEB1:7777")]));
        assert!(is_own(&[("sec-fetch-site", "same-origin"), ("origin", "https://outside.example")]));
        for site in ["cross-site", "same-site", "none", ""] {
            assert!(!is_own(&[("sec-fetch-site", site), ("origin", "https://web1:7777")]), "{site}");
        }
        assert!(!is_own(&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]));
        for origin in ["https://web1:8000", "https://web1", "https://evil.example", "null", "", "web1:7777"] {
            assert!(!is_own(&[("origin", origin)]), "{origin}");
        }
        assert!(!is_own(&[("origin", "https://web1:7777"), ("origin", "https://evil.example")]));
    }
}
