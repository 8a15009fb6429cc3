use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use thiserror::Error;

/// The port on which the API listens unless another is said.
pub(super) const PORT: u16 = 7777;

/// Where the API of a server is: a host and a port, and whether TLS is spoken there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    is_tls: bool,
    /// An IPv6 address stands in brackets.
    host: String,
    port: u16,
}

/// A text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{}` is no address of a server: {reason}", .text.escape_debug())]
pub struct ParseAddressError {
    text: String,
    reason: &'static str,
}

impl Address {
    /// Reads an address that may lack its port, which is then 7777.
    ///
    /// # Errors
    /// As [`str::parse`], but for the port.
    pub fn with_usual_port(text: &str) -> Result<Self, ParseAddressError> {
        Self::read(text, Some(PORT))
    }

    /// Returns what the paths of requests are added to: `http://web1:7777`.
    #[must_use]
    pub fn base(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    fn read(text: &str, port: Option<u16>) -> Result<Self, ParseAddressError> {
        let wrong = |reason| ParseAddressError { text: text.to_owned(), reason };
        let (is_tls, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            Some(_) => return Err(wrong("it begins with http:// or https://, or with the host")),
            None => (false, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@']) {
            return Err(wrong("it is a host and a port alone"));
        }
        let (host, told) = match rest.rfind(']') {
            Some(end) => rest.split_at(end + 1),
            None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
        };
        let port = match (told.strip_prefix(':'), port) {
            (Some(digits), _) => digits.parse().ok().filter(|port| *port != 0),
            (None, port) if told.is_empty() => port,
            _ => None,
        };
        let port = port.ok_or_else(|| wrong("a port from 1 to 65535 follows the host: `web1:7777`"))?;
        if !is_host(host) {
            return Err(wrong("that is no name and no address of a host"));
        }
        Ok(Self { is_tls, host: host.to_lowercase(), port })
    }
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().is_ok();
    }
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    host.len() <= 253 && host.trim_end_matches('.').split('.').all(is_label)
}

impl FromStr for Address {
    type Err = ParseAddressError;

    /// Reads `host:port`, `http://host:port` or `https://host:port`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read(text, None)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https://" } else { "" };
        write!(f, "{scheme}{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (text, base) in [
            ("web1:7777", "http://web1:7777"),
            ("http://Web1.example.com:80/", "http://web1.example.com:80"),
            ("https://10.0.0.7:443", "https://10.0.0.7:443"),
            ("[::1]:7777", "http://[::1]:7777"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.base(), base);
            assert_eq!(address.to_string().parse(), Ok(address), "{text}");
        }
        assert_eq!(Address::with_usual_port("web1").unwrap().base(), "http://web1:7777");
        assert_eq!(Address::with_usual_port("https://[fe80::1]").unwrap().base(), "https://[fe80::1]:7777");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "web1",
            "web1:",
            "web1:0",
            "web1:70000",
            "web1:x",
            ":7777",
            "ftp://web1:21",
            "web1:1/x",
            "a b:1",
            "me@web1:1",
            "web1:1?x",
            "[::1",
            "[::g]:1",
            "::1:7777",
            "web1..x:1",
            "web\n1:1",
            "[::1]7777",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
        assert!(Address::with_usual_port("web1:").is_err());
        assert!(Address::with_usual_port("").is_err());
    }
}
