use std::fmt;
use std::str::FromStr;

use crate::words::Bounded;
use crate::{TextError, UnitPath};

/// A directory or file of the host, or a volume of the engine, as a container sees it: `/srv/data:/data:ro`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// The absolute path on the host, `~` included, or the name of a volume.
    pub host_path: String,
    /// The absolute path in the container.
    pub container_path: String,
    /// The container may only read it.
    pub read_only: bool,
}

impl Volume {
    /// Shows `host_path` to the container as `container_path`.
    ///
    /// # Errors
    /// When the first is neither an absolute path nor the name of a volume, when the second is no absolute path, or
    /// when one holds a `:`, at which engines would split it.
    pub fn new(host_path: &str, container_path: &str, read_only: bool) -> Result<Self, TextError> {
        let name = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        let is_name =
            host_path.starts_with(|c: char| c.is_ascii_alphanumeric()) && host_path.bytes().all(name);
        if !is_name {
            host_path.parse::<UnitPath>()?;
        }
        if !container_path.starts_with('/') {
            return Err(TextError::new(container_path, "is no absolute path in the container"));
        }
        container_path.parse::<UnitPath>()?;
        if let Some(path) = [host_path, container_path].into_iter().find(|path| path.contains(':')) {
            return Err(TextError::new(path, "holds `:`, at which the engine would split it"));
        }
        Ok(Self { host_path: host_path.to_owned(), container_path: container_path.to_owned(), read_only })
    }
}

impl FromStr for Volume {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            [host, container] | [host, container, "rw"] => Self::new(host, container, false),
            [host, container, "ro"] => Self::new(host, container, true),
            _ => Err(TextError::new(text, "is no volume such as /srv/data:/data or /srv/data:/data:ro")),
        }
    }
}

/// A limit on what each process of a container may use: `nofile=1024:4096`. Source: getrlimit(2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ulimit {
    name: String,
    soft: i64,
    hard: i64,
}

impl Ulimit {
    /// The limits container engines know.
    pub const NAMES: [&'static str; 16] = [
        "as",
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ];

    /// Sets the limit `name`; where one of the two is not told, the other holds for both. `-1` is no limit.
    ///
    /// # Errors
    /// When there is no such limit, when neither is told, or when the soft limit is above the hard one.
    pub fn new(name: &str, soft: Option<i64>, hard: Option<i64>) -> Result<Self, TextError> {
        if !Self::NAMES.contains(&name) {
            return Err(TextError::new(name, format!("is none of {}", Self::NAMES.join(", "))));
        }
        let (soft, hard) = match (soft, hard) {
            (Some(soft), Some(hard)) => (soft, hard),
            (Some(both), None) | (None, Some(both)) => (both, both),
            (None, None) => return Err(TextError::new(name, "needs `soft` or `hard`")),
        };
        let rank = |limit: i64| if limit == -1 { i64::MAX } else { limit };
        if soft < -1 || hard < -1 || rank(soft) > rank(hard) {
            return Err(TextError::new(name, "has a soft limit above its hard one, or below -1"));
        }
        Ok(Self { name: name.to_owned(), soft, hard })
    }
}

impl fmt::Display for Ulimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}:{}", self.name, self.soft, self.hard)
    }
}

impl FromStr for Ulimit {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || TextError::new(text, "is no limit such as nofile=1024:4096");
        let (name, limits) = text.split_once('=').ok_or_else(wrong)?;
        let number = |text: &str| text.parse().map_err(|_| wrong());
        match limits.split_once(':') {
            Some((soft, hard)) => Self::new(name, Some(number(soft)?), Some(number(hard)?)),
            None => Self::new(name, Some(number(limits)?), None),
        }
    }
}

/// A port of a container on the host: `127.0.0.1:8080:80/tcp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port(String);

