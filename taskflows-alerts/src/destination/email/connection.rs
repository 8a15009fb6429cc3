use std::path::Path;
use std::time::{Duration, Instant};

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::sync::Mutex;

use super::MailTls;

/// A connection that was idle for longer is not used again: servers end them after minutes.
const IDLE: Duration = Duration::from_secs(60);
/// As many connections are kept.
const KEPT: usize = 4;

/// A mail server, with the connections to it that are at rest.
///
/// A connection is taken out of the pool while a mail goes through it, and put back only when the mail is through. One on
/// which an attempt was broken off is never used again: the answer to the former mail would be taken for the next one's.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: MailTls,
    pub(super) tls: Option<TlsParameters>,
    pub(super) credentials: Option<Credentials>,
    pub(super) connect: Duration,
    pub(super) idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

impl Server {
    /// Returns a connection over which mails can be sent at once.
    pub(super) async fn connection(&self) -> Result<AsyncSmtpConnection, Error> {
        while let Some((mut connection, since)) = self.take().await {
            if since.elapsed() < IDLE && connection.test_connected().await {
                return Ok(connection);
            }
        }
        let implicit = self.tls.clone().filter(|_| self.security == MailTls::Implicit);
        let (server, name) = ((self.host.as_str(), self.port), ClientId::default());
        let connect = Some(self.connect);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, connect, &name, implicit, None).await?;
        if let (MailTls::StartTls, Some(tls)) = (self.security, &self.tls) {
            // A server without it is an error here: nothing is ever sent in the clear instead.
            connection.starttls(tls.clone(), &name).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }

    /// Keeps a connection whose last mail is through.
    pub(super) async fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().await;
        if idle.len() < KEPT && !connection.has_broken() {
            idle.push((connection, Instant::now()));
        }
    }

    async fn take(&self) -> Option<(AsyncSmtpConnection, Instant)> {
        self.idle.lock().await.pop()
    }
}

/// Returns what a connection to `host` is secured by.
pub(super) fn tls(host: &str, ca_file: Option<&Path>) -> Result<TlsParameters, String> {
    let mut tls = TlsParameters::builder(host.to_owned());
    if let Some(path) = ca_file {
        let unreadable = |reason: String| format!("`ca_file` {}: {reason}", path.display());
        let text = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        let authorities = Certificate::from_pem(&text).map_err(|error| unreadable(error.to_string()))?;
        tls = tls.add_root_certificate(authorities);
    }
    tls.build_rustls().map_err(|error| format!("certificates cannot be checked on this host: {error}"))
}
