use std::fmt::Write as _;

use super::grid;
use super::look::{moment, tone_word};
use super::text::{clean, one_line, width};
use super::{lead_and_rest, subject};
use crate::{Component, Field, Link, Message};

/// Returns the message as text for a terminal or the text part of a mail: one paragraph a piece, columns below each
/// other, no control characters but line ends and tabs. Nothing is cut. Mentions are left out: they call nobody here.
pub fn plain(message: &Message) -> String {
    let mut out = String::with_capacity(capacity(message));
    out.push_str(&subject(message));
    out.push('\n');
    let (lead, rest) = lead_and_rest(message);
    lead.iter().for_each(|piece| component(piece, &mut out));
    pairs(&message.fields, &mut out);
    if !message.links.is_empty() {
        out.push('\n');
        message.links.iter().for_each(|to| link(to, &mut out));
    }
    rest.iter().for_each(|piece| component(piece, &mut out));
    if let Some(at) = message.at {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(out, "\n{}", moment(at));
    }
    out
}

/// A guess that spares most of the growing.
fn capacity(message: &Message) -> usize {
    let piece = |piece: &Component| match piece {
        Component::Table { columns, rows, .. } => (rows.len() + 2) * columns.len() * 14,
        Component::Text { text, .. } | Component::Code { text, .. } => text.len() + text.len() / 8,
        _ => 128,
    };
    256 + 64 * message.fields.len() + message.body.iter().map(piece).sum::<usize>()
}

fn component(piece: &Component, out: &mut String) {
    out.push('\n');
    match piece {
        Component::Text { text, tone } | Component::Status { text, tone } => {
            out.push_str(tone_word(*tone));
            push_line(&clean(text), out);
        }
        Component::KeyValues { pairs: some } => {
            out.pop();
            pairs(some, out);
        }
        Component::Table { title, columns, rows } => {
            if let Some(title) = title {
                push_line(&one_line(title), out);
            }
            grid::table(columns, rows, out);
        }
        Component::List { items, ordered } => {
            for (at, item) in items.iter().enumerate() {
                let _ = if *ordered { write!(out, "{}. ", at + 1) } else { out.write_str("- ") };
                push_indented(&clean(item), "   ", out);
            }
        }
        Component::Code { text, .. } => {
            out.push_str("    ");
            push_indented(clean(text).trim_end(), "    ", out);
        }
        Component::Image { url, alt } => link(&Link { text: alt.clone(), url: url.clone() }, out),
        Component::Divider => out.push_str("----------------------------------------\n"),
        Component::Link(to) => link(to, out),
        Component::Timeline { entries } => {
            for entry in entries {
                let _ = write!(out, "{}  ", moment(entry.at));
                push_indented(&clean(&entry.text), "    ", out);
            }
        }
        Component::Metric { name, value, change, tone } => {
            let _ = write!(out, "{}{}: {}", tone_word(*tone), one_line(name), one_line(value));
            if let Some(change) = change {
                let _ = write!(out, " ({})", one_line(change));
            }
            out.push('\n');
        }
    }
}

fn pairs(pairs: &[Field], out: &mut String) {
    if pairs.is_empty() {
        return;
    }
    out.push('\n');
    let widest = pairs.iter().map(|pair| width(&one_line(&pair.name)).min(30)).max().unwrap_or(0);
    for pair in pairs {
        let name = one_line(&pair.name);
        let missing = widest.saturating_sub(width(&name)) + 2;
        let _ = write!(out, "{name}:{:missing$}", "");
        push_indented(&clean(&pair.value), "    ", out);
    }
}

fn link(to: &Link, out: &mut String) {
    let (text, url) = (one_line(&to.text), one_line(&to.url));
    let _ =
        if text.is_empty() || text == url { writeln!(out, "{url}") } else { writeln!(out, "{text}: {url}") };
}

fn push_line(text: &str, out: &mut String) {
    out.push_str(text);
    out.push('\n');
}

/// Writes `text` and a line end, with `indent` before each line but the first.
fn push_indented(text: &str, indent: &str, out: &mut String) {
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push_str(indent);
        }
        push_line(line, out);
    }
}
