use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;
use axum::http::request::Parts;
use taskflows_security::Role;

/// Who asks, as their credentials show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name that is written into the audit log: of a person, a token, or `signed` for who has the shared key.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether a browser sent the credentials by itself, as it does with cookies: a change then needs a CSRF token.
    pub by_cookie: bool,
}

/// Why nobody was recognised. It is written to the log and never sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

/// Recognises who asks.
#[async_trait]
pub trait Authority: fmt::Debug + Send + Sync {
    /// Looks at the credentials of a request from `peer` (`None` over a socket of this host); `body` is whole and as it was sent.
    ///
    /// # Errors
    /// When there are none, or they are not right.
    async fn identify(&self, peer: Option<IpAddr>, request: &Parts, body: &[u8])
    -> Result<Identity, Refusal>;

    /// Looks once more at the credentials of a request that was let in before and whose answer goes on: what they are worth
    /// now. Unless an authority says otherwise it is as if the request came now.
    ///
    /// # Errors
    /// When they are worth nothing any more.
    async fn recheck(&self, peer: Option<IpAddr>, request: &Parts, body: &[u8]) -> Result<Identity, Refusal> {
        self.identify(peer, request, body).await
    }

    /// Looks whether a change that came with a cookie was meant: whether the page that sent it knew the CSRF token.
    ///
    /// # Errors
    /// When it did not. Nobody's change is confirmed by an authority that does not look at this.
    async fn confirm_change(&self, identity: &Identity, request: &Parts) -> Result<(), Refusal> {
        let _ = (identity, request);
        Err(Refusal("no CSRF token is known here".to_owned()))
    }
}
