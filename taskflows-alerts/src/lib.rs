#![doc = include_str!("../README.md")]

mod alerts;
mod destination;
pub mod incident;
mod memory_notifier;
mod message;
mod notifier;
pub mod outbox;
pub mod render;
mod send_on;
#[cfg(feature = "task-events")]
pub mod task_events;

pub use alerts::Alerts;
#[cfg(feature = "deliver")]
pub use destination::Sent;
pub use destination::{
    Alertmanager, Channel, ChannelError, Command, Destination, Discord, Email, Limits, MailTls, PagerDuty,
    Secret, Slack, Webhook,
};
pub use memory_notifier::{MemoryNotifier, Told};
pub use message::{
    Attachment, Cell, Component, Field, Link, Message, MessageState, Severity, TimelineEntry, Tone,
};
pub use notifier::{Delivery, Notifier, NotifyError, Receipt};
pub use send_on::{ParseSendOnError, SendOn};
