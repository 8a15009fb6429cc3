//! Signed requests: what is signed, and how.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The header of the signature: HMAC-SHA256 in lower-case hexadecimal digits.
pub const SIGNATURE_HEADER: &str = "X-HMAC-Signature";
/// The header of the time: whole seconds since 1970, decimal.
pub const TIMESTAMP_HEADER: &str = "X-Timestamp";
/// The header of what no other request has.
pub const NONCE_HEADER: &str = "X-Nonce";

/// The version of the text that is signed.
const VERSION: &str = "TF1";

/// What is signed of a request.
#[derive(Clone, Copy, Debug)]
pub struct SignedParts<'a> {
    /// As it stands in its header.
    pub timestamp: &'a str,
    /// As it stands in its header.
    pub nonce: &'a str,
    /// The id of the server that is asked, as its `/health` tells it.
    pub server_id: &'a str,
    /// Upper case.
    pub method: &'a str,
    /// As it was sent, its percent signs too.
    pub path: &'a str,
    /// As it was sent, without its question mark; empty where there is none.
    pub query: &'a str,
    /// As it was sent.
    pub body: &'a [u8],
}

/// The key that a server and those who may ask it share.
#[derive(Clone)]
pub struct SigningKey(Zeroizing<Vec<u8>>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// Takes the text of a secret as it stands in `security.json`: its UTF-8 bytes are the key.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self(Zeroizing::new(secret.as_bytes().to_vec()))
    }

    /// Returns the signature of a request in lower-case hexadecimal digits.
    ///
    /// ```
    /// use taskflows_security::{SignedParts, SigningKey};
    ///
    /// let parts = SignedParts {
    ///     timestamp: "1700000000",
    ///     nonce: "n-1",
    ///     server_id: "web1",
    ///     method: "GET",
    ///     path: "/api/services",
    ///     query: "match=web*",
    ///     body: b"",
    /// };
    /// assert_eq!(SigningKey::new("secret").sign(&parts).len(), 64);
    /// ```
    #[must_use]
    pub fn sign(&self, parts: &SignedParts<'_>) -> String {
        hex::encode(self.mac(parts).finalize().into_bytes())
    }

    /// Tells whether a signature is that of a request; takes the same time whatever differs.
    #[must_use]
    pub fn verifies(&self, parts: &SignedParts<'_>, signature: &str) -> bool {
        let mut bytes = [0; 32];
        hex::decode_to_slice(signature, &mut bytes).is_ok() && self.mac(parts).verify_slice(&bytes).is_ok()
    }

    fn mac(&self, parts: &SignedParts<'_>) -> Hmac<Sha256> {
        // HMAC takes a key of any length. Source: RFC 2104, section 2.
        let mut mac = match <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0) {
            Ok(mac) => mac,
            Err(_) => unreachable!("HMAC takes a key of any length"),
        };
        let body = hex::encode(Sha256::digest(parts.body));
        let lines =
            [VERSION, parts.timestamp, parts.nonce, parts.server_id, parts.method, parts.path, parts.query];
        for line in lines {
            mac.update(line.as_bytes());
            mac.update(b"\n");
        }
        mac.update(body.as_bytes());
        mac
    }
}
