use std::fmt;

use serde_json::{Map, Value};

use crate::words::words;

words! {
    /// What kind of place an alert is sent to: the `type` of a destination.
    pub enum DestinationKind {
        /// A channel of Slack.
        Slack = "slack",
        /// Mailboxes.
        Email = "email",
        /// A channel of Discord.
        Discord = "discord",
        /// Any address that takes JSON.
        Webhook = "webhook",
        /// A service of PagerDuty.
        Pagerduty = "pagerduty",
        /// An Alertmanager of Prometheus.
        Alertmanager = "alertmanager",
        /// A program of this host.
        Command = "command",
    }
}

/// Keys whose values open a door: addresses are among them, since webhooks are known by theirs alone.
const SECRETS: [&str; 8] =
    ["bot_token", "webhook_url", "password", "secret", "headers", "routing_key", "url", "token"];

/// Where an alert is sent: a kind, and what that kind needs, as checked JSON.
///
/// Its `Debug` shows no secret.
#[derive(Clone, PartialEq)]
pub struct Destination {
    kind: DestinationKind,
    /// Without `type`, in the order of their names.
    fields: Map<String, Value>,
}

impl Destination {
    /// Takes fields that were checked for `kind`.
    pub(crate) fn new(kind: DestinationKind, fields: Map<String, Value>) -> Self {
        Self { kind, fields }
    }

    /// Returns its kind.
    pub fn kind(&self) -> DestinationKind {
        self.kind
    }

    /// Returns what it says of a key of definitions, such as `channel`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.fields.get(key)
    }

    /// Tells whether it posts as a bot of Slack whose token it does not say, so that it comes from a variable.
    pub fn lacks_token(&self) -> bool {
        let has = |key| self.fields.contains_key(key);
        self.kind == DestinationKind::Slack && !has("bot_token") && !has("webhook_url")
    }

    /// Gives it the token that it [lacks](Self::lacks_token); any other is left as it is.
    pub fn put_token(&mut self, token: &str) {
        if self.lacks_token() {
            self.fields.insert("bot_token".to_owned(), token.into());
        }
    }

    /// Tells whether the value of a key is to be kept from people.
    pub fn is_secret(key: &str) -> bool {
        SECRETS.contains(&key)
    }

    /// Writes it as definitions have it, `type` and secrets included.
    pub fn to_json(&self) -> Value {
        let mut all = self.fields.clone();
        all.insert("type".to_owned(), Value::from(self.kind.as_str()));
        Value::Object(all)
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Destination");
        shown.field("type", &self.kind.as_str());
        for (key, value) in &self.fields {
            match Self::is_secret(key) {
                true => shown.field(key, &format_args!("…")),
                false => shown.field(key, &format_args!("{value}")),
            };
        }
        shown.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let fields = serde_json::json!({ "addr": "a@example.org", "password": "hunter2" });
        let Value::Object(fields) = fields else { unreachable!() };
        let shown = format!("{:?}", Destination::new(DestinationKind::Email, fields));
        assert!(shown.contains("a@example.org") && !shown.contains("hunter2"), "{shown}");
    }
}
