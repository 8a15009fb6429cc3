use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};

use super::Secret;

#[cfg(feature = "email")]
mod connection;
#[cfg(feature = "email")]
mod fault;
#[cfg(feature = "email")]
mod mail;
#[cfg(feature = "email")]
mod notifier;

/// Mail boxes, reached by a mail server (SMTP).
///
/// Each receiver gets a mail of its own, in which no other is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// Who it is from: `alerts@x.org`, or `Alerts <alerts@x.org>`.
    pub addr: String,
    /// The password at the server; left out, no user is named there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Who gets it; in a definition one address or a list.
    #[serde(deserialize_with = "one_or_many")]
    pub receiver_addr: Vec<String>,
    /// The server.
    #[serde(default = "gmail")]
    pub smtp_server: String,
    /// Its port.
    #[serde(default = "submissions")]
    pub smtp_port: u16,
    /// The user at the server, if not the address of the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// How the connection is secured; left out the port tells: `starttls` at 25 and 587, else `implicit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<MailTls>,
    /// PEM file of authorities that are trusted beside those of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// How the connection to a mail server is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// From its beginning (RFC 8314).
    Implicit,
    /// By STARTTLS before anything else is said; a server that has none is refused.
    StartTls,
    /// Not at all. With a password only to this host itself.
    None,
}

impl Email {
    /// Names a sender with its password, and the receivers; the server is Gmail's.
    pub fn new<A: Into<String>>(
        addr: impl Into<String>,
        password: impl Into<Secret>,
        receivers: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            addr: addr.into(),
            password: Some(password.into()),
            receiver_addr: receivers.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Returns how the connection is secured.
    pub fn security(&self) -> MailTls {
        self.tls.unwrap_or(match self.smtp_port {
            25 | 587 => MailTls::StartTls,
            _ => MailTls::Implicit,
        })
    }
}

impl Default for Email {
    /// Nobody to nobody, by Gmail's server.
    fn default() -> Self {
        Self {
            addr: String::new(),
            password: None,
            receiver_addr: Vec::new(),
            smtp_server: gmail(),
            smtp_port: submissions(),
            username: None,
            tls: None,
            ca_file: None,
        }
    }
}

fn gmail() -> String {
    "smtp.gmail.com".into()
}

fn submissions() -> u16 {
    465
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "an address or a list of addresses")]
    enum Receivers {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Receivers::deserialize(deserializer)? {
        Receivers::One(address) => vec![address],
        Receivers::Many(addresses) => addresses,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_out_is_gmails() {
        let read: Email =
            serde_json::from_value(json!({"addr": "a@x.org", "password": "p", "receiver_addr": "b@x.org"}))
                .unwrap();
        assert_eq!(read, Email::new("a@x.org", "p", ["b@x.org"]));
        assert_eq!((read.smtp_server.as_str(), read.smtp_port), ("smtp.gmail.com", 465));
    }

    #[test]
    fn the_port_tells_how_the_connection_is_secured() {
        for (smtp_port, tls, security) in [
            (465, None, MailTls::Implicit),
            (587, None, MailTls::StartTls),
            (25, None, MailTls::StartTls),
            (2525, None, MailTls::Implicit),
            (465, Some(MailTls::StartTls), MailTls::StartTls),
            (25, Some(MailTls::None), MailTls::None),
        ] {
            assert_eq!(
                Email { smtp_port, tls, ..Email::default() }.security(),
                security,
                "{smtp_port} {tls:?}"
            );
        }
    }
}
