mod parts;
mod write;

use self::parts::{component, fields, links};
use self::write::Html;
use super::look::{look, moment};
use super::text::one_line;
use super::{lead_and_rest, subject};
use crate::{Component, Message};

/// The styles that cannot stand at an element: for the dark, and for rows of a table, whose cells would else make a mail
/// of 200 rows too long for Gmail, which shows the first 102 KB.
const STYLE: &str = "\
:root{color-scheme:light dark;supported-color-schemes:light dark}\
.grid td,.grid th{border-bottom:1px solid #e2e5ea}\
@media (prefers-color-scheme:dark){\
.page{background:#0f1216!important}\
.card{background:#191d23!important;border-color:#2c323b!important}\
.ink{color:#e6e9ee!important}\
.dim{color:#9aa4b2!important}\
.code{background:#0f1216!important;color:#d7dce3!important;border-color:#2c323b!important}\
.rule{border-color:#2c323b!important}\
.grid td,.grid th{border-color:#2c323b}\
.good{color:#4ade80!important}\
.warning{color:#fbbf24!important}\
.bad{color:#f87171!important}\
.go{color:#8ab4ff!important}}\
";

const FONT: &str =
    "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";

/// Returns the message as a whole HTML document for a mail: readable without pictures, scripts or style sheets, on a
/// phone, in the light and in the dark.
///
/// All text of others is escaped, and only `http`, `https` and `mailto` addresses are links. Nothing is cut. Mentions are
/// left out: they call nobody here.
pub fn html(message: &Message) -> String {
    let look = look(message);
    let mut out = Html::with_capacity(capacity(message));
    out.push("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    out.push("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
    out.push("<meta name=\"color-scheme\" content=\"light dark\">");
    out.push("<meta name=\"supported-color-schemes\" content=\"light dark\"><title>");
    out.text(&subject(message));
    out.push("</title><style>");
    out.push(STYLE);
    out.push("</style></head>\n<body class=\"page\" style=\"margin:0;padding:0;background:#f3f4f6\">");
    out.push("<table role=\"presentation\" class=\"page\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" ");
    out.push("style=\"background:#f3f4f6\"><tr><td align=\"center\" style=\"padding:12px 8px\">\n");
    out.push("<table role=\"presentation\" class=\"card\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" ");
    out.push("style=\"max-width:640px;background:#ffffff;border:1px solid #e2e5ea;border-radius:8px;");
    out.push("border-collapse:separate;table-layout:fixed;");
    out.push(FONT);
    out.push("\">\n");
    head(message, look.word, look.color, &mut out);
    let (lead, rest) = lead_and_rest(message);
    lead.iter().for_each(|piece| component(piece, &mut out));
    fields(&message.fields, &mut out);
    links(&message.links, look.color, &mut out);
    rest.iter().for_each(|piece| component(piece, &mut out));
    foot(message, &mut out);
    out.push("</table>\n</td></tr></table></body></html>\n");
    out.finish()
}

/// The bar in the colour of the severity, its word and the title.
fn head(message: &Message, word: Option<&str>, color: u32, out: &mut Html) {
    let color = format!("#{color:06x}");
    for piece in ["<tr><td style=\"height:6px;line-height:6px;font-size:0;background:", &color] {
        out.push(piece);
    }
    out.push(";border-radius:8px 8px 0 0\">&nbsp;</td></tr>\n<tr><td style=\"padding:18px 20px 6px\">");
    if let Some(word) = word {
        out.push("<span style=\"display:inline-block;background:");
        out.push(&color);
        out.push(";color:#ffffff;font-size:12px;font-weight:700;letter-spacing:.06em;");
        out.push("padding:3px 8px;border-radius:4px;margin-bottom:8px\">");
        out.push(word);
        out.push("</span>");
    }
    out.push("<div class=\"ink\" style=\"font-size:20px;line-height:27px;font-weight:650;color:#111827;");
    out.push("word-break:break-word;overflow-wrap:anywhere\">");
    let title = one_line(&message.title);
    out.text(if title.trim().is_empty() { "(no title)" } else { title.trim() });
    out.push("</div></td></tr>\n");
}

fn foot(message: &Message, out: &mut Html) {
    out.push("<tr><td class=\"dim\" style=\"padding:8px 20px 16px;font-size:12px;line-height:18px;color:#6b7280\">");
    if let Some(at) = message.at {
        out.push(&moment(at).to_string());
    }
    out.push("</td></tr>\n");
}

/// A guess that spares most of the growing.
fn capacity(message: &Message) -> usize {
    let piece = |piece: &Component| match piece {
        Component::Table { columns, rows, .. } => 512 + (rows.len() + 1) * (columns.len() * 24 + 12),
        Component::Text { text, .. } | Component::Code { text, .. } => 384 + text.len() + text.len() / 8,
        _ => 1_024,
    };
    4_096 + 256 * message.fields.len() + message.body.iter().map(piece).sum::<usize>()
}
