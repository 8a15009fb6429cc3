//! Slack's own markup.

use crate::Link;
use crate::render::address::address;
use crate::render::bounded::{Bounded, Markup};
use crate::render::text::{ANGLE, TICK, one_line};

/// For text objects of both kinds: Slack decodes these three entities and no other.
pub(super) const MRKDWN: Markup = Markup { special: ANGLE, escape: |_, ch| entity(ch) };

/// For text between marks of code, which must not close it: a space of no width stands between two of its marks.
pub(super) const FENCED: Markup = Markup {
    special: ANGLE | TICK,
    escape: |previous, ch| if (previous, ch) == ('`', '`') { Some("\u{200b}`") } else { entity(ch) },
};

/// For text in one line of code, which has no way to hold its own mark.
const SPAN: Markup =
    Markup { special: ANGLE | TICK, escape: |_, ch| if ch == '`' { Some("'") } else { entity(ch) } };

fn entity(ch: char) -> Option<&'static str> {
    match ch {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}

impl Bounded {
    /// Adds the end of a program's text.
    pub(super) fn code(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.end_of("```\n", text, "\n```", FENCED);
        }
    }
}

/// Writes a name in bold, and a value. What Slack would take for formatting is shown as code.
pub(super) fn pair(name: &str, between: &str, value: &str, out: &mut Bounded) {
    let name = one_line(name);
    if is_formatted(&name) {
        out.enclosed("`", &name, "`", SPAN);
    } else if !name.trim().is_empty() {
        out.enclosed("*", name.trim(), "*", MRKDWN);
    }
    if value.trim().is_empty() {
        return;
    }
    out.push(between);
    if is_formatted(value) {
        out.enclosed("`", &one_line(value), "`", SPAN);
    } else {
        out.text(value.trim(), MRKDWN);
    }
}

/// Writes a link, or its text and address where it is no link.
pub(super) fn push_link(link: &Link, out: &mut Bounded) {
    let text = one_line(&link.text);
    match address(&link.url) {
        Some(url) => {
            let text = if text.trim().is_empty() { url.as_ref() } else { text.trim() };
            out.enclosed(&format!("<{}|", url.replace('&', "&amp;")), text, ">", MRKDWN);
        }
        None => {
            out.text(text.trim(), MRKDWN);
            out.push(": ");
            out.text(&one_line(&link.url), MRKDWN);
        }
    }
}

/// Writes what calls somebody: a user, a group, everybody who is here. A name that Slack has no id for stays text, and an
/// id of Discord's, which is a number, means nothing here.
pub(super) fn mention(who: &str, out: &mut Bounded) {
    let bare = who.trim().trim_start_matches('@');
    let is_id = bare.len() > 4 && bare.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    match (bare, bare.as_bytes().first()) {
        ("here" | "channel" | "everyone", _) => out.push(&format!("<!{bare}>")),
        (_, Some(b'U' | b'W')) if is_id => out.push(&format!("<@{bare}>")),
        (_, Some(b'S')) if is_id => out.push(&format!("<!subteam^{bare}>")),
        _ if bare.trim_start_matches('&').bytes().all(|byte| byte.is_ascii_digit()) => {}
        _ => out.text(&one_line(who), MRKDWN),
    }
}

/// Tells whether Slack would show `text` otherwise than it stands: bold, italic, struck, code, an emoji.
fn is_formatted(text: &str) -> bool {
    let mut previous = ' ';
    let mut chars = text.chars().peekable();
    while let Some(ch) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        match ch {
            '*' | '~' | '`' => return true,
            '_' if !(previous.is_alphanumeric() && next.is_alphanumeric()) => return true,
            ':' if names_emoji(chars.clone()) => return true,
            _ => {}
        }
        previous = ch;
    }
    false
}

fn names_emoji(after_colon: impl Iterator<Item = char>) -> bool {
    let mut has_letter = false;
    for ch in after_colon {
        match ch {
            ':' => return has_letter,
            'a'..='z' => has_letter = true,
            '0'..='9' | '_' | '+' | '-' => {}
            _ => return false,
        }
    }
    false
}
