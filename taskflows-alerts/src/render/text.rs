//! Texts of others, made fit to be shown.

use std::borrow::Cow;

/// A control character, or a byte that one may begin with.
pub(super) const UNCLEAN: u8 = 1;
/// A line end or a tab.
pub(super) const LINE: u8 = 2;
/// `&`, `<` or `>`.
pub(super) const ANGLE: u8 = 4;
/// A quotation mark.
pub(super) const QUOTE: u8 = 8;
/// Part of a character outside of ASCII.
pub(super) const WIDE: u8 = 16;
/// A backtick, which marks code in mrkdwn and in Markdown.
pub(super) const TICK: u8 = 32;
/// What Markdown takes for more than text, beside [`ANGLE`] and [`TICK`].
pub(super) const MARKDOWN: u8 = 64;

static CLASS: [u8; 256] = classes_of_bytes();

const fn classes_of_bytes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'\n' | b'\t' => LINE,
            0..0x20 | 0x7f => UNCLEAN,
            b'&' | b'<' | b'>' => ANGLE,
            b'"' | b'\'' => QUOTE,
            b'`' => TICK,
            b'*' | b'_' | b'~' | b'\\' | b'|' | b'[' | b']' | b'(' | b')' | b'#' | b'+' | b'-' | b'@'
            | b'/' => MARKDOWN,
            // C1 controls begin with the one, separators and marks of direction with the other.
            0xc2 | 0xe2 => WIDE | UNCLEAN,
            0x80.. => WIDE,
            _ => 0,
        };
        byte += 1;
    }
    table
}

/// Returns which classes of bytes `text` holds.
pub(super) fn classes(text: &str) -> u8 {
    text.bytes().fold(0, |seen, byte| seen | CLASS[usize::from(byte)])
}

/// Returns `text` without control characters, terminal escapes and marks that turn the direction of writing; line ends
/// of each kind are `\n`, and tabs stay.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if classes(text) & UNCLEAN == 0 || !text.chars().any(is_unclean) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_unclean) {
        let (before, found) = rest.split_at(at);
        out.push_str(before);
        rest = pass(found, &mut out);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

pub(super) fn is_unclean(ch: char) -> bool {
    match ch {
        '\n' | '\t' => false,
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => ch.is_control(),
    }
}

/// Passes the unclean character that `found` begins with, and the escape that it opens.
fn pass<'a>(found: &'a str, out: &mut String) -> &'a str {
    let mut rest = found.chars();
    match rest.next() {
        // The line feed that follows stays.
        Some('\r') if rest.as_str().starts_with('\n') => {}
        Some('\r' | '\u{2028}' | '\u{2029}') => out.push('\n'),
        Some('\u{1b}') => return pass_escape(rest.as_str()),
        Some('\u{9b}') => return pass_parameters(rest.as_str()),
        _ => {}
    }
    rest.as_str()
}

/// Source: ECMA-48, sections 5.3 to 5.6.
fn pass_escape(after: &str) -> &str {
    let mut rest = after.chars();
    match rest.next() {
        Some('[') => pass_parameters(rest.as_str()),
        Some(']' | 'P' | 'X' | '^' | '_') => pass_string(rest.as_str()),
        Some(' '..='/') => {
            let rest = rest.as_str().trim_start_matches(|ch| matches!(ch, ' '..='/'));
            rest.strip_prefix(|ch| matches!(ch, '0'..='~')).unwrap_or(rest)
        }
        Some('0'..='~') => rest.as_str(),
        _ => after,
    }
}

fn pass_parameters(after: &str) -> &str {
    let rest = after.trim_start_matches(|ch| matches!(ch, ' '..='?'));
    rest.strip_prefix(|ch| matches!(ch, '@'..='~')).unwrap_or(rest)
}

/// A string that does not end in its line is not taken for one: it would hide all that follows.
fn pass_string(after: &str) -> &str {
    let line = after.split('\n').next().unwrap_or(after);
    match line.find(['\u{7}', '\u{1b}', '\u{9c}']) {
        Some(end) => after[end..].trim_start_matches("\u{1b}\\"),
        None => after,
    }
}

/// Returns `text` in one line, cleaned, with single spaces for what was between its words.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    let text = clean(text);
    if classes(&text) & LINE == 0 {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for word in text.split(['\n', '\t']).map(str::trim).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    Cow::Owned(out)
}

/// Returns how many columns of a terminal `text` takes, nearly: marks that combine take none, and what is written in
/// East Asia, and pictures, two.
pub(super) fn width(text: &str) -> usize {
    if classes(text) & WIDE == 0 { text.len() } else { text.chars().map(char_width).sum() }
}

fn char_width(ch: char) -> usize {
    match u32::from(ch) {
        0x300..=0x36f | 0x200b..=0x200f | 0x2060 | 0xfe00..=0xfe0f | 0xfeff => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f680..=0x1f6ff
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn terminal_escapes_go_whole_and_the_text_stays() {
        let table = [
            ("plain", "plain"),
            ("a\u{1b}[31;1mred\u{1b}[0m b", "ared b"),
            ("\u{1b}]0;title\u{7}x", "x"),
            ("\u{1b}]8;;http://evil\u{1b}\\click\u{1b}]8;;\u{1b}\\", "click"),
            ("\u{1b}]0;not ended\nnext", "0;not ended\nnext"),
            ("\u{1b}(Bx\u{1b}7y\u{1b}", "xy"),
            ("\u{9b}31mx\u{85}y", "xy"),
            ("1\r\n2\r3\u{2028}4\t5", "1\n2\n3\n4\t5"),
            ("a\u{202e}b\u{2066}c\0d\u{7f}", "abcd"),
            ("\u{1b}[", ""),
            ("\u{1b}[31", ""),
            ("naïve — ok…", "naïve — ok…"),
        ];
        for (text, expected) in table {
            assert_eq!(clean(text), expected, "{text:?}");
        }
    }

    #[test]
    fn lines_become_one() {
        assert_eq!(one_line(" a \r\n\n\tb\u{1b}[0m\nc"), "a b c");
        assert_eq!(one_line("as it is"), "as it is");
    }

    #[test]
    fn width_counts_columns() {
        assert_eq!([width("abc"), width("日本"), width("e\u{301}"), width("🚨!")], [3, 4, 1, 3]);
    }

    proptest! {
        #[test]
        fn nothing_unclean_is_left(text in any::<String>()) {
            prop_assert!(!clean(&text).chars().any(is_unclean));
            prop_assert!(!one_line(&text).contains(['\n', '\t', '\r']));
        }
    }
}
