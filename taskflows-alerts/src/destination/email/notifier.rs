use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;

use super::super::place::{Limited, Place};
use super::connection::{Server, tls};
use super::fault::fault;
use super::mail::mail;
use super::{Email, MailTls};
use crate::{Channel, Delivery, Limits, Notifier, NotifyError, Receipt};

impl Email {
    /// Returns the ids of its channels, those that are no addresses left out.
    pub(in crate::destination) fn ids(&self) -> Vec<String> {
        let mailboxes = self.receiver_addr.iter().filter_map(|text| mailbox("receiver_addr", text).ok());
        mailboxes.map(|mailbox| id(&mailbox)).collect()
    }

    pub(in crate::destination) fn channels_within(&self, limits: Limits) -> Result<Vec<Channel>, String> {
        let from = mailbox("addr", &self.addr)?;
        if self.receiver_addr.is_empty() {
            return Err("`receiver_addr` names nobody".into());
        }
        let server = Arc::new(self.server(&from, limits)?);
        let mut channels: Vec<Channel> = Vec::new();
        for receiver in &self.receiver_addr {
            let channel = self.to(receiver, &from, &server, limits)?;
            if channels.iter().all(|other| other.id != channel.id) {
                channels.push(channel);
            }
        }
        Ok(channels)
    }

    fn to(
        &self,
        text: &str,
        from: &Mailbox,
        server: &Arc<Server>,
        limits: Limits,
    ) -> Result<Channel, String> {
        let to = mailbox("receiver_addr", text)?;
        let place = Place::new(to.email.to_string());
        let place = self.password.iter().fold(place, |place, password| place.hiding(password.expose()));
        let id = id(&to);
        let inner = MailNotifier { from: from.clone(), to, server: server.clone(), place: place.clone() };
        Ok(Channel { id, notifier: Arc::new(Limited { inner, place, limit: limits.whole }) })
    }

    fn server(&self, from: &Mailbox, limits: Limits) -> Result<Server, String> {
        let (host, security) = (self.smtp_server.trim(), self.security());
        if host.is_empty() {
            return Err("`smtp_server` is empty".into());
        }
        let credentials = self.credentials(from)?;
        if security == MailTls::None && credentials.is_some() && !is_this_host(host) {
            return Err("with `tls = \"none\"` the password would be read on the way".into());
        }
        let tls = match security {
            MailTls::None => None,
            MailTls::Implicit | MailTls::StartTls => Some(tls(host, self.ca_file.as_deref())?),
        };
        Ok(Server {
            host: host.to_owned(),
            port: self.smtp_port,
            security,
            tls,
            credentials,
            connect: limits.connect,
            idle: Default::default(),
        })
    }

    fn credentials(&self, from: &Mailbox) -> Result<Option<Credentials>, String> {
        let user = || self.username.clone().unwrap_or_else(|| from.email.to_string());
        match &self.password {
            None if self.username.is_some() => Err("`username` needs `password`".into()),
            None => Ok(None),
            Some(password) if password.is_empty() => {
                Err("`password` is empty; leave it out where the server wants none".into())
            }
            Some(password) => Ok(Some(Credentials::new(user(), password.expose().to_owned()))),
        }
    }
}

fn id(to: &Mailbox) -> String {
    format!("email:{}", to.email)
}

fn mailbox(key: &str, text: &str) -> Result<Mailbox, String> {
    text.trim().parse().map_err(|error| format!("`{key}`: `{}` is no address: {error}", text.escape_debug()))
}

fn is_this_host(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

struct MailNotifier {
    from: Mailbox,
    to: Mailbox,
    server: Arc<Server>,
    place: Place,
}

impl MailNotifier {
    async fn send(&self, delivery: &Delivery<'_>, former: Option<&Receipt>) -> Result<Receipt, NotifyError> {
        let (mail, receipt) = mail(&self.from, &self.to, delivery, former, SystemTime::now())
            .map_err(|reason| self.place.permanent(reason))?;
        let failed = |error| fault(&self.place, &self.server.host, &error);
        let mut connection = self.server.connection().await.map_err(failed)?;
        connection.send(mail.envelope(), &mail.formatted()).await.map_err(failed)?;
        self.server.keep(connection).await;
        Ok(receipt)
    }
}

#[async_trait]
impl Notifier for MailNotifier {
    async fn notify(&self, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        self.send(delivery, None).await
    }

    /// A mail cannot be changed; the next one stands below it.
    async fn amend(&self, receipt: &Receipt, delivery: &Delivery<'_>) -> Result<Receipt, NotifyError> {
        self.send(delivery, Some(receipt)).await
    }
}
