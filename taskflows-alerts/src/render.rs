//! Stands in until the renderers are merged.

use serde_json::{Value, json};

use crate::{Attachment, Component, Message};

pub(crate) struct SlackMessage {
    pub(crate) text: String,
    pub(crate) blocks: Vec<Value>,
    pub(crate) files: Vec<Attachment>,
}

pub(crate) struct DiscordMessage {
    pub(crate) payload: Value,
    pub(crate) files: Vec<Attachment>,
}

pub(crate) fn subject(message: &Message) -> String {
    message.title.clone()
}

pub(crate) fn plain(message: &Message) -> String {
    let mut text = message.title.clone();
    for component in &message.body {
        if let Component::Text { text: part, .. } | Component::Code { text: part, .. } = component {
            text.push('\n');
            text.push_str(part);
        }
    }
    text
}

pub(crate) fn html(message: &Message) -> String {
    format!("<p>{}</p>", message.title.replace('&', "&amp;").replace('<', "&lt;"))
}

pub(crate) fn slack(message: &Message) -> SlackMessage {
    let section = json!({"type": "section", "text": {"type": "plain_text", "text": message.title}});
    SlackMessage { text: message.title.clone(), blocks: vec![section], files: message.attachments.clone() }
}

pub(crate) fn discord(message: &Message) -> DiscordMessage {
    DiscordMessage { payload: json!({"content": message.title}), files: message.attachments.clone() }
}
