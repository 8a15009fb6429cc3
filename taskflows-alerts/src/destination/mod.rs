//! Where alerts go, and the ways there: a file for what each destination is, a directory for how it is reached.

mod alertmanager;
mod any;
mod channel;
mod command;
mod discord;
mod email;
#[cfg(feature = "http")]
#[cfg_attr(
    not(all(feature = "slack", feature = "discord", feature = "webhook", feature = "alertmanager")),
    allow(dead_code, unused_imports, reason = "each way over HTTP uses a part of it")
)]
mod http;
mod pagerduty;
#[cfg(any(feature = "command", feature = "webhook"))]
mod payload;
#[cfg(feature = "deliver")]
#[cfg_attr(
    not(all(feature = "email", feature = "command", feature = "http")),
    allow(dead_code, reason = "each way to send uses a part of it")
)]
mod place;
mod secret;
#[cfg(feature = "deliver")]
mod send;
mod slack;
#[cfg(any(feature = "email", feature = "http"))]
mod tls;
mod webhook;

pub use alertmanager::Alertmanager;
pub use any::Destination;
pub use channel::{Channel, ChannelError, Limits};
pub use command::Command;
pub use discord::Discord;
pub use email::{Email, MailTls};
pub use pagerduty::PagerDuty;
pub use secret::Secret;
#[cfg(feature = "deliver")]
pub use send::Sent;
pub use slack::Slack;
pub use webhook::Webhook;
