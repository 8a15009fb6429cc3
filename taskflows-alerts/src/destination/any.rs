use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{
    Alertmanager, Channel, ChannelError, Command, Discord, Email, Limits, PagerDuty, Slack, Webhook,
};

/// Where alerts go.
///
/// In a definition it is a table whose `type` tells which; without `type` its keys do, where they can.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Destination {
    /// A Slack channel.
    Slack(Slack),
    /// Mail boxes.
    Email(Email),
    /// A Discord channel.
    Discord(Discord),
    /// A server of one's own.
    Webhook(Webhook),
    /// A PagerDuty service.
    PagerDuty(PagerDuty),
    /// A Prometheus Alertmanager.
    Alertmanager(Alertmanager),
    /// A program.
    Command(Command),
}

/// The words for `type`.
const TYPES: [&str; 7] = ["slack", "email", "discord", "webhook", "pagerduty", "alertmanager", "command"];

impl Destination {
    /// Returns the word for its `type`.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Slack(_) => "slack",
            Self::Email(_) => "email",
            Self::Discord(_) => "discord",
            Self::Webhook(_) => "webhook",
            Self::PagerDuty(_) => "pagerduty",
            Self::Alertmanager(_) => "alertmanager",
            Self::Command(_) => "command",
        }
    }

    /// Returns its channels, in the order of its receivers: one for each mail address, else one.
    ///
    /// `env` is asked for the variables that stand in for what the destination leaves out (`SLACK_BOT_TOKEN`). Nothing is
    /// sent; files of certificates are read.
    ///
    /// # Errors
    /// When the way to it is not part of this build, or when it cannot be right: an address that is none, no token.
    pub fn channels(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Channel>, ChannelError> {
        self.channels_within(Limits::default(), env)
    }

    /// Returns the ids of the channels that [`Destination::channels`] returns, without opening anything: a process that only
    /// queues needs no more. Where the way to it is not part of this build there is none.
    pub fn channel_ids(&self) -> Vec<String> {
        let mut ids = match self {
            #[cfg(feature = "slack")]
            Self::Slack(slack) => vec![slack.id()],
            #[cfg(feature = "email")]
            Self::Email(email) => email.ids(),
            #[cfg(feature = "discord")]
            Self::Discord(discord) => vec![discord.id()],
            #[cfg(feature = "webhook")]
            Self::Webhook(webhook) => vec![webhook.id()],
            #[cfg(feature = "pagerduty")]
            Self::PagerDuty(service) => vec![service.id()],
            #[cfg(feature = "alertmanager")]
            Self::Alertmanager(server) => vec![server.id()],
            #[cfg(feature = "command")]
            Self::Command(command) => vec![command.id()],
            #[cfg(not(all(
                feature = "slack",
                feature = "email",
                feature = "discord",
                feature = "webhook",
                feature = "pagerduty",
                feature = "alertmanager",
                feature = "command"
            )))]
            _ => Vec::<String>::new(),
        };
        let mut seen = std::collections::BTreeSet::new();
        ids.retain(|id| seen.insert(id.clone()));
        ids
    }

    /// As [`Destination::channels`], with other limits on an attempt.
    ///
    /// # Errors
    /// As [`Destination::channels`].
    pub fn channels_within(
        &self,
        limits: Limits,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Vec<Channel>, ChannelError> {
        let name = self.type_name();
        match self.reached(limits, env) {
            Some(channels) => channels.map_err(|reason| ChannelError::Unusable { destination: name, reason }),
            // Each feature has the name of its type.
            None => Err(ChannelError::FeatureMissing { destination: name, feature: name }),
        }
    }

    /// Returns the channels, or nothing where the way to them is not part of this build.
    fn reached(
        &self,
        limits: Limits,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Option<Result<Vec<Channel>, String>> {
        let one = |channel: Channel| vec![channel];
        // A build without any way uses none of them.
        let _ = (limits, env, one);
        match self {
            #[cfg(feature = "slack")]
            Self::Slack(slack) => Some(slack.channel_within(limits, env).map(one)),
            #[cfg(feature = "email")]
            Self::Email(email) => Some(email.channels_within(limits)),
            #[cfg(feature = "discord")]
            Self::Discord(discord) => Some(discord.channel_within(limits).map(one)),
            #[cfg(feature = "webhook")]
            Self::Webhook(webhook) => Some(webhook.channel_within(limits).map(one)),
            #[cfg(feature = "pagerduty")]
            Self::PagerDuty(service) => Some(service.channel_within(limits).map(one)),
            #[cfg(feature = "alertmanager")]
            Self::Alertmanager(server) => Some(server.channel_within(limits).map(one)),
            #[cfg(feature = "command")]
            Self::Command(command) => Some(command.channel_within(limits).map(one)),
            #[cfg(not(all(
                feature = "slack",
                feature = "email",
                feature = "discord",
                feature = "webhook",
                feature = "pagerduty",
                feature = "alertmanager",
                feature = "command"
            )))]
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Destination {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = Map::deserialize(deserializer)?;
        let kind = match table.remove("type") {
            Some(Value::String(kind)) => kind,
            Some(_) => return Err(D::Error::custom("`type` of a destination is a word")),
            None => by_keys(&table).map_err(D::Error::custom)?.to_owned(),
        };
        let table = Value::Object(table);
        let destination = match kind.as_str() {
            "slack" => Slack::deserialize(table).map(Self::Slack),
            "email" => Email::deserialize(table).map(Self::Email),
            "discord" => Discord::deserialize(table).map(Self::Discord),
            "webhook" => Webhook::deserialize(table).map(Self::Webhook),
            "pagerduty" => PagerDuty::deserialize(table).map(Self::PagerDuty),
            "alertmanager" => Alertmanager::deserialize(table).map(Self::Alertmanager),
            "command" => Command::deserialize(table).map(Self::Command),
            other => {
                let other = other.escape_debug();
                return Err(D::Error::custom(format!("`{other}` is no destination: {}", TYPES.join(", "))));
            }
        };
        destination.map_err(|error| D::Error::custom(format!("{kind} destination: {error}")))
    }
}

