//! What `security.json` says.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::verifier::{PreviousKey, WINDOW_SECONDS};
use crate::{NONCE_HEADER, SIGNATURE_HEADER, SigningKey, TIMESTAMP_HEADER, Verifier, random_hex};

/// So many secrets can be on their way out at once, since each request that is refused is tried with all.
const MOST_PREVIOUS: usize = 4;

/// The longest grace: whoever has the secret before is let in until it is over.
const LONGEST_GRACE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The fewest characters of a secret that is set by hand.
const LEAST_SECRET: usize = 32;
/// The most characters of any secret.
const MOST_SECRET: usize = 512;

/// The longest window, in seconds.
const LONGEST_WINDOW: u64 = 3_600;

/// Every key that the file may have; those that are not used here are kept as they are.
const KEYS: [&str; 20] = [
    "enable_hmac",
    "hmac_secret",
    "hmac_header",
    "hmac_timestamp_header",
    "hmac_nonce_header",
    "hmac_window_seconds",
    "server_id",
    "server_of",
    "previous_secrets",
    "enable_jwt",
    "jwt_secret",
    "enable_csrf",
    "csrf_header",
    "csrf_token_expiry",
    "enable_cors",
    "allowed_origins",
    "allowed_methods",
    "allowed_headers",
    "enable_security_headers",
    "log_security_events",
];

/// A secret that is good for a while yet.
#[derive(Clone, Debug)]
pub struct PreviousSecret {
    /// The secret.
    pub secret: SecretString,
    /// The first instant at which it is worth nothing.
    pub until: Timestamp,
}

/// What `security.json` says.
#[derive(Clone, Debug)]
pub struct SecuritySettings {
    /// Whether requests have to be signed.
    pub enable_hmac: bool,
    /// The secret that signs; `None` where there is none yet.
    pub secret: Option<SecretString>,
    /// Those before it whose time was not over when they were written, the newest first.
    pub previous: Vec<PreviousSecret>,
    /// The id of this server: 32 hexadecimal digits; `None` where it has none yet.
    pub server_id: Option<String>,
    /// The mark of the machine that made `server_id`, by which a copy of the file is told; `None` in older files.
    pub server_of: Option<String>,
    /// How long a signature is good before and after its time, in seconds.
    pub window_seconds: u32,
    /// Keys that others use, or nobody any more.
    rest: Rest,
}

/// Keys that are kept as they are; secrets may be among them.
#[derive(Clone, Default)]
struct Rest(Map<String, Value>);

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Default for SecuritySettings {
    fn default() -> Self {
        Self {
            enable_hmac: true,
            secret: None,
            previous: Vec::new(),
            server_id: None,
            server_of: None,
            window_seconds: WINDOW_SECONDS,
            rest: Rest::default(),
        }
    }
}

/// Returns what tells secrets apart without telling them: their first four characters and 12 hexadecimal digits.
#[must_use]
pub fn fingerprint(secret: &SecretString) -> String {
    let text = secret.expose_secret();
    // What is short would be told by its beginning.
    let shown: String = text.chars().take(if text.chars().count() >= LEAST_SECRET { 4 } else { 0 }).collect();
    let digest = Sha256::new().chain_update("taskflows fingerprint\n").chain_update(text).finalize();
    format!("{shown}… ({})", hex::encode(&digest[..6]))
}

