#![doc = include_str!("../README.md")]

mod engine;
mod forward;
mod hosts;
mod live;
mod loki;
mod mail;
mod receiver;
mod slack;

pub use engine::{Engine, IMAGE};
pub use forward::{ForwardMessage, ForwardReceiver, Forwarding};
pub use hosts::LiveHosts;
pub use live::{LiveManager, Output, repository, tf_binary, wait_until};
pub use loki::LokiStandIn;
pub use mail::MailServer;
pub use receiver::{Answer, HttpReceiver, Received};
pub use slack::SlackEmulator;
