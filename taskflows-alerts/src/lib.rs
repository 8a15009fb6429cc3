#![doc = include_str!("../README.md")]

mod message;
mod notifier;
pub mod render;
mod send_on;

pub use message::{
    Attachment, Cell, Component, Field, Link, Message, MessageState, Severity, TimelineEntry, Tone,
};
pub use notifier::{Delivery, Notifier, NotifyError, Receipt};
pub use send_on::{ParseSendOnError, SendOn};
