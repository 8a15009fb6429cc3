//! Whether a signed request is what a holder of the key sent, and sent now.

use std::fmt;

use jiff::Timestamp;

use crate::signing::body_digest;
use crate::{NONCE_HEADER, SIGNATURE_HEADER, SignedParts, SigningKey, TIMESTAMP_HEADER};

/// How long a signature is good before and after its time, unless told otherwise.
pub const WINDOW_SECONDS: u32 = 300;

/// The lengths that a nonce may have, in characters.
const NONCE_LENGTHS: std::ops::RangeInclusive<usize> = 16..=128;

/// The greatest number of digits of a timestamp, which ends in the year 33658.
const MOST_DIGITS: usize = 12;

/// The three headers of a signed request, each of the form it has to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedHeaders<'a> {
    signature: [u8; 32],
    timestamp: &'a str,
    second: i64,
    nonce: &'a str,
}

impl<'a> SignedHeaders<'a> {
    /// Reads the headers, of which `values` returns all that have a name.
    ///
    /// # Errors
    /// When one is missing, is there twice, or has another form than it has to have: a timestamp is decimal digits alone,
    /// a nonce 16 to 128 of `A-Z a-z 0-9 - . _ ~`, a signature 64 digits `0-9 a-f`.
    pub fn read<I>(values: impl Fn(&str) -> I) -> Result<Self, Reason>
    where
        I: Iterator<Item = &'a [u8]>,
    {
        let (digits, time, nonce) = (
            only(SIGNATURE_HEADER, values(SIGNATURE_HEADER))?,
            only(TIMESTAMP_HEADER, values(TIMESTAMP_HEADER))?,
            only(NONCE_HEADER, values(NONCE_HEADER))?,
        );
        let signature = signature(digits).ok_or(Reason::Malformed(SIGNATURE_HEADER))?;
        let (timestamp, second) = timestamp(time).ok_or(Reason::Malformed(TIMESTAMP_HEADER))?;
        let nonce = nonce_text(nonce).ok_or(Reason::Malformed(NONCE_HEADER))?;
        Ok(Self { signature, timestamp, second, nonce })
    }

    /// Returns the nonce.
    #[must_use]
    pub fn nonce(&self) -> &'a str {
        self.nonce
    }
}

fn only<'a>(name: &'static str, mut values: impl Iterator<Item = &'a [u8]>) -> Result<&'a [u8], Reason> {
    match (values.next(), values.next()) {
        (None, _) => Err(Reason::Missing(name)),
        (Some(value), None) => Ok(value),
        (Some(_), Some(_)) => Err(Reason::Repeated(name)),
    }
}

/// Lower case alone: a request has one signature, not several that look different.
fn signature(digits: &[u8]) -> Option<[u8; 32]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

fn timestamp(text: &[u8]) -> Option<(&str, i64)> {
    let is_number = (1..=MOST_DIGITS).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(text).ok().filter(|_| is_number)?;
    Some((text, text.parse().ok()?))
}

fn nonce_text(text: &[u8]) -> Option<&str> {
    let is_safe = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let is_nonce = NONCE_LENGTHS.contains(&text.len()) && text.iter().all(is_safe);
    std::str::from_utf8(text).ok().filter(|_| is_nonce)
}

/// What is asked, as it came over the wire.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The id of the server that was reached.
    pub server_id: &'a str,
    /// Upper case.
    pub method: &'a str,
    /// Its percent signs too.
    pub path: &'a str,
    /// Without its question mark; empty where there is none.
    pub query: &'a str,
    /// Whole.
    pub body: &'a [u8],
}

/// A key that is good for a while yet, since not all who sign have the new one.
#[derive(Clone, Debug)]
pub struct PreviousKey {
    /// The key.
    pub key: SigningKey,
    /// The first instant at which it is worth nothing.
    pub until: Timestamp,
}

/// Checks signed requests against the keys that are good. It reads no clock and keeps nothing.
#[derive(Clone, Debug)]
pub struct Verifier {
    current: SigningKey,
    previous: Vec<PreviousKey>,
    window: i64,
}

