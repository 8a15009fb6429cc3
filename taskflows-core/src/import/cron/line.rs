//! One line of a crontab: crontab(5).

use super::expression::{BLANKS, CronExpression, ParseCronError, word_end};

/// What a line of a crontab is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Nothing, or a comment.
    Empty,
    /// `name = value`, for the lines that follow.
    Variable { name: &'a str, value: &'a str },
    /// Something to run.
    Job(Job<'a>),
}

/// What runs, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Job<'a> {
    /// cronie's `-`: cron writes no log entry of the start.
    pub(super) quiet: bool,
    pub(super) when: When,
    pub(super) user: Option<&'a str>,
    /// As it is written, its `%` included.
    pub(super) command: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Once, when cron itself starts.
    Reboot,
    Times(CronExpression),
}

impl<'a> Line<'a> {
    pub(super) fn parse(line: &'a str, has_user: bool) -> Result<Self, ParseCronError> {
        let begin = line.len() - line.trim_start_matches(BLANKS).len();
        let rest = &line[begin..];
        if rest.is_empty() || rest.starts_with('#') {
            return Ok(Self::Empty);
        }
        if let Some((name, value)) = variable(rest) {
            return match name {
                "" => Err(ParseCronError::new(begin, "the name of a variable is missing")),
                _ => Ok(Self::Variable { name, value }),
            };
        }
        job(line, begin, has_user).map(Self::Job)
    }
}

/// Reads `name = value`, either in quotes or not; `None` where the line is something else.
fn variable(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = match text.chars().next()? {
        quote @ ('"' | '\'') => text[1..].split_once(quote)?,
        _ => text.split_at(text.find(|c| c == '=' || BLANKS.contains(&c))?),
    };
    let value = rest.trim_start_matches(BLANKS).strip_prefix('=')?.trim_matches(BLANKS);
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let (content, after) = value[1..].split_once(quote)?;
            after.is_empty().then_some((name, content))
        }
        _ => Some((name, value)),
    }
}

fn job(line: &str, begin: usize, has_user: bool) -> Result<Job<'_>, ParseCronError> {
    let quiet = line[begin..].starts_with('-');
    let begin = begin + usize::from(quiet);
    let (when, mut at) = when(line, begin)?;
    let next_word = |at: usize| line.len() - line[at..].trim_start_matches(BLANKS).len();
    let mut user = None;
    at = next_word(at);
    if has_user {
        let end = word_end(line, at);
        user = Some(&line[at..end]).filter(|name| !name.is_empty());
        if let Some(name) = user.filter(|name| !is_user_name(name)) {
            let name = crate::name::Quoted(name);
            return Err(ParseCronError::new(
                at,
                format!("{name} is no user: the sixth field names one here"),
            ));
        }
        at = next_word(end);
    }
    match &line[at..] {
        "" => Err(ParseCronError::new(line.len(), "the command is missing")),
        command => Ok(Job { quiet, when, user, command }),
    }
}

fn when(line: &str, begin: usize) -> Result<(When, usize), ParseCronError> {
    let end = word_end(line, begin);
    if &line[begin..end] == "@reboot" {
        return Ok((When::Reboot, end));
    }
    CronExpression::parse_start(line, begin).map(|(times, end)| (When::Times(times), end))
}

fn is_user_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-$".contains(&byte);
    text.bytes().all(plain) && !text.starts_with(['-', '.'])
}

/// Splits a command at its first `%`: what the shell runs, and what it reads on its standard input.
///
/// A further `%` is a newline, `\%` is a percent sign, and a line that is not ended is. `None` stands for no
/// input at all. Source: crontab(5), and cron's own behaviour.
pub(super) fn split_command(text: &str) -> (String, Option<String>) {
    let mut command = String::new();
    let mut characters = text.chars();
    let mut escaped = false;
    while let Some(c) = characters.next() {
        match c {
            '%' if escaped => {
                command.pop();
                command.push('%');
            }
            '%' => return (command, Some(input(characters.as_str()))),
            c => command.push(c),
        }
        escaped = c == '\\' && !escaped;
    }
    (command, None)
}

fn input(text: &str) -> String {
    let mut input = String::new();
    let mut escaped = false;
    for c in text.chars() {
        match c {
            '%' if escaped => {
                input.pop();
                input.push('%');
            }
            '%' => input.push('\n'),
            c => input.push(c),
        }
        // Unlike in the command, a second backslash begins an escape of its own.
        escaped = c == '\\';
    }
    if !input.is_empty() && !input.ends_with('\n') {
        input.push('\n');
    }
    input
}

