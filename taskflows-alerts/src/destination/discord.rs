use serde::{Deserialize, Serialize};

use super::Secret;

#[cfg(feature = "discord")]
mod notifier;

/// A Discord channel, by a webhook of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discord {
    /// The webhook's address, from the channel's settings under Integrations.
    pub webhook_url: Secret,
}

impl Discord {
    /// Names a webhook.
    pub fn new(webhook_url: impl Into<Secret>) -> Self {
        Self { webhook_url: webhook_url.into() }
    }
}