impl SecuritySettings {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// What is wrong with it, and with which key; no value is told.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            // Its own words could hold a piece of a secret.
            format!("it is no JSON: line {}, column {}", error.line(), error.column())
        })?;
        let Value::Object(mut map) = value else { return Err("it is no JSON object".to_owned()) };
        if let Some(key) = map.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(unknown(key));
        }
        let defaults = Self::default();
        check_headers(&mut map)?;
        Ok(Self {
            enable_hmac: take(&mut map, "enable_hmac", "true or false", |value| value.as_bool())?
                .unwrap_or(defaults.enable_hmac),
            secret: take(
                &mut map,
                "hmac_secret",
                "a text of at most 512 characters, none of them blank",
                secret,
            )?
            .flatten(),
            previous: take(&mut map, "previous_secrets", PREVIOUS, previous)?.unwrap_or_default(),
            server_id: take(&mut map, "server_id", "32 hexadecimal digits", hex_128)?,
            server_of: take(&mut map, "server_of", "32 hexadecimal digits", hex_128)?,
            window_seconds: take(&mut map, "hmac_window_seconds", "seconds from 1 to 3600", window)?
                .unwrap_or(defaults.window_seconds),
            rest: Rest(map),
        })
    }

    /// Writes the text of the file.
    #[must_use]
    pub fn to_json(&self) -> zeroize::Zeroizing<String> {
        let exposed = |secret: &SecretString| Value::from(secret.expose_secret());
        let mut map = Map::new();
        map.insert("enable_hmac".to_owned(), self.enable_hmac.into());
        map.insert("hmac_secret".to_owned(), self.secret.as_ref().map_or("".into(), exposed));
        map.insert("hmac_header".to_owned(), SIGNATURE_HEADER.into());
        map.insert("hmac_timestamp_header".to_owned(), TIMESTAMP_HEADER.into());
        map.insert("hmac_nonce_header".to_owned(), NONCE_HEADER.into());
        map.insert("hmac_window_seconds".to_owned(), self.window_seconds.into());
        if let Some(id) = &self.server_id {
            map.insert("server_id".to_owned(), id.as_str().into());
        }
        if let Some(mark) = &self.server_of {
            map.insert("server_of".to_owned(), mark.as_str().into());
        }
        let previous = self
            .previous
            .iter()
            .map(|one| serde_json::json!({ "secret": exposed(&one.secret), "until": one.until.to_string() }));
        map.insert("previous_secrets".to_owned(), previous.collect());
        map.extend(self.rest.0.clone());
        zeroize::Zeroizing::new(format!("{:#}", Value::Object(map)))
    }

    /// Returns what is said for a key that others use, such as `csrf_token_expiry`.
    #[must_use]
    pub fn other(&self, key: &str) -> Option<&Value> {
        self.rest.0.get(key)
    }

    /// Returns the id of the server on the machine of this [mark](crate::machine_mark); `None` where it has none yet, as
    /// where the file was copied from another machine.
    #[must_use]
    pub fn own_server_id(&self, machine: Option<&str>) -> Option<&str> {
        self.server_id.as_deref().filter(|_| !self.is_copied_to(machine))
    }

    /// Returns the id of the server on the machine of this mark, made now where it has none.
    pub fn ensure_server_id(&mut self, machine: Option<&str>) -> &str {
        if self.is_copied_to(machine) {
            self.server_id = None;
        }
        if let Some(machine) = machine {
            self.server_of = Some(machine.to_owned());
        }
        self.server_id.get_or_insert_with(random_hex::<16>)
    }

    /// Tells whether `server_id` was made on another machine. One without a mark is taken for its own.
    #[must_use]
    pub fn is_copied_to(&self, machine: Option<&str>) -> bool {
        machine.zip(self.server_of.as_deref()).is_some_and(|(machine, of)| machine != of)
    }

    /// Puts another secret in the place of the one that signs. The one before is good for `grace` yet; without a grace
    /// all before it are worth nothing at once.
    ///
    /// # Errors
    /// When too many are on their way out, or the grace is longer than 30 days.
    pub fn rotate(
        &mut self,
        secret: SecretString,
        grace: SignedDuration,
        now: Timestamp,
    ) -> Result<(), RotateError> {
        let mut previous = Vec::new();
        if grace > LONGEST_GRACE {
            return Err(RotateError::TooLong);
        }
        if grace > SignedDuration::ZERO {
            let until = now.checked_add(grace).map_err(|_| RotateError::TooLong)?;
            previous.extend(self.secret.clone().map(|secret| PreviousSecret { secret, until }));
            // The one that signs from now on needs no end, though it may have been one of them.
            let is_other = |one: &&PreviousSecret| {
                one.secret.expose_secret() != secret.expose_secret() && one.until > now
            };
            previous.extend(self.previous.iter().filter(is_other).cloned());
        }
        if previous.len() > MOST_PREVIOUS {
            return Err(RotateError::TooMany);
        }
        self.previous = previous;
        self.secret = Some(secret);
        Ok(())
    }

    /// Returns the keys that are good at the time `now`, the one that signs first.
    ///
    /// A server that has not been told the newest secret yet still takes a request signed with one before.
    #[must_use]
    pub fn signing_keys(&self, now: Timestamp) -> Vec<SigningKey> {
        let good = self.previous.iter().filter(|one| one.until > now).map(|one| &one.secret);
        self.secret.iter().chain(good).map(|secret| SigningKey::new(secret.expose_secret())).collect()
    }

    /// Returns what checks requests by these settings; `None` without a secret.
    #[must_use]
    pub fn verifier(&self) -> Option<Verifier> {
        let key = |secret: &SecretString| SigningKey::new(secret.expose_secret());
        let previous =
            self.previous.iter().map(|one| PreviousKey { key: key(&one.secret), until: one.until });
        let current = self.secret.as_ref().map(key)?;
        Some(Verifier::new(current, previous.collect(), self.window_seconds))
    }
}

