//! Words as systemd takes them apart: systemd.service(5), "Command lines".

/// Splits a value at its spaces, takes off quotes and undoes escapes.
///
/// `None` stands for what systemd refuses, or reads in a way that is better left to it.
pub(super) fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, end) = next_word(rest)?;
        words.push(word);
        rest = end;
    }
    Some(words)
}

/// Splits a value into its commands, which a lone `;` outside quotes parts, and each of them into its words.
pub(super) fn commands(text: &str) -> Option<Vec<Vec<String>>> {
    let mut commands = vec![Vec::new()];
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(end) = lone(rest, ";") {
            commands.push(Vec::new());
            rest = end;
            continue;
        }
        // Where it stands alone, `\;` is the word `;`.
        let (word, end) = match lone(rest, "\\;") {
            Some(end) => (";".to_owned(), end),
            None => next_word(rest)?,
        };
        commands.last_mut()?.push(word);
        rest = end;
    }
    commands.retain(|words| !words.is_empty());
    Some(commands)
}

/// Returns what follows a sign that spaces part from it.
fn lone<'a>(text: &'a str, sign: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(sign)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim_start())
}

/// Reads the first word and returns it with the text of the next.
fn next_word(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let (word, end) = word(&text[usize::from(quote.is_some())..], quote)?;
    let rest = end.trim_start();
    // A quote ends its word.
    (quote.is_none() || end.is_empty() || rest.len() < end.len()).then_some((word, rest))
}

/// Reads one word and returns it with what follows.
fn word(text: &str, quote: Option<char>) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut characters = text.chars();
    loop {
        let before = characters.as_str();
        match (characters.next(), quote) {
            (None, None) => return Some((word, "")),
            (None, Some(_)) => return None,
            (Some(c), Some(quote)) if c == quote => return Some((word, characters.as_str())),
            (Some(c), None) if c.is_whitespace() => return Some((word, before)),
            (Some('"' | '\''), None) => return None,
            (Some('\\'), _) => word.push(escape(&mut characters)?),
            (Some(c), _) => word.push(c),
        }
    }
}

fn escape(characters: &mut std::str::Chars<'_>) -> Option<char> {
    let digits = |characters: &mut std::str::Chars<'_>, count: usize, radix: u32| {
        let text = characters.as_str().get(..count)?;
        *characters = characters.as_str()[count..].chars();
        let all_digits = text.chars().all(|c| c.is_digit(radix));
        char::from_u32(u32::from_str_radix(text, radix).ok().filter(|_| all_digits)?)
    };
    match characters.next()? {
        'a' => Some('\u{7}'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\u{b}'),
        's' => Some(' '),
        c @ ('\\' | '"' | '\'') => Some(c),
        // One byte, which alone is a character only in ASCII.
        'x' => digits(characters, 2, 16).filter(char::is_ascii),
        'u' => digits(characters, 4, 16),
        'U' => digits(characters, 8, 16),
        _ => None,
    }
}

/// Returns a text without its specifiers, `None` where it has others than `%%`: systemd.unit(5).
pub(super) fn unspecified(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c == '%' && characters.next() != Some('%') {
            return None;
        }
        plain.push(c);
    }
    Some(plain)
}

/// Returns an argument in which no variable is replaced, `None` where one is.
///
/// That is `${NAME}` everywhere and `$NAME` where it is the whole argument, so that a shell's own variables within a
/// longer one stay as they are.
pub(super) fn unexpanded(text: &str) -> Option<String> {
    if text.starts_with('$') && !text.starts_with("$$") {
        return None;
    }
    let mut plain = String::new();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        plain.push(c);
        match characters.peek() {
            Some('{') if c == '$' => return None,
            Some('$') if c == '$' => characters.next(),
            _ => None,
        };
    }
    Some(plain)
}

/// Returns the first specifier that the name of the unit decides, which will be another.
pub(super) fn name_specifier(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let specifier = rest.get(at..at + 2)?;
        if "nNpPiIjJf".contains(&specifier[1..]) {
            return Some(specifier);
        }
        rest = &rest[at + 2..];
    }
    None
}

/// Returns a path without specifiers, its `%h` as `~`.
pub(super) fn path(text: &str) -> Option<String> {
    let (home, rest) = match text.strip_prefix("%h") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => ("~", rest),
        _ if text.starts_with('/') => ("", text),
        _ => return None,
    };
    Some(format!("{home}{}", unspecified(rest)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, words: Option<&[&str]>) {
        assert_eq!(
            split(text).as_deref().map(|words| words.iter().map(String::as_str).collect()),
            words.map(<[_]>::to_vec)
        );
    }

    #[test]
    fn words_lose_their_quotes_and_escapes() {
        check("/bin/a  -b \"c d\" 'e\"f' \"\"", Some(&["/bin/a", "-b", "c d", "e\"f", ""]));
        check(r#"a\tb "\x41\n\"" 'i\'s' \s"#, Some(&["a\tb", "A\n\"", "i's", " "]));
        check("\\u00e9", Some(&["é"]));
        check("", Some(&[]));
        for text in ["\"a", "a\"b c\"", "\"a\"b", "\\d", "\\xe9", "a\\", "\\x4", "\\u+123"] {
            check(text, None);
        }
    }

    #[test]
    fn a_lone_semicolon_parts_commands() {
        let told = |text| commands(text).unwrap().iter().map(|words| words.join(" ")).collect::<Vec<_>>();
        assert_eq!(told("/bin/a 'b c' ; /bin/d;"), ["/bin/a b c", "/bin/d;"]);
        assert_eq!(told(r#"/bin/a \; ";" ;"#), ["/bin/a ; ;"]);
        assert_eq!(commands("/bin/a 'b"), None);
    }

    #[test]
    fn a_sign_with_a_meaning_is_seen() {
        assert_eq!(unspecified("100%% of a").as_deref(), Some("100% of a"));
        assert_eq!((unspecified("%h"), unspecified("a%")), (None, None));
        assert_eq!(unexpanded("a$$b").as_deref(), Some("a$b"));
        assert_eq!(unexpanded("a $A$$$B $").as_deref(), Some("a $A$$B $"));
        assert_eq!(
            (unexpanded("${A}"), unexpanded("a${A}"), unexpanded("$A"), unexpanded("$")),
            (None, None, None, None)
        );
        assert_eq!(name_specifier("%%n %h %i"), Some("%i"));
        assert_eq!(name_specifier("%%n %h"), None);
        assert_eq!(path("%h/a%%b").as_deref(), Some("~/a%b"));
        assert_eq!((path("%hx"), path("-/a"), path("%t/a")), (None, None, None));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[ -~é\\\\%$\"';]{0,20}") {
            let _ = (split(&text), commands(&text), unspecified(&text), name_specifier(&text), path(&text));
        }
    }
}
