//! The cookies of who logged in with a browser.

use axum::http::header::{COOKIE, InvalidHeaderValue, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use taskflows_security::{ACCESS_LIFETIME, REFRESH_LIFETIME};

/// The cookie that browsers send with each request.
const ACCESS: Cookie = Cookie { name: "tf_access", path: "/" };
/// The one that they send where tokens are renewed.
const REFRESH: Cookie = Cookie { name: "tf_refresh", path: "/auth" };

struct Cookie {
    name: &'static str,
    path: &'static str,
}

impl Cookie {
    /// With TLS no neighbour of this host can put a cookie of this name there. Source: RFC 6265bis, section 4.1.3.2.
    fn name(&self, is_secure: bool) -> String {
        format!("{}{}", if is_secure { "__Host-" } else { "" }, self.name)
    }

    /// Neither scripts nor requests that pages of others begin have it. Source: RFC 6265bis, section 5.
    fn set(&self, value: &str, seconds: i64, is_secure: bool) -> Result<HeaderValue, InvalidHeaderValue> {
        let name = self.name(is_secure);
        // The prefix wants this path.
        let (path, secure) = if is_secure { ("/", "; Secure") } else { (self.path, "") };
        let text =
            format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
        let mut header = HeaderValue::from_str(&text)?;
        header.set_sensitive(true);
        Ok(header)
    }
}

/// The cookies of a request.
pub(in crate::server) struct Cookies<'a> {
    headers: &'a HeaderMap,
    is_secure: bool,
}

impl<'a> Cookies<'a> {
    /// `is_secure` is that of [`crate::Access::secure_cookies`]: where it is set, no other name counts.
    pub(in crate::server) fn of(headers: &'a HeaderMap, is_secure: bool) -> Self {
        Self { headers, is_secure }
    }

    pub(in crate::server) fn access(&self) -> Option<&'a str> {
        self.get(&ACCESS.name(self.is_secure))
    }

    pub(in crate::server) fn refresh(&self) -> Option<&'a str> {
        self.get(&REFRESH.name(self.is_secure))
    }

    /// Returns the only cookie of this name: where there are several, one may have been put there by a neighbour.
    fn get(&self, name: &str) -> Option<&'a str> {
        let lines = self.headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
        let mut values = lines.flat_map(|line| line.split(';')).filter_map(|one| {
            let (key, value) = one.trim().split_once('=')?;
            (key == name).then_some(value)
        });
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }
}

/// Puts the tokens of a login into cookies.
pub(super) fn begun(headers: &mut HeaderMap, access: &str, refresh: &str, is_secure: bool) {
    set(headers, access, ACCESS_LIFETIME.as_secs(), &ACCESS, is_secure);
    set(headers, refresh, REFRESH_LIFETIME.as_secs(), &REFRESH, is_secure);
}

/// Takes the cookies away.
pub(in crate::server) fn ended(headers: &mut HeaderMap, is_secure: bool) {
    set(headers, "", 0, &ACCESS, is_secure);
    set(headers, "", 0, &REFRESH, is_secure);
}

fn set(headers: &mut HeaderMap, value: &str, seconds: i64, cookie: &Cookie, is_secure: bool) {
    // A token has only characters that a header may have.
    if let Ok(line) = cookie.set(value, seconds, is_secure) {
        headers.append(SET_COOKIE, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, line.parse().unwrap());
        }
        Cookies::of(&headers, false).access().map(str::to_owned)
    }

    #[test]
    fn a_cookie_is_found_by_its_name_where_it_is_the_only_one() {
        assert_eq!(access(&["tf_access=a"]), Some("a".to_owned()));
        assert_eq!(access(&["x=y; tf_access=a.b=; z"]), Some("a.b=".to_owned()));
        assert_eq!(access(&["x=y", "tf_access=a"]), Some("a".to_owned()));
        assert_eq!(access(&["tf_access=a; tf_access=b"]), None);
        assert_eq!(access(&["tf_access=a", "tf_access=a"]), None);
        assert_eq!(access(&["tf_accessory=a; TF_ACCESS=b"]), None);
        assert_eq!(access(&[]), None);
    }

    #[test]
    fn cookies_are_for_this_site_alone_and_secure_over_tls() {
        let mut headers = HeaderMap::new();
        begun(&mut headers, "a", "r", true);
        ended(&mut headers, false);
        let lines: Vec<&str> =
            headers.get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap()).collect();
        assert_eq!(
            lines,
            [
                "__Host-tf_access=a; Path=/; Max-Age=900; HttpOnly; SameSite=Strict; Secure",
                "__Host-tf_refresh=r; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict; Secure",
                "tf_access=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
                "tf_refresh=; Path=/auth; Max-Age=0; HttpOnly; SameSite=Strict",
            ]
        );
        let mut shown = HeaderMap::new();
        shown.append(COOKIE, "tf_access=planted; __Host-tf_access=a".parse().unwrap());
        assert_eq!(Cookies::of(&shown, true).access(), Some("a"));
        assert_eq!(Cookies::of(&shown, false).access(), Some("planted"));
        assert!(headers.get_all(SET_COOKIE).iter().all(HeaderValue::is_sensitive));
    }
}
