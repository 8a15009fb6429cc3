mod blocks;
mod mrkdwn;

use serde_json::Value;

use self::blocks::Blocks;
use self::mrkdwn::{FENCED, MRKDWN, mention, pair, push_link};
use super::bounded::Bounded;
use super::look::{look, moment, tone_symbol};
use super::text::one_line;
use super::{address, grid, lead_and_rest, subject, whole};
use crate::{Attachment, Component, Field, Link, Message, TimelineEntry, Tone};

/// A message for Slack.
#[derive(Clone, Debug, PartialEq)]
pub struct SlackMessage {
    /// What notifications show, and places that show no blocks; mrkdwn, at most 3,900 UTF-16 units.
    pub text: String,
    /// What the channel shows: at most 50 Block Kit blocks.
    pub blocks: Vec<Value>,
    /// The attachments of the message; and `message.txt`, the whole message as [plain text](super::plain), where not all
    /// of it is in the blocks.
    pub files: Vec<Attachment>,
}

/// Returns the message as blocks of Slack's Block Kit.
///
/// Every limit of Slack's is kept: what is too long is cut at a character boundary and marked `…` (of a program's text
/// the end is kept, of a table the first rows), and the whole goes along as a file. Only [`Message::mentions`] call
/// anybody, and only links are links: `&`, `<` and `>` in other text are escaped, and Slack is told to parse none of it.
/// Source: the references of blocks and of text objects at docs.slack.dev. The sum of all blocks is kept to 9,000, as
/// `chat.postMessage` answers `msg_blocks_too_long` well below the sum of the single limits.
pub fn slack(message: &Message) -> SlackMessage {
    let mut blocks = Blocks::new();
    let look = look(message);
    blocks.header(|out| {
        out.push(look.symbol);
        out.push(" ");
        let title = one_line(&message.title);
        out.text(if title.trim().is_empty() { "(no title)" } else { &title }, MRKDWN);
    });
    mentions(&message.mentions, &mut blocks);
    let (lead, rest) = lead_and_rest(message);
    // Long words leave room for the facts, and the facts for the log.
    blocks.within(2_500, 10, |blocks| lead.iter().for_each(|piece| component(piece, blocks)));
    blocks.within(2_500, 5, |blocks| fields(&message.fields, blocks));
    blocks.within(1_500, 1, |blocks| links(&message.links, blocks));
    rest.iter().for_each(|piece| component(piece, &mut blocks));
    let (blocks, is_cut) = blocks.finish(message.at);
    let mut files = message.attachments.clone();
    if is_cut {
        files.push(whole(message));
    }
    SlackMessage { text: notification(message), blocks, files }
}

/// The title, the words that the body begins with, and the fields.
fn notification(message: &Message) -> String {
    let mut out = Bounded::new(3_900);
    subject::write(message, &mut out, MRKDWN);
    for piece in lead_and_rest(message).0 {
        if let Component::Text { text, tone } | Component::Status { text, tone } = piece {
            out.push("\n");
            out.push(tone_symbol(*tone));
            out.text(text.trim_end(), MRKDWN);
        }
    }
    for field in &message.fields {
        out.push("\n");
        out.text(&one_line(&field.name), MRKDWN);
        out.push(": ");
        out.text(field.value.trim_end(), MRKDWN);
    }
    out.finish()
}

fn mentions(mentions: &[String], blocks: &mut Blocks) {
    blocks.within(1_000, 1, |blocks| {
        blocks.mrkdwn(|out| {
            for (at, who) in mentions.iter().enumerate() {
                out.push(if at == 0 { "" } else { " " });
                mention(who, out);
            }
        });
    });
}

fn component(piece: &Component, blocks: &mut Blocks) {
    match piece {
        Component::Text { text, tone } | Component::Status { text, tone } => blocks.plain(|out| {
            out.push(if text.trim().is_empty() { "" } else { tone_symbol(*tone) });
            out.text(text.trim_end(), MRKDWN);
        }),
        Component::KeyValues { pairs } => blocks.mrkdwn(|out| {
            for (at, field) in pairs.iter().enumerate() {
                out.push(if at == 0 { "" } else { "\n" });
                pair(&field.name, ":  ", &field.value, out);
            }
        }),
        Component::Table { title, columns, rows } => table(title.as_deref(), columns, rows, blocks),
        Component::List { items, ordered } => blocks.plain(|out| list(items, *ordered, out)),
        Component::Code { text, .. } => blocks.mrkdwn(|out| out.code(text)),
        Component::Image { url, alt } => image(url, alt, blocks),
        Component::Divider => blocks.divider(),
        Component::Link(link) => links(std::slice::from_ref(link), blocks),
        Component::Timeline { entries } => blocks.plain(|out| timeline(entries, out)),
        Component::Metric { name, value, change, tone } => {
            blocks.mrkdwn(|out| metric(name, value, change.as_deref(), *tone, out));
        }
    }
}

fn fields(fields: &[Field], blocks: &mut Blocks) {
    for ten in fields.chunks(10) {
        blocks.fields(ten.iter().filter(|field| !(field.name.is_empty() && field.value.is_empty())));
    }
}

fn links(links: &[Link], blocks: &mut Blocks) {
    blocks.mrkdwn(|out| {
        for (at, link) in links.iter().enumerate() {
            out.push(if at == 0 { "" } else { "  ·  " });
            push_link(link, out);
        }
    });
}

/// The first rows, as many as fit into one block, their columns as wide as these rows need.
fn table(title: Option<&str>, columns: &[String], rows: &[Vec<String>], blocks: &mut Blocks) {
    const MOST_ROWS: usize = 50;
    let shown = &rows[..rows.len().min(MOST_ROWS)];
    blocks.mrkdwn(|out| {
        if let Some(title) = title.filter(|title| !title.trim().is_empty()) {
            pair(title, "", "", out);
            out.push("\n");
        }
        let mut text = String::new();
        grid::table(columns, shown, &mut text);
        if !text.trim().is_empty() {
            out.first_lines(&text, shown.len() < rows.len(), FENCED);
        }
    });
}

fn list(items: &[String], ordered: bool, out: &mut Bounded) {
    for (at, item) in items.iter().enumerate() {
        out.push(if at == 0 { "" } else { "\n" });
        if ordered {
            out.push(&format!("{}. ", at + 1))
        } else {
            out.push("• ")
        }
        out.text(item.trim_end(), MRKDWN);
        if out.is_full() {
            return;
        }
    }
}

fn timeline(entries: &[TimelineEntry], out: &mut Bounded) {
    for (at, entry) in entries.iter().enumerate() {
        out.push(if at == 0 { "" } else { "\n" });
        out.push(&format!("{}  ", moment(entry.at)));
        out.text(entry.text.trim_end(), MRKDWN);
        if out.is_full() {
            return;
        }
    }
}

fn metric(name: &str, value: &str, change: Option<&str>, tone: Tone, out: &mut Bounded) {
    out.push(tone_symbol(tone));
    match change {
        Some(change) => pair(name, ":  ", &format!("{value} ({change})"), out),
        None => pair(name, ":  ", value, out),
    }
}

/// A picture that Slack cannot load would make it refuse the whole message, so an address that is none, or too long,
/// stays text.
fn image(url: &str, alt: &str, blocks: &mut Blocks) {
    match address::web_address(url).filter(|url| super::bounded::units(url) <= 3_000) {
        Some(url) => blocks.image(&url, alt),
        None => blocks.plain(|out| {
            out.text(&one_line(alt), MRKDWN);
            out.push(": ");
            out.text(&one_line(url), MRKDWN);
        }),
    }
}
