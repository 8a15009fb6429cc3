use std::fmt;

use thiserror::Error;

use crate::name::Quoted;
use crate::text::{MAX_ARGUMENT, check_characters};

/// A command as the list of its arguments, the program first. No shell reads it.
///
/// The program is an absolute path, or a bare name that systemd looks up in its fixed search path
/// (systemd.service(5), "Command lines"). Every argument reaches the process byte for byte.
///
/// ```
/// use taskflows_core::CommandLine;
///
/// let command = CommandLine::split("bash -c 'echo hello >> hello.txt'")?;
/// assert_eq!(command.argv(), ["bash", "-c", "echo hello >> hello.txt"]);
/// # Ok::<(), taskflows_core::CommandError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommandLine(Vec<String>);

impl CommandLine {
    /// Takes the arguments as they stand.
    ///
    /// # Errors
    /// When there is no program, when it is a relative path, or when an argument holds NUL, a Unicode
    /// noncharacter, or more than 128 KiB.
    pub fn from_argv<I>(argv: I) -> Result<Self, CommandError>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let argv: Vec<String> = argv.into_iter().map(Into::into).collect();
        check_program(argv.first().map_or("", String::as_str))?;
        for argument in &argv {
            check_argument(argument)?;
        }
        Ok(Self(argv))
    }

    /// Splits `text` at spaces as a shell would, with its quotes and backslashes, but expands nothing.
    ///
    /// # Errors
    /// When a quote is left open, and as [`CommandLine::from_argv`].
    pub fn split(text: &str) -> Result<Self, CommandError> {
        let argv = shell_words::split(text).map_err(|_| CommandError::OpenQuote { text: text.to_owned() })?;
        Self::from_argv(argv)
    }

    /// Returns the arguments; the first is the program and is never empty.
    pub fn argv(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for CommandLine {
    /// Writes the command so that [`CommandLine::split`] reads it back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shell_words::join(&self.0))
    }
}

/// One argument of a command that is put together for a unit, in which one path may begin in the home directory of
/// whoever runs it.
///
/// ```
/// use taskflows_core::Argument;
///
/// let volume = Argument::path("--volume=", "~/data", ":/data");
/// assert_eq!(volume.with_home("/home/ada"), "--volume=/home/ada/data:/data");
/// assert_eq!(Argument::from("plain".to_owned()).with_home("/home/ada"), "plain");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    before: String,
    in_home: bool,
    after: String,
}

impl Argument {
    /// Puts a path between two texts; a `~` at its beginning stands for the home directory.
    pub fn path(before: &str, path: &str, after: &str) -> Self {
        match path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/')) {
            Some(rest) => Self { before: before.to_owned(), in_home: true, after: format!("{rest}{after}") },
            None => format!("{before}{path}{after}").into(),
        }
    }

    /// Returns the text before the home directory, and the text after it where that is part of the argument.
    pub fn parts(&self) -> (&str, Option<&str>) {
        if self.in_home { (&self.before, Some(&self.after)) } else { (&self.before, None) }
    }

    /// Returns the whole text for a home directory.
    pub fn with_home(&self, home: &str) -> String {
        format!("{}{}{}", self.before, if self.in_home { home } else { "" }, self.after)
    }
}

impl From<String> for Argument {
    fn from(text: String) -> Self {
        Self { before: text, in_home: false, after: String::new() }
    }
}

fn check_program(program: &str) -> Result<(), CommandError> {
    let error = |reason| Err(CommandError::Program { program: program.to_owned(), reason });
    if program.is_empty() {
        return Err(CommandError::Empty);
    }
    if program.contains('/') && !program.starts_with('/') {
        return error("write it as an absolute path, or as a bare name to be looked up");
    }
    if program.ends_with('/') || program.split('/').any(|part| part == ".." || part == ".") {
        return error("it does not name a file");
    }
    if !program.starts_with('/') && program.starts_with(['@', '-', ':', '+', '!', '|', '~']) {
        return error("systemd gives its first character a meaning of its own; write an absolute path");
    }
    if program.contains(['"', '\'', '\\']) {
        return error("systemd takes no quote or backslash in the path of a program");
    }
    if program.chars().any(char::is_control) || program.trim() != program {
        return error("it holds a control character, or begins or ends with a space");
    }
    Ok(())
}

fn check_argument(argument: &str) -> Result<(), CommandError> {
    let error = |reason| CommandError::Argument { argument: argument.chars().take(60).collect(), reason };
    if argument.len() > MAX_ARGUMENT / 4 * 3 {
        return Err(error(format!(
            "has {} bytes, at most {} can be passed on",
            argument.len(),
            MAX_ARGUMENT / 4 * 3
        )));
    }
    check_characters(argument).map_err(error)
}

