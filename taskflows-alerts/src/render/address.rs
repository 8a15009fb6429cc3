//! Which addresses become links.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns `url` where it is an address of the web or of mail, fit to stand in markup: what would end a link in
/// Block Kit, Markdown or HTML is percent-encoded. Any other scheme, and what holds blanks or control characters, is no
/// address.
pub(super) fn address(url: &str) -> Option<Cow<'_, str>> {
    let url = url.trim_matches(' ');
    let rest = ["http://", "https://", "mailto:"].iter().find_map(|scheme| {
        let start = url.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| &url[scheme.len()..])
    })?;
    let is_no_part = |ch: char| ch.is_whitespace() || super::text::is_unclean(ch);
    if rest.is_empty() || rest.starts_with('/') || rest.contains(is_no_part) {
        return None;
    }
    Some(encoded(url))
}

/// As [`address`], without mail: what a picture can be loaded from.
pub(super) fn web_address(url: &str) -> Option<Cow<'_, str>> {
    address(url).filter(|url| !url.as_bytes()[0].eq_ignore_ascii_case(&b'm'))
}

fn encoded(url: &str) -> Cow<'_, str> {
    let is_special =
        |ch: char| matches!(ch, '<' | '>' | '"' | '\'' | '`' | '|' | '\\' | '(' | ')' | '*' | '^');
    if !url.contains(is_special) {
        return Cow::Borrowed(url);
    }
    let mut out = String::with_capacity(url.len() + 8);
    for ch in url.chars() {
        if is_special(ch) {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{:02X}", u32::from(ch));
        } else {
            out.push(ch);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_web_and_mail_are_addresses() {
        let table = [
            ("https://example.org/a?b=c&d#e", Some("https://example.org/a?b=c&d#e")),
            (" HTTP://example.org ", Some("HTTP://example.org")),
            ("mailto:ops@example.org", Some("mailto:ops@example.org")),
            ("https://x/a|b><(c)", Some("https://x/a%7Cb%3E%3C%28c%29")),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("file:///etc/passwd", None),
            ("//example.org", None),
            ("https://", None),
            ("https:///x", None),
            ("https://x y", None),
            ("https://x\ny", None),
            ("java\tscript:x", None),
            ("", None),
        ];
        for (url, expected) in table {
            assert_eq!(address(url).as_deref(), expected, "{url:?}");
        }
        assert_eq!(web_address("mailto:a@b"), None);
    }
}
