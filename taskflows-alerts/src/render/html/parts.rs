//! The pieces of a message, each a row of the card.

use super::write::Html;
use crate::render::address::{address, web_address};
use crate::render::look::{moment, tone_symbol};
use crate::render::text::one_line;
use crate::{Component, Field, Link, TimelineEntry, Tone};

const WRAP: &str = "word-break:break-word;overflow-wrap:anywhere";

/// Opens a row in which `fill` writes.
fn row(out: &mut Html, fill: impl FnOnce(&mut Html)) {
    out.push("<tr><td class=\"ink\" style=\"padding:6px 20px;font-size:15px;line-height:22px;color:#1f2937;");
    out.push(WRAP);
    out.push("\">");
    fill(out);
    out.push("</td></tr>\n");
}

pub(super) fn component(piece: &Component, out: &mut Html) {
    match piece {
        Component::Text { text, tone: Tone::Neutral } => row(out, |out| out.lines(text)),
        Component::Text { text, tone } | Component::Status { text, tone } => row(out, |out| {
            toned(*tone, out, |out| {
                out.push(tone_symbol(*tone));
                out.lines(text);
            });
        }),
        Component::KeyValues { pairs } => fields(pairs, out),
        Component::Table { title, columns, rows } => {
            row(out, |out| table(title.as_deref(), columns, rows, out));
        }
        Component::List { items, ordered } => row(out, |out| list(items, *ordered, out)),
        Component::Code { text, .. } => row(out, |out| code(text, out)),
        Component::Image { url, alt } => row(out, |out| image(url, alt, out)),
        Component::Divider => {
            row(out, |out| {
                out.push("<div class=\"rule\" style=\"border-top:1px solid #e2e5ea;height:0;line-height:0\"></div>");
            })
        }
        Component::Link(to) => row(out, |out| link(to, out)),
        Component::Timeline { entries } => row(out, |out| timeline(entries, out)),
        Component::Metric { name, value, change, tone } => {
            row(out, |out| metric(name, value, change.as_deref(), *tone, out));
        }
    }
}

/// Pairs as rows of two columns, which stay beside each other on a phone.
pub(super) fn fields(fields: &[Field], out: &mut Html) {
    if fields.is_empty() {
        return;
    }
    row(out, |out| {
        out.push(
            "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">",
        );
        for field in fields {
            out.push("<tr><td class=\"dim\" width=\"32%\" valign=\"top\" style=\"padding:3px 12px 3px 0;");
            out.push("font-size:14px;line-height:20px;color:#6b7280\">");
            out.text(&one_line(&field.name));
            out.push("</td><td class=\"ink\" valign=\"top\" style=\"padding:3px 0;font-size:14px;line-height:20px;");
            out.push("color:#111827;");
            out.push(WRAP);
            out.push("\">");
            out.lines(&field.value);
            out.push("</td></tr>");
        }
        out.push("</table>");
    });
}

/// Links as buttons that a thumb hits; what is no address stays text.
pub(super) fn links(links: &[Link], color: u32, out: &mut Html) {
    if links.is_empty() {
        return;
    }
    row(out, |out| {
        for to in links {
            let Some(url) = address(&to.url) else {
                out.push("<div>");
                link(to, out);
                out.push("</div>");
                continue;
            };
            out.push("<a href=\"");
            out.text(&url);
            out.push(
                "\" style=\"display:inline-block;margin:4px 8px 4px 0;padding:9px 16px;border-radius:6px;",
            );
            out.push("font-size:14px;line-height:18px;font-weight:600;text-decoration:none;color:#ffffff;background:");
            out.push(&format!("#{color:06x}"));
            out.push("\">");
            out.text(&shown(to));
            out.push("</a>");
        }
    });
}

fn shown(to: &Link) -> std::borrow::Cow<'_, str> {
    one_line(if to.text.trim().is_empty() { &to.url } else { &to.text })
}

fn link(to: &Link, out: &mut Html) {
    match address(&to.url) {
        Some(url) => {
            out.push("<a class=\"go\" style=\"color:#1d4ed8\" href=\"");
            out.text(&url);
            out.push("\">");
            out.text(&shown(to));
            out.push("</a>");
        }
        None => {
            out.text(&one_line(&to.text));
            out.push(": ");
            out.text(&one_line(&to.url));
        }
    }
}