/// What in a command given as one string only a shell would have acted upon.
///
/// No shell reads a command, so `a && b` would hand `&&` to `a`. Returns the first such piece outside
/// quotes: an operator, a substitution, a variable or a leading `~`.
///
/// ```
/// assert_eq!(taskflows_core::shell_syntax("make && make install"), Some("&&"));
/// assert_eq!(taskflows_core::shell_syntax("bash -c 'make && make install'"), None);
/// ```
pub fn shell_syntax(text: &str) -> Option<&str> {
    let mut quote = None;
    let mut word_begins = true;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => drop(characters.next()),
            (None, '\'' | '"') => quote = Some(c),
            (_, '$' | '`') => {
                if let Some(piece) = expansion(&text[at..]) {
                    return Some(piece);
                }
            }
            (None, '|' | '&' | ';' | '<' | '>') => {
                let end = text[at..].find(|c| !matches!(c, '|' | '&' | ';' | '<' | '>'));
                return Some(&text[at..end.map_or(text.len(), |end| at + end)]);
            }
            (None, '~') if word_begins => return Some("~"),
            _ => {}
        }
        word_begins = quote.is_none() && c.is_whitespace();
    }
    None
}

fn expansion(text: &str) -> Option<&str> {
    if text.starts_with('`') {
        return Some("`");
    }
    let rest = &text[1..];
    if rest.starts_with(['(', '{']) {
        return Some(&text[..2]);
    }
    let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    (length > 0).then(|| &text[..=length])
}

/// Why something is not a command.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no program.
    #[error("the command is empty")]
    Empty,
    /// A quote is not closed.
    #[error("a quote is left open in {}", Quoted(text))]
    OpenQuote {
        /// The command as written.
        text: String,
    },
    /// The first argument names no program.
    #[error("cannot run {}: {reason}", Quoted(program))]
    Program {
        /// The first argument.
        program: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An argument cannot be passed to a process.
    #[error("the argument {} {reason}", Quoted(argument))]
    Argument {
        /// Its first 60 characters.
        argument: String,
        /// What is wrong with it.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, argv: &[&str]) {
        assert_eq!(CommandLine::split(text).unwrap().argv(), argv);
    }

    #[test]
    fn a_string_is_split_as_a_shell_would() {
        check("docker start backup-service", &["docker", "start", "backup-service"]);
        check(r#"bash -c "a  b" 'c d' e\ f ''"#, &["bash", "-c", "a  b", "c d", "e f", ""]);
        check("echo $HOME a;b", &["echo", "$HOME", "a;b"]);
    }

    #[test]
    fn what_names_no_program_is_refused() {
        assert!(CommandLine::from_argv(["/opt/it's/run"]).is_err());
        for argv in [
            vec![""],
            vec![],
            vec!["./x"],
            vec!["a/b"],
            vec!["-x"],
            vec!["@x"],
            vec!["/a/../b"],
            vec!["/a\n"],
        ] {
            assert!(CommandLine::from_argv(argv.clone()).is_err(), "{argv:?}");
        }
        assert!(matches!(CommandLine::split("echo 'x"), Err(CommandError::OpenQuote { .. })));
    }

    #[test]
    fn arguments_that_no_process_can_receive_are_refused() {
        for argument in ["a\0b".to_owned(), "\u{ffff}".to_owned(), "x".repeat(MAX_ARGUMENT + 1)] {
            assert!(CommandLine::from_argv(["echo".to_owned(), argument]).is_err());
        }
    }

    #[test]
    fn shell_syntax_outside_quotes_is_seen() {
        for (text, piece) in [
            ("a | b", Some("|")),
            ("a >> b", Some(">>")),
            ("a $HOME/b", Some("$HOME")),
            ("a \"$(date)\"", Some("$(")),
            ("a ~/b", Some("~")),
            ("a b~ 5$ \\$x '|' \"a;b\"", None),
            ("a; b", Some(";")),
        ] {
            assert_eq!(shell_syntax(text), piece, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_command_reads_back_as_it_is_written(argv in prop::collection::vec("[^\0]{0,12}", 0..5)) {
            let argv: Vec<String> = std::iter::once("/bin/x".to_owned()).chain(argv).collect();
            if let Ok(command) = CommandLine::from_argv(argv.clone()) {
                let read = CommandLine::split(&command.to_string()).unwrap();
                prop_assert_eq!(read.argv(), argv.as_slice());
            }
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = CommandLine::split(&text);
            let _ = shell_syntax(&text);
        }
    }
}
