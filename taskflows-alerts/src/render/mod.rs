//! A message as each place shows it. Functions of the message alone: no clock, no files, no network.
//!
//! All of them keep one order: the title; the texts and states that the body begins with; the fields; the links; the
//! rest of the body; when it happened. What was written by others is shown and never obeyed: control characters and
//! terminal escapes are left out, markup is escaped, and only the addresses of links become links.

mod address;
mod bounded;
mod discord;
mod grid;
mod html;
mod look;
mod plain;
mod slack;
mod subject;
mod text;

use crate::{Attachment, Component, Message};

pub use discord::{DiscordMessage, discord};
pub use html::html;
pub use plain::plain;
pub use slack::{SlackMessage, slack};
pub use subject::subject;

/// The body in two parts: what is said in words before the facts, and what comes after them.
fn lead_and_rest(message: &Message) -> (&[Component], &[Component]) {
    let in_words = |piece: &&Component| matches!(piece, Component::Text { .. } | Component::Status { .. });
    let mut words = message.body.iter().take_while(in_words).count();
    // What ends with a colon announces what comes next, and stays with it.
    let announces = |piece: &Component| matches!(piece, Component::Text { text, .. } if text.ends_with(':'));
    if words < message.body.len() && words > 0 && announces(&message.body[words - 1]) {
        words -= 1;
    }
    message.body.split_at(words)
}

/// The file that holds what did not fit into a message.
fn whole(message: &Message) -> Attachment {
    Attachment {
        name: "message.txt".to_owned(),
        media_type: "text/plain; charset=utf-8".to_owned(),
        content: plain(message).into_bytes(),
    }
}
