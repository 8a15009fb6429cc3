//! Signed requests: what is signed, and how.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

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

/// The key that a server and those who may ask it share, prepared once; it is wiped when it is dropped.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// Takes the text of a secret as it stands in `security.json`: its UTF-8 bytes are the key.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self::from_bytes(secret.as_bytes())
    }

    fn from_bytes(key: &[u8]) -> Self {
        // Source: RFC 2104, section 2.
        match <Hmac<Sha256> as KeyInit>::new_from_slice(key) {
            Ok(mac) => Self(mac),
            Err(_) => unreachable!("HMAC takes a key of any length"),
        }
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
        let mac = self.mac(parts, &body_digest(parts.body)).finalize().into_bytes();
        digits(&mac.into()).iter().copied().map(char::from).collect()
    }

    /// Tells whether a signature is that of a request; takes the same time whatever differs.
    #[must_use]
    pub fn verifies(&self, parts: &SignedParts<'_>, signature: &str) -> bool {
        let mut bytes = [0; 32];
        hex::decode_to_slice(signature, &mut bytes).is_ok()
            && self.verifies_bytes(parts, &body_digest(parts.body), &bytes)
    }

    /// As [`Self::verifies`], with the body read once for several keys.
    pub(crate) fn verifies_bytes(
        &self,
        parts: &SignedParts<'_>,
        body: &BodyDigest,
        signature: &[u8; 32],
    ) -> bool {
        self.mac(parts, body).verify_slice(signature).is_ok()
    }

    fn mac(&self, parts: &SignedParts<'_>, body: &BodyDigest) -> Hmac<Sha256> {
        let lines =
            [VERSION, parts.timestamp, parts.nonce, parts.server_id, parts.method, parts.path, parts.query];
        let length = lines.iter().map(|line| line.len() + 1).sum::<usize>() + body.len();
        // Hashed at once: each piece by itself costs a fifth of a block.
        let mut text = Vec::with_capacity(length);
        for line in lines {
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
        }
        text.extend_from_slice(body);
        self.0.clone().chain_update(text)
    }
}

/// The SHA-256 of a body in hexadecimal digits.
pub(crate) type BodyDigest = [u8; 64];

pub(crate) fn body_digest(body: &[u8]) -> BodyDigest {
    // Most requests only read, and have none.
    const OF_NOTHING: &BodyDigest = b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    match body {
        [] => *OF_NOTHING,
        body => digits(&Sha256::digest(body).into()),
    }
}

/// Writes bytes as hexadecimal digits in lower case.
fn digits(bytes: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; 64];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: RFC 4231, section 4.
    #[test]
    fn the_mac_is_that_of_the_specification() {
        let text = |text: &str| text.as_bytes().to_vec();
        let vectors = [
            (
                vec![0x0b; 20],
                text("Hi There"),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                text("Jefe"),
                text("what do ya want for nothing?"),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 20],
                vec![0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                (1..=25).collect(),
                vec![0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (
                vec![0xaa; 131],
                text("Test Using Larger Than Block-Size Key - Hash Key First"),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                vec![0xaa; 131],
                text(
                    "This is a test using a larger than block-size key and a larger than block-size data. \
                     The key needs to be hashed before being used by the HMAC algorithm.",
                ),
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, data, expected) in vectors {
            let mut mac = SigningKey::from_bytes(&key).0;
            mac.update(&data);
            assert_eq!(hex::encode(mac.finalize().into_bytes()), expected);
        }
    }

    #[test]
    fn the_digest_of_no_body_is_that_of_no_bytes() {
        assert_eq!(body_digest(b""), digits(&Sha256::digest(b"").into()));
    }

    /// The text that is signed, written down once by hand, so that no change of it goes unseen.
    #[test]
    fn the_signed_text_is_eight_lines() {
        let parts = SignedParts {
            timestamp: "1700000000",
            nonce: "0123456789abcdef",
            server_id: "web1",
            method: "POST",
            path: "/api/services/a%20b/start",
            query: "wait=1&x=%2F",
            body: b"{}",
        };
        let text = "TF1\n1700000000\n0123456789abcdef\nweb1\nPOST\n/api/services/a%20b/start\nwait=1&x=%2F\n\
                    44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let key = SigningKey::new("secret");
        let mut mac = key.0.clone();
        mac.update(text.as_bytes());
        assert_eq!(key.sign(&parts), hex::encode(mac.finalize().into_bytes()));
    }
}
