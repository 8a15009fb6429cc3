//! Texts into which variables were put. Messages show them as they were written: a value may be a secret.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::definition::problem::Problem;

/// The texts of one file, by where each begins.
#[derive(Default)]
pub(super) struct Expansions(BTreeMap<usize, Expansion>);

struct Expansion {
    end: usize,
    written: String,
    text: String,
    /// The variables and their values.
    values: Vec<(String, String)>,
}

/// A value shorter than this is looked for as a whole word only, since any message holds its letters.
const SHORT: usize = 4;

/// So many letters in a row of a message are not those of a value by chance.
const TELLING: usize = 6;

impl Expansions {
    /// Remembers that `written` became `text` by the `values` of variables.
    pub(super) fn insert(
        &mut self,
        span: &Range<usize>,
        written: String,
        text: String,
        values: Vec<(String, String)>,
    ) {
        let expansion = Expansion { end: span.end, written, text, values };
        self.0.insert(span.start, expansion);
    }

    /// Tells whether the text at a place holds values of variables.
    pub(super) fn holds(&self, span: &Range<usize>) -> bool {
        self.0.contains_key(&span.start)
    }

    /// Takes the values out of what is said of a place.
    pub(super) fn hide(&self, mut problem: Problem) -> Problem {
        let span = problem.span().clone();
        // Strings do not stand in each other, so the first that ends too early is followed by none.
        let at_place = self.0.range(..=span.end).rev().take_while(|(_, one)| one.end >= span.start);
        for (_, expansion) in at_place {
            problem.change_texts(|text| expansion.hide(text));
        }
        problem
    }
}

impl Expansion {
    fn hide(&self, message: &str) -> String {
        let mut pairs: Vec<(&str, String)> = vec![(&self.text, self.written.clone())];
        pairs.extend(self.values.iter().map(|(name, value)| (value.as_str(), format!("${{env:{name}}}"))));
        pairs.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        let mut shown = message.to_owned();
        for (value, written) in pairs.iter().filter(|(value, written)| !value.is_empty() && value != written)
        {
            for form in [value.escape_debug().to_string(), (*value).to_owned()] {
                shown = match form.chars().count() < SHORT {
                    true => shown.replace(&format!("`{form}`"), &format!("`{written}`")),
                    false => shown.replace(&form, written),
                };
            }
        }
        let parts: Vec<&str> = shown.split('`').collect();
        let is_quoted = parts.len() % 2 == 1;
        let hidden: Vec<&str> = parts
            .iter()
            .enumerate()
            .map(|(index, part)| if index % 2 == 1 && self.is_piece(part) { "…" } else { part })
            .collect();
        let hidden = hidden.join("`");
        match is_quoted && !self.is_told_by(&hidden) {
            true => hidden,
            false => format!("what `{}` stands for is wrong here", self.written.escape_debug()),
        }
    }

    /// Tells whether a quoted part of a message may be what a reader took out of the text.
    fn is_piece(&self, part: &str) -> bool {
        let own = part.trim_end_matches('…');
        if own.is_empty() || is_character(own) || self.written.contains(own) || own.contains("${env:") {
            return false;
        }
        let text = self.text.escape_debug().to_string();
        let mut letters = text.chars();
        own.chars().all(|wanted| letters.any(|letter| letter == wanted))
    }

    /// Tells whether a message still holds a part of a value.
    fn is_told_by(&self, message: &str) -> bool {
        let starts: Vec<usize> = message.char_indices().map(|(at, _)| at).chain([message.len()]).collect();
        let mut windows = starts.windows(TELLING + 1).map(|ends| &message[ends[0]..ends[TELLING]]);
        windows.any(|window| self.text.contains(window) && !self.written.contains(window))
    }
}

/// Tells whether a quoted part is one character, which helps to find what is wrong and tells no secret.
fn is_character(part: &str) -> bool {
    let is_escape = |rest: &str| {
        rest.chars().count() == 1 || (rest.starts_with("u{") && rest.find('}') == Some(rest.len() - 1))
    };
    part.chars().count() == 1 || part.strip_prefix('\\').is_some_and(is_escape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, message: &str, shown: &str) {
        let expansion = Expansion {
            end: 0,
            written: "Bearer ${env:A}".to_owned(),
            text: format!("Bearer {value}"),
            values: vec![("A".to_owned(), value.to_owned())],
        };
        assert_eq!(expansion.hide(message), shown);
    }

    #[test]
    fn a_message_shows_what_was_written() {
        let whole = "`Bearer ${env:A}` holds a control character";
        check("hunter2\u{1b}", "`Bearer hunter2\\u{1b}` holds a control character", whole);
        check("hunter2", "`/srv/hunter2` is no path", "`/srv/${env:A}` is no path");
        check("hun`ter2", "`hun`ter2` is no path", "`${env:A}` is no path");
        check("x", "`x` is no unit, `Bearer` is", "`${env:A}` is no unit, `Bearer` is");
        check("a b", "expected a boolean", "expected a boolean");
    }

    #[test]
    fn pieces_of_a_value_are_not_shown() {
        check("hunter2 | x", "`2 | x` is passed on", "`…` is passed on");
        check("hunter2 | x", "`|` is passed on", "`|` is passed on");
        check("hunter2\u{1b}", "it holds `\\u{1b}`", "it holds `\\u{1b}`");
        check("a\u{1b}\u{1c}", "it holds `\\u{1b}\\u{1c}`", "it holds `…`");
        check("hun'ter'2 x", "`hunter2` is no program", "`…` is no program");
        check("hunter2-and-more", "`hunter2…` is too long", "`…` is too long");
        check("hunter2-and-more", "no /srv/hunter2", "what `Bearer ${env:A}` stands for is wrong here");
    }
}
