//! Over what a secret may come, and from whose page.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, StatusCode};

use crate::Host;
use crate::server::Problem;
use crate::server::signed::is_of_forwarder;

/// Tells whether nobody on the way can read what is sent: it is TLS, or does not leave this host.
pub(super) fn is_private(host: &Host, peer: Option<IpAddr>) -> bool {
    host.access.secure_cookies || peer.is_none_or(|peer| peer.to_canonical().is_loopback())
}

/// From where somebody tries to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct Asker {
    pub(super) address: IpAddr,
    /// Whether that is this host, and nobody behind a forwarder on it.
    pub(super) is_here: bool,
}

impl Asker {
    /// Takes the word of a forwarder on this host, which adds who asked it at the end. It is for the tries to log in alone:
    /// whoever makes an address up has the tries of the account against them, as from any address that nobody knows.
    pub(in crate::server) fn of(peer: Option<IpAddr>, headers: &HeaderMap) -> Self {
        let address = peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.to_canonical());
        if !address.is_loopback() || !headers.keys().any(is_of_forwarder) {
            return match address.is_loopback() {
                // One address, though anybody here may come from sixteen million.
                true => Self { address: IpAddr::V4(Ipv4Addr::LOCALHOST), is_here: true },
                false => Self { address, is_here: false },
            };
        }
        let told = headers.get_all("x-forwarded-for").into_iter().next_back();
        let last = told.and_then(|told| told.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        Self { address: last.map_or(address, |last: IpAddr| last.to_canonical()), is_here: false }
    }
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
    fn a_forwarder_on_this_host_says_who_asked_it_and_nobody_else_does() {
        let from = |peer: &str, lines: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, value.parse().unwrap());
            }
            let Asker { address, is_here } = Asker::of(peer.parse().ok(), &headers);
            (address.to_string(), is_here)
        };
        let is = |address: &str, is_here| (address.to_owned(), is_here);
        assert_eq!(from("", &[]), is("127.0.0.1", true));
        assert_eq!(from("::ffff:127.0.0.1", &[]), is("127.0.0.1", true));
        assert_eq!(from("127.0.0.2", &[]), is("127.0.0.1", true));
        assert_eq!(from("::1", &[]), is("127.0.0.1", true));
        assert_eq!(from("192.0.2.1", &[("x-forwarded-for", "192.0.2.9")]), is("192.0.2.1", false));
        let two = [("x-forwarded-for", "192.0.2.8"), ("x-forwarded-for", "made up, 192.0.2.9")];
        assert_eq!(from("127.0.0.1", &two), is("192.0.2.9", false));
        for line in [("x-forwarded-for", "made up"), ("x-forwarded-proto", "https"), ("via", "1.1 p")] {
            assert_eq!(from("127.0.0.1", &[line]), is("127.0.0.1", false), "{line:?}");
        }
    }

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
