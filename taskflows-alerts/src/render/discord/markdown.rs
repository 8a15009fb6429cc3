//! Discord's Markdown, and its mentions.

use serde_json::{Value, json};

use crate::render::bounded::{Bounded, Markup};
use crate::render::text::{ANGLE, MARKDOWN, TICK, one_line};

/// Text that shows as it stands.
pub(super) const TEXT: Markup = Markup { special: ANGLE | TICK | MARKDOWN, escape };

/// Text in the content, where `@everyone` would call everyone if the message may call anybody at all.
pub(super) const CONTENT: Markup = Markup {
    special: ANGLE | TICK | MARKDOWN,
    escape: |previous, ch| if ch == '@' { Some("@\u{200b}") } else { escape(previous, ch) },
};

/// Text between marks of code, which must not close it: a space of no width stands between two of its marks.
pub(super) const FENCED: Markup =
    Markup { special: TICK, escape: |previous, ch| ((previous, ch) == ('`', '`')).then_some("\u{200b}`") };

fn escape(previous: char, ch: char) -> Option<&'static str> {
    Some(match ch {
        '\\' => r"\\",
        '*' => r"\*",
        '_' => r"\_",
        '~' => r"\~",
        '`' => r"\`",
        '|' => r"\|",
        '<' => r"\<",
        '>' => r"\>",
        '[' => r"\[",
        ']' => r"\]",
        '(' => r"\(",
        ')' => r"\)",
        '#' => r"\#",
        // A list at the start of a line, and an address anywhere.
        '-' if matches!(previous, '\n' | ' ' | '-') => r"\-",
        '+' if matches!(previous, '\n' | ' ') => r"\+",
        '/' if previous == ':' => r"\/",
        _ => return None,
    })
}

/// Whom a message calls.
#[derive(Default)]
pub(super) struct Mentions<'a> {
    users: Vec<&'a str>,
    roles: Vec<&'a str>,
    /// `@here` or `@everyone`.
    all: Option<&'static str>,
    names: Vec<&'a str>,
}

impl<'a> Mentions<'a> {
    pub(super) fn read(mentions: &'a [String]) -> Self {
        let mut read = Self::default();
        for who in mentions {
            let bare = who.trim().trim_start_matches('@');
            let role = bare.strip_prefix('&').filter(|id| is_id(id));
            match (bare, role) {
                ("here" | "channel", _) => read.all = read.all.or(Some("@here")),
                ("everyone", _) => read.all = Some("@everyone"),
                (_, Some(role)) => read.roles.push(role),
                _ if is_id(bare) => read.users.push(bare),
                _ if is_id_of_slack(bare) => {}
                _ => read.names.push(who),
            }
        }
        // Discord takes no more of them.
        read.users.truncate(30);
        read.roles.truncate(30);
        read
    }

    pub(super) fn write(&self, out: &mut Bounded) {
        self.all.iter().for_each(|all| push_word(all, out));
        self.users.iter().for_each(|id| push_word(&format!("<@{id}>"), out));
        self.roles.iter().for_each(|id| push_word(&format!("<@&{id}>"), out));
        let mut left = 300_usize;
        for name in &self.names {
            let name = one_line(name);
            let Some(rest) = left.checked_sub(name.len()) else { break };
            left = rest;
            out.text(&name, CONTENT);
            out.push(" ");
        }
    }

    pub(super) fn allowed(&self) -> Value {
        let parse: &[&str] = if self.all.is_some() { &["everyone"] } else { &[] };
        json!({ "parse": parse, "users": self.users, "roles": self.roles })
    }
}

fn push_word(word: &str, out: &mut Bounded) {
    out.push(word);
    out.push(" ");
}

fn is_id(text: &str) -> bool {
    (15..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An id that means nothing here.
fn is_id_of_slack(text: &str) -> bool {
    text.len() > 4
        && text.starts_with(['U', 'W', 'S'])
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}