/// Tells whether a command leaves something running in the background: a `&` outside quotes that is
/// neither one of two nor part of a redirection.
pub(super) fn runs_in_background(command: &str) -> bool {
    let mut quote = None;
    let mut before = ' ';
    let mut characters = command.chars().peekable();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => drop(characters.next()),
            (None, '"' | '\'') => quote = Some(c),
            (None, '&') if !"&<>|".contains(before) && !matches!(characters.peek(), Some('&' | '>')) => {
                return true;
            }
            _ => {}
        }
        before = c;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn variable_of(line: &str) -> Option<(&str, &str)> {
        match Line::parse(line, false) {
            Ok(Line::Variable { name, value }) => Some((name, value)),
            _ => None,
        }
    }

    #[test]
    fn a_variable_has_its_quotes_taken_off_and_nothing_expanded() {
        assert_eq!(variable_of("A=1"), Some(("A", "1")));
        assert_eq!(variable_of("  A = x  y  "), Some(("A", "x  y")));
        assert_eq!(variable_of("A = \" x \"  "), Some(("A", " x ")));
        assert_eq!(variable_of("'A B'='$HOME # \"'"), Some(("A B", "$HOME # \"")));
        assert_eq!(variable_of("MAILTO="), Some(("MAILTO", "")));
        assert_eq!(variable_of("A=x\"y"), Some(("A", "x\"y")));
        for line in ["A B=1", "A=\"x\" y", "A='x", "* * * * * A=1 b", "=1"] {
            assert_eq!(variable_of(line), None, "{line}");
        }
    }

    #[test]
    fn a_job_has_times_a_user_where_one_stands_and_a_command() {
        let line = " -*/5 * * * *\t root  a  b ";
        let Ok(Line::Job(job)) = Line::parse(line, true) else { panic!() };
        assert_eq!((job.quiet, job.user, job.command), (true, Some("root"), "a  b "));
        let Ok(Line::Job(job)) = Line::parse("@reboot a", false) else { panic!() };
        assert_eq!((job.when, job.command), (When::Reboot, "a"));
        for (line, has_user, offset) in [
            ("* * * * *", false, 9),
            ("@reboot", false, 7),
            ("* * * * * root", true, 14),
            ("* * * * * /bin/x y", true, 10),
            ("  x", false, 2),
            ("A B=1", false, 0),
        ] {
            assert_eq!(Line::parse(line, has_user).unwrap_err().offset(), offset, "{line}");
        }
    }

    #[track_caller]
    fn check(text: &str, command: &str, input: Option<&str>) {
        assert_eq!(split_command(text), (command.to_owned(), input.map(str::to_owned)));
    }

    #[test]
    fn a_percent_sign_begins_the_input_unless_it_is_escaped() {
        check("date +\\%F", "date +%F", None);
        check("mail joe%Dear Joe,%%bye", "mail joe", Some("Dear Joe,\n\nbye\n"));
        check("cat%a%", "cat", Some("a\n"));
        check("cat%", "cat", Some(""));
        check("cat%100\\% of it\\n", "cat", Some("100% of it\\n\n"));
        check("echo a\\\\%b", "echo a\\\\", Some("b\n"));
        check("cat%a\\\\%b", "cat", Some("a\\%b\n"));
        check("a \\b \\", "a \\b \\", None);
        // As Debian's cron 3.0pl1 was seen to do.
        check("cat; echo a\\\\%h", "cat; echo a\\\\", Some("h\n"));
        check("cat%\\\\\\%z%%", "cat", Some("\\\\%z\n\n"));
        check("cat%  x  %back\\", "cat", Some("  x  \nback\\\n"));
    }

    #[test]
    fn a_single_ampersand_is_for_the_background() {
        for command in ["a &", "a & b", "(a; b)&", "a > x 2>&1 &", "a && b &", "a \"x\" & "] {
            assert!(runs_in_background(command), "{command}");
        }
        for command in
            ["a && b", "a > x 2>&1", "a &> x", "a |& b", "a '&' \"&\" \\&", "a <&3", "curl x?a=1\\&b"]
        {
            assert!(!runs_in_background(command), "{command}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[-*/0-9@a-z %\\\\\"'=#é\\t]{0,40}", has_user: bool) {
            if let Ok(Line::Job(job)) = Line::parse(&line, has_user) {
                runs_in_background(&split_command(job.command).0);
            }
        }
    }
}
