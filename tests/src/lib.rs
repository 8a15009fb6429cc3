#![doc = include_str!("../README.md")]

mod engine;
mod live;
mod mail;
mod slack;

pub use engine::{Engine, IMAGE};
pub use live::{LiveManager, Output, repository, tf_binary, wait_until};
pub use mail::MailServer;
pub use slack::SlackEmulator;
