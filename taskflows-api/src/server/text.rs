//! Texts of others, before they are kept or sent.

/// The greatest length of a text that is sent or kept, in bytes; a line of the log holds two of them.
const LONGEST: usize = 400;

/// Returns `text` without control characters and cut to a length that a line of the log can hold.
pub(crate) fn bounded(text: &str) -> String {
    let mut bounded = String::with_capacity(text.len().min(LONGEST));
    for char in text.chars() {
        let char = if is_unseen(char) { '\u{fffd}' } else { char };
        if bounded.len() + char.len_utf8() > LONGEST - '…'.len_utf8() {
            bounded.push('…');
            break;
        }
        bounded.push(char);
    }
    bounded
}

/// Returns what an error says, and what each of its causes does.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Tells whether a character would change how the others are shown.
fn is_unseen(char: char) -> bool {
    let turns = matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control() || turns || matches!(char, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_send_is_short_and_stays_on_its_line() {
        assert_eq!(bounded("a\nb\u{1b}[31m\u{202e}c"), "a\u{fffd}b\u{fffd}[31m\u{fffd}c");
        let long = bounded(&"ä".repeat(10_000));
        assert!(long.len() <= LONGEST && long.ends_with('…'), "{}", long.len());
        assert_eq!(bounded("as it is"), "as it is");
    }
}
