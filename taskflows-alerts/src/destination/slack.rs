use serde::{Deserialize, Serialize};

use super::Secret;

#[cfg(feature = "slack")]
mod bot;
#[cfg(feature = "slack")]
mod fault;
#[cfg(feature = "slack")]
mod files;
#[cfg(feature = "slack")]
mod hook;

/// A Slack channel, reached by a bot or, with less that it can do, by an incoming webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// The channel: its name, with or without `#`, or its id. Empty with a webhook, which has a channel of its own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub channel: String,
    /// The bot's token, `xoxb-…`; left out it is the variable `SLACK_BOT_TOKEN`, else `SERVICES_SLACK_BOT_TOKEN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_token: Option<Secret>,
    /// An incoming webhook: messages cannot be changed later, threads and files are not to be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<Secret>,
    /// Where the Web API is, if not at `https://slack.com/api/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
}

impl Slack {
    /// Names a channel; the token comes from the environment.
    pub fn channel(channel: impl Into<String>) -> Self {
        Self { channel: channel.into(), ..Self::default() }
    }

    /// Names an incoming webhook.
    pub fn webhook(url: impl Into<Secret>) -> Self {
        Self { webhook_url: Some(url.into()), ..Self::default() }
    }
}

#[cfg(feature = "slack")]
mod ways {
    use std::sync::Arc;

    use super::super::http::{address, hiding};
    use super::super::place::{Limited, Place, fingerprint};
    use super::{Slack, bot::SlackBot, hook::SlackHook};
    use crate::{Channel, Limits};

    /// Where a token is looked for when the destination names none.
    const TOKENS: [&str; 2] = ["SLACK_BOT_TOKEN", "SERVICES_SLACK_BOT_TOKEN"];

    impl Slack {
        pub(in crate::destination) fn channel_within(
            &self,
            limits: Limits,
            env: &dyn Fn(&str) -> Option<String>,
        ) -> Result<Channel, String> {
            match &self.webhook_url {
                Some(_) if self.bot_token.is_some() => {
                    Err("`bot_token` and `webhook_url` are two ways; take one".into())
                }
                Some(url) => hook(url.expose(), self.id(), limits),
                None => self.bot(limits, env),
            }
        }

        fn name(&self) -> &str {
            self.channel.trim().trim_start_matches('#')
        }

        /// Returns the id of its channel.
        pub(in crate::destination) fn id(&self) -> String {
            match &self.webhook_url {
                Some(url) => format!("slack:webhook-{}", fingerprint(url.expose(), 4)),
                None => format!("slack:{}", self.name()),
            }
        }

        fn bot(&self, limits: Limits, env: &dyn Fn(&str) -> Option<String>) -> Result<Channel, String> {
            let channel = self.name();
            if channel.is_empty() {
                return Err("`channel` is empty".into());
            }
            let own = self.bot_token.as_ref().map(|token| token.expose().to_owned());
            let token =
                own.or_else(|| TOKENS.iter().filter_map(|name| env(name)).find(|token| !token.is_empty()));
            let token = token.filter(|token| !token.trim().is_empty()).ok_or_else(|| {
                format!(
                    "there is no token: give `bot_token`, or set {} where alerts are sent from",
                    TOKENS[0]
                )
            })?;
            let mut api = self.api_url.clone().unwrap_or_else(|| "https://slack.com/api/".into());
            if !api.ends_with('/') {
                api.push('/');
            }
            let api = address(&api, false).map_err(|error| format!("`api_url`: {error}"))?;
            let place = Place::new(format!("Slack channel {channel}")).hiding(&token);
            let inner = SlackBot::new(channel.to_owned(), token.trim().to_owned(), api, &place, limits)?;
            let notifier = Arc::new(Limited { inner, place, limit: limits.whole });
            Ok(Channel { id: self.id(), notifier })
        }
    }

    fn hook(url: &str, id: String, limits: Limits) -> Result<Channel, String> {
        let address = address(url, false).map_err(|error| format!("`webhook_url`: {error}"))?;
        let place = hiding(Place::new("Slack webhook"), &address);
        let inner = SlackHook::new(address, &place, limits)?;
        Ok(Channel { id, notifier: Arc::new(Limited { inner, place, limit: limits.whole }) })
    }
}
