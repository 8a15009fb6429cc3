use std::fmt;
use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

/// Where a forward input listens unless it is said.
const PORT: u16 = 24224;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// Looks the host up.
    pub(super) fn resolve(&self) -> Result<Vec<SocketAddr>, String> {
        let addresses = (self.host.as_str(), self.port).to_socket_addrs();
        addresses.map(Iterator::collect).map_err(|error| error.to_string())
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let none = |why: &str| format!("`{text}` is no address of Fluent Bit: {why}");
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or_else(|| none("`]` is missing"))?;
                let _: Ipv6Addr = host.parse().map_err(|_| none("no IPv6 address stands in brackets"))?;
                (host, rest)
            }
            // More than one colon is an IPv6 address without a port.
            None if text.parse::<Ipv6Addr>().is_ok() => (text, ""),
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        if host.is_empty() || host.contains(|it: char| it.is_whitespace() || it == '/') {
            return Err(none("there is no host"));
        }
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => PORT,
            port => match port.and_then(|port| port.parse().ok()) {
                Some(port) if port > 0 => port,
                _ => return Err(none("the port is none")),
            },
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused() {
        for (text, expected) in [
            ("localhost", Some("localhost:24224")),
            (" localhost:1 ", Some("localhost:1")),
            ("10.0.0.1:65535", Some("10.0.0.1:65535")),
            ("::1", Some("[::1]:24224")),
            ("[::1]", Some("[::1]:24224")),
            ("[fe80::1]:5", Some("[fe80::1]:5")),
            ("", None),
            (":1", None),
            ("a:", None),
            ("a:0", None),
            ("a:65536", None),
            ("a:1:2", None),
            ("[::1", None),
            ("[::1]1", None),
            ("[a]:1", None),
            ("tcp://a:1", None),
            ("a b", None),
        ] {
            let address = text.parse::<Address>();
            assert_eq!(
                address.as_ref().ok().map(ToString::to_string).as_deref(),
                expected,
                "{text:?} {address:?}"
            );
        }
    }
}
