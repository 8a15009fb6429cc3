#![doc = include_str!("../README.md")]

pub mod incident;
mod memory_notifier;
mod message;
mod notifier;
pub mod outbox;
mod send_on;

pub use memory_notifier::{MemoryNotifier, Told};
pub use message::{
    Attachment, Cell, Component, Field, Link, Message, MessageState, Severity, TimelineEntry, Tone,
};
pub use notifier::{Delivery, Notifier, NotifyError, Receipt};
pub use send_on::{ParseSendOnError, SendOn};