/// A request that a holder of the key sent, and sent now. Whether it was sent before, its nonce tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<'a> {
    /// What no other request may have.
    pub nonce: &'a str,
    /// From then on the request would be refused for its time, and its nonce need not be kept.
    pub expires: Timestamp,
    /// Whether a key signed it that is on its way out.
    pub by_previous_key: bool,
}

/// Which key signed a request.
#[derive(PartialEq, Eq)]
enum Signer {
    Current,
    Previous,
}

impl Verifier {
    /// Accepts what `current` signed, or one of `previous` before its time is over, at most `window_seconds` away.
    #[must_use]
    pub fn new(current: SigningKey, previous: Vec<PreviousKey>, window_seconds: u32) -> Self {
        Self { current, previous, window: i64::from(window_seconds) }
    }

    /// Checks a request at the time `now`.
    ///
    /// The signature comes first, and all keys are tried: nobody without a key learns anything of the rest.
    ///
    /// # Errors
    /// When no key signed exactly this request, or its time is too far away.
    pub fn verify<'a>(
        &self,
        headers: &SignedHeaders<'a>,
        asked: &Asked<'_>,
        now: Timestamp,
    ) -> Result<Verified<'a>, Reason> {
        let by_previous_key = self.signer(headers, asked, now)? == Signer::Previous;
        let off = headers.second - now.as_second();
        let expires = Timestamp::from_second(headers.second + self.window + 1).ok();
        match expires.filter(|_| off.abs() <= self.window) {
            None => Err(Reason::ClockOff { seconds: off }),
            Some(expires) => Ok(Verified { nonce: headers.nonce, expires, by_previous_key }),
        }
    }

    /// Tells whether a request that was verified a while ago is signed by a key that is good at the time `now`. Its own time
    /// and its nonce are not looked at again.
    #[must_use]
    pub fn still_signs(&self, headers: &SignedHeaders<'_>, asked: &Asked<'_>, now: Timestamp) -> bool {
        self.signer(headers, asked, now).is_ok()
    }

    fn signer(
        &self,
        headers: &SignedHeaders<'_>,
        asked: &Asked<'_>,
        now: Timestamp,
    ) -> Result<Signer, Reason> {
        let Asked { server_id, method, path, query, body } = *asked;
        if [server_id, method, path, query].iter().any(|line| line.contains('\n')) {
            return Err(Reason::NotALine);
        }
        let SignedHeaders { timestamp, nonce, .. } = *headers;
        let parts = SignedParts { timestamp, nonce, server_id, method, path, query, body };
        let body = body_digest(body);
        let by_current = self.current.verifies_bytes(&parts, &body, &headers.signature);
        let by_previous = self.previous.iter().fold(false, |found, previous| {
            let is_good = previous.key.verifies_bytes(&parts, &body, &headers.signature);
            found | (is_good & (now < previous.until))
        });
        match (by_current, by_previous) {
            (true, _) => Ok(Signer::Current),
            (false, true) => Ok(Signer::Previous),
            (false, false) => Err(Reason::BadSignature),
        }
    }
}

/// Why a signed request is refused. It is for the log of the server and is never sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A header is not there.
    Missing(&'static str),
    /// A header is there more than once.
    Repeated(&'static str),
    /// A header has another form than it has to have.
    Malformed(&'static str),
    /// A part that is signed as one line has several.
    NotALine,
    /// No key that is good signed exactly this.
    BadSignature,
    /// It was signed too long ago, or ahead of its time (positive), by so many seconds.
    ClockOff {
        /// Its time less that of the server.
        seconds: i64,
    },
    /// It was sent before.
    Replayed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "there is no {name}"),
            Self::Repeated(name) => write!(f, "there is more than one {name}"),
            Self::Malformed(name) => write!(f, "{name} has another form than it has to have"),
            Self::NotALine => f.write_str("a newline in its address"),
            Self::BadSignature => f.write_str("no key of this server signed exactly this request"),
            Self::ClockOff { seconds } if *seconds > 0 => {
                write!(f, "clock off by {seconds} s: it was signed ahead of this server's time")
            }
            Self::ClockOff { seconds } => {
                write!(f, "clock off by {} s: it was signed that long ago", seconds.unsigned_abs())
            }
            Self::Replayed => f.write_str("its nonce was used before"),
        }
    }
}

impl std::error::Error for Reason {}
