//! Where alerts go, and the ways there: a file for what each destination is, a directory for how it is reached.

mod alertmanager;
mod any;
mod channel;
mod command;
mod discord;
mod email;
#[cfg(feature = "http")]
mod http;
mod pagerduty;
#[cfg(any(feature = "command", feature = "webhook"))]
mod payload;
#[cfg(feature = "deliver")]
mod place;
mod secret;
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
pub use slack::Slack;
pub use webhook::Webhook;
