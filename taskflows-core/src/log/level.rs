/// Words for the syslog priorities 0 to 7, the usual one first. Source: syslog(3); and what loggers call their levels.
const WORDS: [&[&str]; 8] = [
    &["emergency", "emerg", "panic"],
    &["alert"],
    &["critical", "crit", "fatal", "dpanic"],
    &["error", "err", "severe"],
    &["warning", "warn"],
    &["notice"],
    &["info", "information", "informational"],
    &["debug", "trace", "fine", "verbose"],
];

/// Returns the syslog priority, 0 emergency to 7 debug, that a level has by its name or its number.
///
/// Names are those of syslog and of common loggers, in any case: `err`, `Error`, `WARN`, `fatal`, `trace`. Go's slog
/// writes levels between its own as `INFO+2`, which counts as `INFO`. A number is a priority itself, 0 to 7.
///
/// ```
/// use taskflows_core::log::priority_of;
///
/// assert_eq!(priority_of("warning"), Some(4));
/// assert_eq!(priority_of("ERR"), Some(3));
/// assert_eq!(priority_of("5"), Some(5));
/// assert_eq!(priority_of("loud"), None);
/// ```
pub fn priority_of(level: &str) -> Option<u8> {
    let level = level.trim();
    if let [digit @ b'0'..=b'7'] = level.as_bytes() {
        return Some(digit - b'0');
    }
    let is_offset = |rest: &str| rest[1..].parse::<u16>().is_ok();
    let name = match level.find(['+', '-']) {
        Some(sign) if sign > 0 && is_offset(&level[sign..]) => &level[..sign],
        _ => level,
    };
    let is_named = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(name));
    WORDS.iter().position(|words| is_named(words)).and_then(|priority| u8::try_from(priority).ok())
}

/// Returns the word for a syslog priority: `error` for 3, `debug` for 7 and whatever is above it.
///
/// ```
/// assert_eq!(taskflows_core::log::level_word(4), "warning");
/// ```
pub fn level_word(priority: u8) -> &'static str {
    WORDS[usize::from(priority).min(WORDS.len() - 1)][0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_and_number_has_its_priority() {
        for (priority, words) in (0u8..).zip(WORDS) {
            assert_eq!(level_word(priority), words[0]);
            assert_eq!(priority_of(&priority.to_string()), Some(priority));
            for word in words {
                assert_eq!(priority_of(&word.to_uppercase()), Some(priority), "{word}");
            }
        }
        assert_eq!(level_word(200), "debug");
    }

    #[test]
    fn what_is_no_level_has_none() {
        for text in ["", " ", "8", "-1", "loud", "err or", "+", "+3", "INFO+", "INFO+x", "é", "INFO-99999999"]
        {
            assert_eq!(priority_of(text), None, "{text:?}");
        }
    }

    #[test]
    fn levels_between_those_of_slog_count_as_the_one_below() {
        assert_eq!(priority_of("INFO+2"), Some(6));
        assert_eq!(priority_of("DEBUG-4"), Some(7));
        assert_eq!(priority_of("ERROR+8"), Some(3));
    }
}