fn table(title: Option<&str>, columns: &[String], rows: &[Vec<String>], out: &mut Html) {
    if let Some(title) = title {
        out.push("<div style=\"font-weight:600;padding-bottom:4px\">");
        out.text(&one_line(title));
        out.push("</div>");
    }
    // What the cells share stands at the table: a mail of many cells stays short. A wide table is pushed aside alone.
    out.push("<div style=\"overflow-x:auto\"><table class=\"grid ink\" cellpadding=\"6\" cellspacing=\"0\" border=\"0\" ");
    out.push(
        "style=\"border-collapse:collapse;font-size:13px;line-height:18px;color:#1f2937;text-align:left;",
    );
    out.push("word-break:normal;overflow-wrap:normal\">");
    if !columns.is_empty() {
        cells("<tr><th>", "</th><th>", "</th></tr>", columns, out);
    }
    for row in rows.iter().filter(|row| !row.is_empty()) {
        cells("<tr><td>", "</td><td>", "</td></tr>", row, out);
    }
    out.push("</table></div>");
}

fn cells(open: &str, between: &str, close: &str, cells: &[String], out: &mut Html) {
    let mut before = open;
    for cell in cells {
        out.push(before);
        out.lines(cell);
        before = between;
    }
    out.push(close);
}

fn list(items: &[String], ordered: bool, out: &mut Html) {
    let (open, close) = if ordered { ("<ol", "</ol>") } else { ("<ul", "</ul>") };
    out.push(open);
    out.push(" style=\"margin:0;padding-left:22px\">");
    for item in items {
        out.push("<li style=\"padding:1px 0\">");
        out.lines(item);
        out.push("</li>");
    }
    out.push(close);
}

fn code(text: &str, out: &mut Html) {
    out.push(
        "<pre class=\"code\" style=\"margin:0;padding:10px 12px;background:#f6f7f9;border:1px solid #e2e5ea;",
    );
    out.push(
        "border-radius:6px;color:#1f2937;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;",
    );
    out.push("font-size:12px;line-height:17px;white-space:pre-wrap;");
    out.push(WRAP);
    // A line end right after the tag would be dropped; this one is.
    out.push("\">\n");
    out.text(text.trim_end());
    out.push("</pre>");
}

/// Mail programs often hold pictures back: what is not loaded is told by the words, which link to it.
fn image(url: &str, alt: &str, out: &mut Html) {
    let Some(address) = web_address(url) else {
        return link(&Link { text: alt.to_owned(), url: url.to_owned() }, out);
    };
    out.push("<a class=\"go\" style=\"color:#1d4ed8\" href=\"");
    out.text(&address);
    out.push("\"><img src=\"");
    out.text(&address);
    out.push("\" alt=\"");
    out.text(&one_line(alt));
    out.push("\" style=\"max-width:100%;height:auto;border:0\"></a>");
}

fn timeline(entries: &[TimelineEntry], out: &mut Html) {
    out.push("<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">");
    for entry in entries {
        out.push("<tr><td class=\"dim\" valign=\"top\" style=\"padding:2px 12px 2px 0;font-size:13px;line-height:19px;");
        out.push("color:#6b7280;word-break:normal\">");
        out.push(&moment(entry.at).to_string());
        out.push(
            "</td><td class=\"ink\" valign=\"top\" style=\"padding:2px 0;font-size:14px;line-height:19px;",
        );
        out.push("color:#1f2937\">");
        out.lines(&entry.text);
        out.push("</td></tr>");
    }
    out.push("</table>");
}

fn metric(name: &str, value: &str, change: Option<&str>, tone: Tone, out: &mut Html) {
    out.push("<div class=\"dim\" style=\"font-size:13px;line-height:18px;color:#6b7280\">");
    out.text(&one_line(name));
    out.push("</div><div style=\"font-size:22px;line-height:28px;font-weight:600\">");
    toned(tone, out, |out| out.text(&one_line(value)));
    if let Some(change) = change {
        out.push(" <span class=\"dim\" style=\"font-size:13px;font-weight:400;color:#6b7280\">");
        out.text(&one_line(change));
        out.push("</span>");
    }
    out.push("</div>");
}

fn toned(tone: Tone, out: &mut Html, fill: impl FnOnce(&mut Html)) {
    out.push(match tone {
        Tone::Neutral => "<span>",
        Tone::Good => "<span class=\"good\" style=\"color:#15803d\">",
        Tone::Warning => "<span class=\"warning\" style=\"color:#b45309\">",
        Tone::Bad => "<span class=\"bad\" style=\"color:#c81e1e\">",
    });
    fill(out);
    out.push("</span>");
}