/// Tells the type of a destination by the keys that only one has.
fn by_keys(table: &Map<String, Value>) -> Result<&'static str, String> {
    let has = |key: &str| table.contains_key(key);
    if has("channel") || has("bot_token") {
        Ok("slack")
    } else if has("receiver_addr") || has("addr") {
        Ok("email")
    } else if has("routing_key") {
        Ok("pagerduty")
    } else if has("command") {
        Ok("command")
    } else if let Some(url) = table.get("webhook_url").and_then(Value::as_str) {
        match url.split('/').nth(2) {
            Some("hooks.slack.com" | "hooks.slack-gov.com") => Ok("slack"),
            Some("discord.com" | "discordapp.com" | "ptb.discord.com" | "canary.discord.com") => {
                Ok("discord")
            }
            _ => Err("a destination with `webhook_url` needs `type`: slack or discord".into()),
        }
    } else if has("url") {
        Ok("webhook")
    } else {
        Err(format!("a destination needs `type`: {}", TYPES.join(", ")))
    }
}

macro_rules! from {
    ($($kind:ident),*) => {$(
        impl From<$kind> for Destination {
            fn from(destination: $kind) -> Self {
                Self::$kind(destination)
            }
        }
    )*};
}
from!(Slack, Email, Discord, Webhook, PagerDuty, Alertmanager, Command);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(table: Value) -> Result<Destination, String> {
        serde_json::from_value(table).map_err(|error| error.to_string())
    }

    #[test]
    fn the_type_is_told_by_the_keys() {
        for (table, kind) in [
            (json!({"channel": "ops"}), "slack"),
            (json!({"webhook_url": "https://hooks.slack.com/services/T/B/x"}), "slack"),
            (json!({"addr": "a@x.org", "receiver_addr": "b@x.org"}), "email"),
            (json!({"webhook_url": "https://discord.com/api/webhooks/1/x"}), "discord"),
            (json!({"url": "https://x.org/hook"}), "webhook"),
            (json!({"routing_key": "k"}), "pagerduty"),
            (json!({"type": "alertmanager", "url": "http://am:9093", "allow_http": true}), "alertmanager"),
            (json!({"command": ["wall"]}), "command"),
        ] {
            let destination = read(table.clone()).unwrap_or_else(|error| panic!("{table}: {error}"));
            assert_eq!(destination.type_name(), kind, "{table}");
        }
    }

    #[test]
    #[cfg(all(
        feature = "slack",
        feature = "email",
        feature = "discord",
        feature = "webhook",
        feature = "pagerduty",
        feature = "alertmanager",
        feature = "command"
    ))]
    fn the_ids_are_those_of_the_channels() {
        for table in [
            json!({"channel": "#ops", "bot_token": "xoxb-1"}),
            json!({"webhook_url": "https://hooks.slack.com/services/T/B/x"}),
            json!({"addr": "a@x.org", "password": "p", "receiver_addr": ["B <b@x.org>", "c@x.org", "b@x.org"]}),
            json!({"webhook_url": "https://discord.com/api/webhooks/1/x"}),
            json!({"url": "https://x.org/hook"}),
            json!({"type": "alertmanager", "url": "https://am:9093/base/"}),
            json!({"routing_key": " k "}),
            json!({"command": ["/usr/bin/wall", "x"]}),
        ] {
            let destination = read(table.clone()).unwrap();
            let channels = destination.channels(&|_| None).unwrap_or_else(|error| panic!("{table}: {error}"));
            let ids: Vec<String> = channels.into_iter().map(|channel| channel.id).collect();
            assert_eq!(destination.channel_ids(), ids, "{table}");
            assert!(!ids.is_empty());
        }
    }

    #[test]
    #[cfg(all(
        feature = "slack",
        feature = "email",
        feature = "discord",
        feature = "webhook",
        feature = "pagerduty",
        feature = "alertmanager",
        feature = "command"
    ))]
    fn only_who_is_not_disturbed_by_it_is_told_of_each_change() {
        for (table, in_place) in [
            (json!({"channel": "ops", "bot_token": "xoxb-1"}), true),
            (json!({"webhook_url": "https://hooks.slack.com/services/T/B/x"}), false),
            (json!({"addr": "a@x.org", "receiver_addr": "b@x.org"}), false),
            (json!({"webhook_url": "https://discord.com/api/webhooks/1/x"}), true),
            (json!({"url": "https://x.org/hook"}), true),
            (json!({"type": "alertmanager", "url": "https://am:9093"}), true),
            (json!({"routing_key": "k"}), true),
            (json!({"command": ["wall"]}), false),
        ] {
            let channels = read(table.clone()).unwrap().channels(&|_| None).unwrap();
            assert_eq!(channels[0].notifier.amends_in_place(), in_place, "{table}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (table, word) in [
            (json!({}), "needs `type`: slack, email"),
            (json!({"webhook_url": "https://chat.x.org/1"}), "slack or discord"),
            (json!({"type": "sms"}), "`sms` is no destination"),
            (json!({"type": 1}), "is a word"),
            (json!({"channel": "ops", "chanel": 1}), "unknown field `chanel`"),
            (json!({"type": "email", "addr": "a@x.org"}), "receiver_addr"),
            (json!({"type": "command", "command": ["x"], "url": "y"}), "unknown field `url`"),
        ] {
            let error = read(table.clone()).unwrap_err();
            assert!(error.contains(word), "{table}: {error}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for destination in [
            Destination::from(Slack::channel("ops")),
            Slack::webhook("https://hooks.slack.com/services/T/B/x").into(),
            Email::new("a@x.org", "p", ["b@x.org", "c@x.org"]).into(),
            Discord::new("https://discord.com/api/webhooks/1/x").into(),
            Webhook::new("https://x.org/hook").into(),
            PagerDuty::new("k").into(),
            Alertmanager::new("https://am").into(),
            Command::new(["wall"]).into(),
        ] {
            let text = serde_json::to_string(&destination).unwrap();
            assert!(text.contains(&format!(r#""type":"{}""#, destination.type_name())), "{text}");
            assert_eq!(serde_json::from_str::<Destination>(&text).unwrap(), destination, "{text}");
        }
    }

    #[test]
    fn no_secret_is_seen_in_debug() {
        for destination in [
            Destination::from(Slack { bot_token: Some("hush".into()), ..Slack::channel("ops") }),
            Slack::webhook("https://hooks.slack.com/services/T/B/hush").into(),
            Email::new("a@x.org", "hush", ["b@x.org"]).into(),
            Discord::new("https://discord.com/api/webhooks/1/hush").into(),
            Webhook { secret: Some("hush".into()), ..Webhook::new("https://x.org/hush") }.into(),
            PagerDuty::new("hush").into(),
            Alertmanager {
                headers: [("Authorization".to_owned(), "hush".into())].into(),
                ..Alertmanager::new("https://am")
            }
            .into(),
        ] {
            assert!(!format!("{destination:?}").contains("hush"), "{destination:?}");
        }
    }

    #[cfg(not(feature = "deliver"))]
    #[test]
    fn without_the_feature_the_error_names_it() {
        for destination in [
            Destination::from(Slack::channel("ops")),
            Email::new("a@x.org", "p", ["b@x.org"]).into(),
            Command::new(["wall"]).into(),
        ] {
            let error = destination.channels(&|_| None).unwrap_err().to_string();
            assert!(error.contains(&format!("the feature `{}`", destination.type_name())), "{error}");
        }
    }
}
