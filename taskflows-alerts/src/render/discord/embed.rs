//! The description of an embed.

use super::markdown::{FENCED, TEXT};
use crate::render::address::address;
use crate::render::bounded::Bounded;
use crate::render::grid;
use crate::render::look::tone_symbol;
use crate::render::text::one_line;
use crate::{Component, Field, Link};

/// Returns what `fill` writes, and remembers whether it was cut.
pub(super) fn bounded(limit: usize, is_cut: &mut bool, fill: impl FnOnce(&mut Bounded)) -> String {
    let mut out = Bounded::new(limit);
    fill(&mut out);
    *is_cut |= out.is_cut();
    out.finish()
}

/// Writes the body and the links, and of the pictures all but `image`, which stands in the embed itself.
pub(super) fn describe(
    lead: &[Component],
    links: &[Link],
    rest: &[Component],
    image: Option<&str>,
    out: &mut Bounded,
) {
    for piece in lead {
        let mut cut = false;
        // Long words leave room for the log.
        let words = bounded((out.left() / 2).max(200), &mut cut, |out| component(piece, out));
        paragraph(out, |out| out.push(&words));
        if cut {
            out.shorten();
        }
    }
    if !links.is_empty() {
        paragraph(out, |out| {
            for (at, to) in links.iter().enumerate() {
                out.push(if at == 0 { "" } else { "  ·  " });
                link(to, out);
            }
        });
    }
    for piece in rest {
        let is_shown = matches!(piece, Component::Image { url, .. } if image == Some(url));
        if !is_shown {
            paragraph(out, |out| component(piece, out));
        }
    }
}

fn paragraph(out: &mut Bounded, fill: impl FnOnce(&mut Bounded)) {
    if !out.is_empty() {
        out.push("\n");
    }
    fill(out);
}

fn component(piece: &Component, out: &mut Bounded) {
    match piece {
        Component::Text { text, tone } | Component::Status { text, tone } => {
            out.push(tone_symbol(*tone));
            out.text(text.trim_end(), TEXT);
        }
        Component::KeyValues { pairs } => lines(pairs, out, |_, field, out| pair(field, out)),
        Component::Table { title, columns, rows } => table(title.as_deref(), columns, rows, out),
        Component::List { items, ordered } => lines(items, out, |at, item, out| {
            if *ordered {
                out.push(&format!("{}. ", at + 1))
            } else {
                out.push("• ")
            }
            out.text(item.trim_end(), TEXT);
        }),
        Component::Code { text, .. } if text.trim().is_empty() => {}
        Component::Code { text, .. } => out.end_of("```\n", text, "\n```", FENCED),
        Component::Image { url, alt } => link(&Link { text: alt.clone(), url: url.clone() }, out),
        Component::Divider => out.push("─────"),
        Component::Link(to) => link(to, out),
        Component::Timeline { entries } => lines(entries, out, |_, entry, out| {
            // Discord shows it in the reader's own zone.
            out.push(&format!("<t:{}:f> ", entry.at.as_second()));
            out.text(entry.text.trim_end(), TEXT);
        }),
        Component::Metric { name, value, change, tone } => {
            out.push(tone_symbol(*tone));
            pair(&Field { name: name.clone(), value: value.clone() }, out);
            if let Some(change) = change {
                out.push(" (");
                out.text(&one_line(change), TEXT);
                out.push(")");
            }
        }
    }
}

fn lines<T>(items: &[T], out: &mut Bounded, write: impl Fn(usize, &T, &mut Bounded)) {
    for (at, item) in items.iter().enumerate() {
        if out.is_full() {
            return;
        }
        out.push(if at == 0 { "" } else { "\n" });
        write(at, item, out);
    }
}

fn pair(field: &Field, out: &mut Bounded) {
    if !field.name.trim().is_empty() {
        out.enclosed("**", one_line(&field.name).trim(), ":** ", TEXT);
    }
    out.text(field.value.trim_end(), TEXT);
}

fn table(title: Option<&str>, columns: &[String], rows: &[Vec<String>], out: &mut Bounded) {
    const MOST_ROWS: usize = 30;
    let shown = &rows[..rows.len().min(MOST_ROWS)];
    if let Some(title) = title.filter(|title| !title.trim().is_empty()) {
        out.enclosed("**", one_line(title).trim(), "**\n", TEXT);
    }
    let mut text = String::new();
    grid::table(columns, shown, &mut text);
    if !text.trim().is_empty() {
        out.first_lines(&text, shown.len() < rows.len(), FENCED);
    }
}

/// Writes a link, or its text and address where it is no link.
fn link(to: &Link, out: &mut Bounded) {
    let text = one_line(&to.text);
    match address(&to.url) {
        // Mail is no link here.
        Some(url) if !url.starts_with(['m', 'M']) => {
            let text = if text.trim().is_empty() { url.as_ref() } else { text.trim() };
            out.enclosed("[", text, &format!("]({url})"), TEXT);
        }
        _ => {
            out.text(text.trim(), TEXT);
            out.push(": ");
            out.text(&one_line(&to.url), TEXT);
        }
    }
}
