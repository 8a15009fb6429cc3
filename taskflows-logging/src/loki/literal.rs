use taskflows_core::log::LogPattern;

/// Returns a text that stands in every message in which `pattern` is found, where one is certain: the longest.
///
/// It holds nothing that is written otherwise inside a string of JSON, so it stands in the line as well. Where the
/// expression holds anything that is not understood here, there is none.
pub(super) fn literal(pattern: &LogPattern) -> Option<String> {
    runs(pattern.as_str())?.into_iter().max_by_key(String::len).filter(|run| run.len() >= 2)
}

/// Returns the texts that stand in each match.
fn runs(expression: &str) -> Option<Vec<String>> {
    let (mut found, mut run) = (Vec::new(), String::new());
    let mut rest = expression.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            // Either side may be missing, and what is in brackets may be, or have flags of its own.
            '|' | '(' | ')' => return None,
            // What is before it may stand there not once.
            '*' | '?' | '+' | '{' => {
                run.pop();
                end(&mut run, &mut found);
                if c == '{' {
                    rest.by_ref().find(|c| *c == '}')?;
                }
            }
            '\\' => {
                end(&mut run, &mut found);
                // A number or a name may follow any other.
                rest.next().filter(|c| "dDwWsSbBAz".contains(*c) || c.is_ascii_punctuation())?;
            }
            '[' => {
                end(&mut run, &mut found);
                class(&mut rest)?;
            }
            c if c.is_ascii_alphanumeric() || " _-:,;=@#%!~".contains(c) => run.push(c),
            _ => end(&mut run, &mut found),
        }
    }
    end(&mut run, &mut found);
    Some(found)
}

fn end(run: &mut String, found: &mut Vec<String>) {
    found.push(std::mem::take(run));
}

/// Passes over a set of characters whose `[` was read.
fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<()> {
    rest.next_if_eq(&'^');
    rest.next_if_eq(&']');
    loop {
        match rest.next()? {
            ']' => return Some(()),
            '\\' => drop(rest.next()?),
            '[' => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: Option<&str>) {
        assert_eq!(literal(&expression.parse().unwrap()).as_deref(), expected, "{expression}");
    }

    #[test]
    fn the_longest_certain_text_is_found() {
        check("copied [0-9]+ files", Some("copied "));
        check("error", Some("error"));
        check("^disk full$", Some("disk full"));
        check(r"took \d+ seconds", Some(" seconds"));
        check("colou?rs", Some("colo"));
        check("ab{2}cde", Some("cde"));
        check("a+b", None);
    }

    #[test]
    fn where_nothing_is_certain_there_is_none() {
        for expression in ["a|b", "(abc)?", "(?i)abc", "x", r"\x41bc", "[abc", "é", "a*"] {
            if let Ok(pattern) = expression.parse() {
                assert_eq!(literal(&pattern), None, "{expression}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_matches_holds_it(
            expression in r"([ab ]|[ab][*?+]|[ab]\{[0-2]\}|\[\^?[ab]\]|\.|\\[dws.]|\^|\(a\||\(?:ab\)|\(?i\)|\)){1,8}",
            message in "[abAB 1.]{0,12}",
        ) {
            let Ok(pattern) = expression.parse::<LogPattern>() else { return Ok(()) };
            if let Some(literal) = literal(&pattern) {
                prop_assert!(!pattern.is_in(&message) || message.contains(&literal), "{literal}");
            }
        }
    }
}