impl Port {
    /// Opens `container` (`80`, `53/udp`) on the host's address and port; where no port is told the engine takes
    /// one.
    ///
    /// # Errors
    /// When a port is none, or the address is no IP address.
    pub fn new(container: &str, address: Option<&str>, port: Option<&str>) -> Result<Self, TextError> {
        let (inside, protocol) = container.split_once('/').unwrap_or((container, "tcp"));
        if !["tcp", "udp", "sctp"].contains(&protocol) {
            return Err(TextError::new(container, "is no port such as 80 or 53/udp"));
        }
        let range = |text: &str| {
            let (from, to) = text.split_once('-').unwrap_or((text, text));
            let (from, to) = (from.parse::<Number>()?, to.parse::<Number>()?);
            if from > to {
                Err(TextError::new(text, "is a range of ports that ends before it begins"))
            } else {
                Ok(())
            }
        };
        range(inside)?;
        port.filter(|port| !port.is_empty()).map(range).transpose()?;
        let address = address.filter(|address| !address.is_empty());
        let host = match address
            .map(|address| (address, address.trim_matches(['[', ']']).parse::<std::net::IpAddr>()))
        {
            None => String::new(),
            Some((_, Ok(std::net::IpAddr::V6(ip)))) => format!("[{ip}]:"),
            Some((_, Ok(ip))) => format!("{ip}:"),
            Some((text, Err(_))) => return Err(TextError::new(text, "is no IP address")),
        };
        let port = match (port.unwrap_or_default(), host.as_str()) {
            ("", "") => String::new(),
            (port, _) => format!("{port}:"),
        };
        Ok(Self(format!("{host}{port}{container}")))
    }
}

type Number = Bounded<1, 65_535>;

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Port {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rest, container) = text.rsplit_once(':').unwrap_or(("", text));
        match rest.rsplit_once(':') {
            Some((address, port)) => Self::new(container, Some(address), Some(port)),
            None => Self::new(container, None, Some(rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn written<T: FromStr<Err = TextError> + fmt::Display>(text: &str, written: Option<&str>) {
        assert_eq!(text.parse::<T>().ok().map(|value| value.to_string()).as_deref(), written, "{text}");
    }

    #[test]
    fn volumes_have_two_paths_and_maybe_a_mode() {
        for text in ["/srv/a b:/data", "~/x:/y:ro", "cache:/var/cache:rw"] {
            assert!(text.parse::<Volume>().is_ok(), "{text}");
        }
        assert!("/a:/b:ro".parse::<Volume>().unwrap().read_only);
        for text in ["/a", "/a:b", "a/b:/c", "/a:/b:x", "/a:/../b", ":/b", "/a\n:/b"] {
            assert!(text.parse::<Volume>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_limit_with_one_end_has_both() {
        written::<Ulimit>("nofile=1024:4096", Some("nofile=1024:4096"));
        written::<Ulimit>("core=0", Some("core=0:0"));
        written::<Ulimit>("memlock=1024:-1", Some("memlock=1024:-1"));
        for text in ["nofile=2:1", "nofile=-1:5", "nofiles=1", "nofile", "nofile=a"] {
            written::<Ulimit>(text, None);
        }
        assert_eq!(Ulimit::new("nofile", None, Some(9)).unwrap().to_string(), "nofile=9:9");
        assert!(Ulimit::new("nofile", None, None).is_err());
    }

    #[test]
    fn ports_are_written_as_engines_read_them() {
        written::<Port>("8080:80", Some("8080:80"));
        written::<Port>("80", Some("80"));
        written::<Port>("127.0.0.1:53:53/udp", Some("127.0.0.1:53:53/udp"));
        written::<Port>("127.0.0.1::80", Some("127.0.0.1::80"));
        written::<Port>("[::1]:80:80", Some("[::1]:80:80"));
        written::<Port>("8000-8010:9000-9010", Some("8000-8010:9000-9010"));
        for text in ["", "0", "70000:80", "x:80", "80/icmp", "localhost:80:80", "9-8:1"] {
            written::<Port>(text, None);
        }
    }
}
