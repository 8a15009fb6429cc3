//! A document that grows.

use crate::render::text::{ANGLE, LINE, QUOTE, UNCLEAN, classes, clean};

/// Markup of ours, and the text of others, which never becomes markup.
pub(super) struct Html(String);

impl Html {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self(String::with_capacity(capacity))
    }

    /// Adds markup of ours.
    pub(super) fn push(&mut self, ours: &str) {
        self.0.push_str(ours);
    }

    /// Adds text, to an element or to an attribute in double quotes.
    pub(super) fn text(&mut self, text: &str) {
        if classes(text) & (UNCLEAN | ANGLE | QUOTE) == 0 {
            return self.0.push_str(text);
        }
        self.escaped(&clean(text), |_| None);
    }

    /// Adds text whose line ends are seen.
    pub(super) fn lines(&mut self, text: &str) {
        if classes(text) & (UNCLEAN | ANGLE | QUOTE | LINE) == 0 {
            return self.0.push_str(text);
        }
        self.escaped(clean(text).trim_end(), |ch| (ch == '\n').then_some("<br>"));
    }

    fn escaped(&mut self, text: &str, more: impl Fn(char) -> Option<&'static str>) {
        let mut done = 0;
        for (at, ch) in text.char_indices() {
            let Some(entity) = entity(ch).or_else(|| more(ch)) else { continue };
            self.0.push_str(&text[done..at]);
            self.0.push_str(entity);
            done = at + ch.len_utf8();
        }
        self.0.push_str(&text[done..]);
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

fn entity(ch: char) -> Option<&'static str> {
    match ch {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        _ => None,
    }
}
