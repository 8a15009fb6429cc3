use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Secret;

#[cfg(feature = "webhook")]
mod notifier;

/// A server of one's own, which takes messages as JSON.
///
/// The body is `{ version, key, subject, text, message, amends? }`; `Idempotency-Key` and `webhook-id` are the same for
/// each attempt. With `secret` it is signed as <https://www.standardwebhooks.com> has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The address; since it may hold a token, it is hidden as one.
    pub url: Secret,
    /// What bodies are signed with: `whsec_` and base64, or any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// Headers that go along: `Authorization`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret>,
    /// PEM file of authorities that are trusted beside those of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Whether the address may begin with `http`, so that anybody on the way reads along.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_http: bool,
}

impl Webhook {
    /// Names an address.
    pub fn new(url: impl Into<Secret>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }
}