/// Why a secret is not replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotateError {
    /// Each request that is refused would be tried with all.
    #[error("{MOST_PREVIOUS} secrets before this one are still good")]
    TooMany,
    /// Whoever has the secret before would be let in for too long.
    #[error("a grace is at most 30 days")]
    TooLong,
}

/// Tells whether a text is fit to be a secret that somebody sets by hand.
///
/// # Errors
/// What is wrong with it; the text is not told.
pub fn check_secret(text: &str) -> Result<(), String> {
    let count = text.chars().count();
    if !(LEAST_SECRET..=MOST_SECRET).contains(&count) {
        return Err(format!("it has {count} characters, not {LEAST_SECRET} to {MOST_SECRET}"));
    }
    match text.chars().all(|c| c.is_ascii_graphic()) {
        true => Ok(()),
        false => Err("it holds a blank, or a character that is not ASCII".to_owned()),
    }
}

/// What `previous_secrets` has to be.
const PREVIOUS: &str = "a list of at most 4 objects {\"secret\": text, \"until\": time of RFC 3339}";

fn take<T>(
    map: &mut Map<String, Value>,
    key: &str,
    expected: &str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Result<Option<T>, String> {
    match map.shift_remove(key) {
        None => Ok(None),
        Some(value) => read(&value).map(Some).ok_or_else(|| format!("`{key}` has to be {expected}")),
    }
}

/// The file of the predecessor has an empty text where there is no secret.
#[expect(clippy::option_option, reason = "the outer one tells a wrong value from none")]
fn secret(value: &Value) -> Option<Option<SecretString>> {
    let text = value.as_str()?;
    let is_fit = text.len() <= MOST_SECRET && !text.contains(char::is_whitespace);
    is_fit.then(|| Some(SecretString::from(text)).filter(|_| !text.is_empty()))
}

fn previous(value: &Value) -> Option<Vec<PreviousSecret>> {
    let list = value.as_array().filter(|list| list.len() <= MOST_PREVIOUS)?;
    let one = |value: &Value| {
        let object = value.as_object().filter(|object| object.len() == 2)?;
        let until = object.get("until")?.as_str()?.parse().ok()?;
        Some(PreviousSecret { secret: secret(object.get("secret")?)??, until })
    };
    list.iter().map(one).collect()
}

fn hex_128(value: &Value) -> Option<String> {
    let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    value.as_str().filter(|id| id.len() == 32 && id.chars().all(is_digit)).map(str::to_owned)
}

fn window(value: &Value) -> Option<u32> {
    value.as_u64().filter(|seconds| (1..=LONGEST_WINDOW).contains(seconds))?.try_into().ok()
}

/// Other names of the headers would be understood by no client.
fn check_headers(map: &mut Map<String, Value>) -> Result<(), String> {
    let names = [
        ("hmac_header", SIGNATURE_HEADER),
        ("hmac_timestamp_header", TIMESTAMP_HEADER),
        ("hmac_nonce_header", NONCE_HEADER),
    ];
    for (key, name) in names {
        take(map, key, &format!("`{name}`: clients of this version send no other"), |value| {
            value.as_str().filter(|text| text.eq_ignore_ascii_case(name)).map(|_| ())
        })?;
    }
    Ok(())
}

fn unknown(key: &str) -> String {
    let nearest = KEYS.iter().map(|known| (distance(key, known), known)).min();
    let hint =
        nearest.filter(|(distance, _)| *distance <= 3).map(|(_, known)| format!("; did you mean `{known}`?"));
    let shown: String = key.chars().take(40).collect();
    format!("unknown key `{}`{}", shown.escape_debug(), hint.unwrap_or_default())
}

/// Returns how many characters have to be added, left out or changed to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
