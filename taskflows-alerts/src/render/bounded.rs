//! Text that keeps a limit.

use super::text::{UNCLEAN, WIDE, classes, clean};

/// Written where something was left out.
pub(super) const MARK: &str = "…";

/// How the text of others is written in a markup.
#[derive(Clone, Copy)]
pub(super) struct Markup {
    /// The classes of bytes that may need more than to be copied.
    pub(super) special: u8,
    /// What stands in for a character, given the one before it (a line end at the start).
    pub(super) escape: fn(char, char) -> Option<&'static str>,
}

impl Markup {
    /// Whether each byte of `text` is one unit, written as it is.
    fn copies(&self, text: &str) -> bool {
        classes(text) & (self.special | WIDE | UNCLEAN) == 0
    }

    fn cost(&self, previous: char, ch: char) -> usize {
        (self.escape)(previous, ch).map_or(ch.len_utf16(), units)
    }
}

/// Text that takes what fits, and the mark once something did not. Lengths are UTF-16 units, which are at least as many
/// as the characters that a place may count.
pub(super) struct Bounded {
    out: String,
    left: usize,
    /// It takes at least the mark.
    has_place_for_mark: bool,
    /// Something did not fit, and nothing more is taken.
    full: bool,
    /// Something was left out inside, where the mark stands.
    shortened: bool,
}

impl Bounded {
    /// Of at most `limit` units, the mark included.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            out: String::new(),
            left: limit.saturating_sub(1),
            has_place_for_mark: limit > 0,
            full: limit == 0,
            shortened: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Whether it takes no more.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Whether anything was left out.
    pub(super) fn is_cut(&self) -> bool {
        self.full || self.shortened
    }

    /// How much more fits.
    pub(super) fn left(&self) -> usize {
        if self.full { 0 } else { self.left }
    }

    /// Adds markup of ours, whole or not at all.
    pub(super) fn push(&mut self, ours: &str) {
        let cost = units(ours);
        if self.full || cost > self.left {
            self.full = true;
            return;
        }
        self.left -= cost;
        self.out.push_str(ours);
    }

    /// Adds text of others, as far as it fits.
    pub(super) fn text(&mut self, text: &str, markup: Markup) {
        if text.len() <= self.left() && markup.copies(text) {
            self.left -= text.len();
            return self.out.push_str(text);
        }
        let mut previous = '\n';
        for ch in clean(text).chars() {
            let escaped = (markup.escape)(previous, ch);
            let cost = escaped.map_or(ch.len_utf16(), units);
            if self.full || cost > self.left {
                self.full = true;
                return;
            }
            self.left -= cost;
            match escaped {
                Some(escaped) => self.out.push_str(escaped),
                None => self.out.push(ch),
            }
            previous = ch;
        }
    }

    /// Adds text of others between two pieces of ours that must both be there; the text is cut if need be, and the mark
    /// then stands inside.
    pub(super) fn enclosed(&mut self, open: &str, text: &str, close: &str, markup: Markup) {
        let Some(room) = self.left().checked_sub(units(open) + units(close)).filter(|room| *room > 1) else {
            self.full = true;
            return;
        };
        let mut inner = Self::new(room);
        inner.text(text, markup);
        let cut = inner.is_cut();
        self.push(open);
        self.push(&inner.finish());
        self.push(close);
        self.shortened |= cut;
    }

    /// As [`Bounded::enclosed`], but what is kept is the end, in whole lines where it has several: the last lines of a
    /// log say what went wrong.
    pub(super) fn end_of(&mut self, open: &str, text: &str, close: &str, markup: Markup) {
        let text = clean(text);
        let text = text.trim_end();
        let Some(room) = self.left().checked_sub(units(open) + units(close) + 2).filter(|room| *room > 1)
        else {
            self.full = true;
            return;
        };
        let shown = end_that_fits(text, room, markup);
        self.push(open);
        let cut = shown.len() < text.len();
        if cut {
            self.push(MARK);
            self.push("\n");
        }
        self.text(shown, markup);
        self.push(close);
        self.shortened |= cut;
    }

    /// Adds the first lines of a table between marks of code, in whole lines where one fits, and the mark where there
    /// are more.
    pub(super) fn first_lines(&mut self, text: &str, has_more: bool, markup: Markup) {
        let (open, close) = ("```\n", "\n```");
        let text = text.trim_end();
        let room = self.left().saturating_sub(units(open) + units(close) + 2);
        let end = start_that_fits(text, room, markup);
        if end == 0 {
            return self.enclosed(open, text, close, markup);
        }
        let cut = has_more || end < text.len();
        self.push(open);
        self.text(&text[..end], markup);
        self.push(if cut { "\n…" } else { "" });
        self.push(close);
        self.shortened |= cut;
    }

