#![doc = include_str!("../README.md")]

mod alerts;
mod destination;
mod message;
mod notifier;
pub mod render;
mod send_on;

pub use alerts::Alerts;
#[cfg(feature = "deliver")]
pub use destination::Sent;
pub use destination::{
    Alertmanager, Channel, ChannelError, Command, Destination, Discord, Email, Limits, MailTls, PagerDuty,
    Secret, Slack, Webhook,
};
pub use message::{
    Attachment, Cell, Component, Field, Link, Message, MessageState, Severity, TimelineEntry, Tone,
};
pub use notifier::{Delivery, Notifier, NotifyError, Receipt};
pub use send_on::{ParseSendOnError, SendOn};
