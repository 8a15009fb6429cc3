use std::sync::Arc;

use taskflows_security::{PeopleStore, SessionStore, ThrottleStore, TokenStore};

/// What is known of those who may ask: people and their sessions, and tokens of machines.
#[derive(Clone, Debug)]
pub struct Access {
    /// People, and the key of their logins.
    pub people: Arc<dyn PeopleStore>,
    /// Their sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// Tokens of machines.
    pub tokens: Arc<dyn TokenStore>,
    /// Tries to log in.
    pub throttle: Arc<dyn ThrottleStore>,
    /// Whether all TCP ports speak TLS: cookies are then sent over TLS alone, and logins and tokens are taken from other hosts.
    pub secure_cookies: bool,
}