    /// Remembers that something was left out before it came here.
    pub(super) fn shorten(&mut self) {
        self.shortened = true;
    }

    pub(super) fn finish(mut self) -> String {
        if self.full && self.has_place_for_mark {
            self.out.push_str(MARK);
        }
        self.out
    }
}

/// Returns how many UTF-16 units `text` has.
pub(super) fn units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// Returns where the last of the whole lines ends that take at most `room` units together; 0 where none does.
fn start_that_fits(text: &str, room: usize, markup: Markup) -> usize {
    if markup.copies(text) {
        // A line may end right behind what fits.
        let whole = text.len() <= room;
        return if whole { text.len() } else { text[..room + 1].rfind('\n').unwrap_or(0) };
    }
    let (mut left, mut end, mut previous) = (room, 0, '\n');
    for (at, ch) in text.char_indices() {
        if ch == '\n' {
            end = at;
        }
        let Some(rest) = left.checked_sub(markup.cost(previous, ch)) else { return end };
        (left, previous) = (rest, ch);
    }
    text.len()
}

/// Returns the longest end of `text` that takes at most `room` units, without the line it would begin amid.
fn end_that_fits(text: &str, room: usize, markup: Markup) -> &str {
    if text.len() <= room && markup.copies(text) {
        return text;
    }
    // No unit takes more than three bytes.
    let window = &text[text.ceil_char_boundary(text.len().saturating_sub(3 * room))..];
    let mut left = room;
    let mut start = window.len();
    let mut chars = window.char_indices().rev().peekable();
    while let Some((at, ch)) = chars.next() {
        let previous = chars.peek().map_or('\n', |(_, previous)| *previous);
        let Some(rest) = left.checked_sub(markup.cost(previous, ch).max(markup.cost('\n', ch))) else {
            break;
        };
        (left, start) = (rest, at);
    }
    let shown = &window[start..];
    match shown.split_once('\n') {
        Some((_, whole_lines)) if shown.len() < text.len() && !whole_lines.is_empty() => whole_lines,
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONE: Markup = Markup { special: 0, escape: |_, _| None };
    const AMP: Markup =
        Markup { special: super::super::text::ANGLE, escape: |_, ch| (ch == '&').then_some("&amp;") };

    fn bounded(limit: usize, fill: impl FnOnce(&mut Bounded)) -> String {
        let mut text = Bounded::new(limit);
        fill(&mut text);
        text.finish()
    }

    #[test]
    fn text_is_cut_between_characters_and_marked() {
        let table = [
            (6, "abcde", "abcde"),
            (5, "abcde", "abcd…"),
            (4, "a🚨b", "a🚨…"),
            (3, "a🚨b", "a…"),
            (1, "ab", "…"),
            (0, "ab", ""),
        ];
        for (limit, text, expected) in table {
            assert_eq!(bounded(limit, |out| out.text(text, NONE)), expected, "{text:?} in {limit}");
        }
        assert_eq!(bounded(6, |out| out.text("a&b", AMP)), "a…");
        assert_eq!(bounded(8, |out| out.text("a&b", AMP)), "a&amp;b");
    }

    #[test]
    fn a_log_keeps_its_last_whole_lines() {
        assert_eq!(bounded(12, |out| out.end_of("<", "one\ntwo\nthree\n", ">", NONE)), "<…\nthree>");
        assert_eq!(bounded(99, |out| out.end_of("<", "one\ntwo\n", ">", NONE)), "<one\ntwo>");
        assert_eq!(bounded(10, |out| out.end_of("<", "abcdefghij", ">", NONE)), "<…\nfghij>");
        assert_eq!(bounded(12, |out| out.end_of("<", "x\n&\n&", ">", AMP)), "<…\n&amp;>");
    }

    #[test]
    fn what_encloses_is_there_on_both_sides_or_not_at_all() {
        assert_eq!(bounded(7, |out| out.enclosed("*", "abcdefg", "*", NONE)), "*abc…*");
        assert_eq!(bounded(3, |out| out.enclosed("*", "abcdefg", "*", NONE)), "…");
    }

    proptest! {
        #[test]
        fn no_text_is_longer_than_its_limit(text in any::<String>(), more in any::<String>(), limit in 0..40_usize) {
            for fill in [Bounded::text as fn(&mut Bounded, &str, Markup), |out, text, markup| {
                out.end_of("``", text, "`", markup);
            }, |out, text, markup| out.enclosed("<", text, ">", markup)] {
                let out = bounded(limit, |out| {
                    fill(out, &text, AMP);
                    out.text(&more, AMP);
                });
                prop_assert!(units(&out) <= limit, "{} > {limit}: {out:?}", units(&out));
            }
        }
    }
}
