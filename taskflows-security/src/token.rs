//! Tokens of machines that cannot sign: shown once, and kept only as their SHA-256.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{KeptError, Role, random_secret};

/// What each token begins with, so that it is found where it was left by mistake.
pub const TOKEN_PREFIX: &str = "tft_";
/// The characters after that: 32 bytes of chance.
const SECRET_LENGTH: usize = 43;
/// That a token was used is written down no more often than this.
pub const TOKEN_USE_STEP: SignedDuration = SignedDuration::from_mins(1);

/// What is kept of a token: as 256 bits of chance are in it, no slow hash is needed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenDigest([u8; 32]);

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

impl TokenDigest {
    /// Returns what is kept of a token; `None` where the text has not the form of one.
    #[must_use]
    pub fn of(token: &str) -> Option<Self> {
        let secret = token.strip_prefix(TOKEN_PREFIX)?;
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_one = secret.len() == SECRET_LENGTH && secret.bytes().all(is_known);
        is_one.then(|| Self(Sha256::digest(token.as_bytes()).into()))
    }

    /// Returns its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Makes a token, and what is kept of it.
///
/// # Panics
/// When the operating system has no chance to give.
#[must_use]
pub fn new_token() -> (Zeroizing<String>, TokenDigest) {
    let token = Zeroizing::new(format!("{TOKEN_PREFIX}{}", *random_secret()));
    match TokenDigest::of(&token) {
        Some(digest) => (token, digest),
        None => unreachable!("a token has the form of one"),
    }
}

/// A token as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Its name, which the audit log shows. Has the form of a [`crate::UserName`].
    pub name: String,
    /// What may be done with it.
    pub role: Role,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last used, to the minute.
    pub last_used: Option<Timestamp>,
    /// When it ends; never where this is `None`.
    pub expires: Option<Timestamp>,
}

impl ApiToken {
    /// Tells whether it is over.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

/// Keeps tokens. Calls block for as long as the disk takes.
pub trait TokenStore: fmt::Debug + Send + Sync {
    /// Keeps a new token.
    ///
    /// # Errors
    /// When there is one of that name already, or it cannot be kept.
    fn add(&self, token: &ApiToken, digest: TokenDigest) -> Result<(), KeptError>;

    /// Returns all tokens, those that are over too, sorted by name.
    ///
    /// # Errors
    /// When they cannot be read.
    fn list(&self) -> Result<Vec<ApiToken>, KeptError>;

    /// Removes a token.
    ///
    /// # Errors
    /// When there is none of that name, or it cannot be kept.
    fn remove(&self, name: &str) -> Result<(), KeptError>;

    /// Returns the token that somebody has, unless it is over, and keeps that it was used.
    ///
    /// # Errors
    /// When it cannot be read.
    fn use_token(&self, digest: TokenDigest, now: Timestamp) -> Result<Option<ApiToken>, KeptError>;
}

/// Tokens in memory.
#[derive(Debug, Default)]
pub struct MemoryTokens(Mutex<BTreeMap<String, (TokenDigest, ApiToken)>>);

impl MemoryTokens {
    fn tokens(&self) -> MutexGuard<'_, BTreeMap<String, (TokenDigest, ApiToken)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenStore for MemoryTokens {
    fn add(&self, token: &ApiToken, digest: TokenDigest) -> Result<(), KeptError> {
        let mut tokens = self.tokens();
        if tokens.contains_key(&token.name) {
            return Err(KeptError::Exists { what: "token", name: token.name.clone() });
        }
        tokens.insert(token.name.clone(), (digest, token.clone()));
        Ok(())
    }

    fn list(&self) -> Result<Vec<ApiToken>, KeptError> {
        Ok(self.tokens().values().map(|(_, token)| token.clone()).collect())
    }

    fn remove(&self, name: &str) -> Result<(), KeptError> {
        let not_found = || KeptError::NotFound { what: "token", name: name.to_owned() };
        self.tokens().remove(name).map(|_| ()).ok_or_else(not_found)
    }

    fn use_token(&self, digest: TokenDigest, now: Timestamp) -> Result<Option<ApiToken>, KeptError> {
        let mut tokens = self.tokens();
        let found = tokens.values_mut().find(|(kept, token)| *kept == digest && !token.is_over(now));
        let Some((_, token)) = found else { return Ok(None) };
        if token.last_used.is_none_or(|last| now.duration_since(last) >= TOKEN_USE_STEP) {
            token.last_used = Some(now);
        }
        Ok(Some(token.clone()))
    }
}
