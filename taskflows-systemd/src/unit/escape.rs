//! Texts as systemd reads them back: systemd.syntax(7), systemd.service(5) "Command lines",
//! systemd.unit(5) "Specifiers".

use std::fmt::Write as _;

use taskflows_core::{CommandLine, UnitPath};

/// Writes a command so that every argument reaches the process byte for byte.
pub(super) fn command_line(command: &CommandLine) -> String {
    let mut line = String::new();
    for (index, argument) in command.argv().iter().enumerate() {
        if index > 0 {
            line.push(' ');
        }
        push_argument(&mut line, argument, index == 0);
    }
    line
}

/// Writes one argument. What is plain stays as it is, so that people can read it.
fn push_argument(line: &mut String, argument: &str, is_program: bool) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_./:=@,+-".contains(&b);
    if !argument.is_empty() && argument.bytes().all(plain) {
        line.push_str(argument);
        return;
    }
    line.push('"');
    for c in argument.chars() {
        // `$$` is one dollar in an argument, and only there: the program's path is taken as it stands.
        if c == '$' && !is_program { line.push_str("$$") } else { push_quoted(line, c) }
    }
    line.push('"');
}

/// Writes `name=value` for `Environment=`, where a dollar has no meaning.
pub(super) fn assignment(name: &str, value: &str) -> String {
    let mut text = format!("\"{name}=");
    value.chars().for_each(|c| push_quoted(&mut text, c));
    text.push('"');
    text
}

fn push_quoted(text: &mut String, c: char) {
    match c {
        '\\' => text.push_str("\\\\"),
        '"' => text.push_str("\\\""),
        '%' => text.push_str("%%"),
        '\n' => text.push_str("\\n"),
        '\t' => text.push_str("\\t"),
        '\r' => text.push_str("\\r"),
        c if c.is_ascii_control() => {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{:02x}", c as u32);
        }
        c => text.push(c),
    }
}

/// Writes a line of text whose percent signs are no specifiers.
pub(super) fn specifier_free(text: &str) -> String {
    text.replace('%', "%%")
}

/// Writes a path; `~` becomes the specifier for the home directory.
pub(super) fn path(path: &UnitPath) -> String {
    match path.as_str().strip_prefix('~') {
        Some(rest) => format!("%h{}", specifier_free(rest)),
        None => specifier_free(path.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(argv: &[&str], line: &str) {
        assert_eq!(command_line(&CommandLine::from_argv(argv.iter().copied()).unwrap()), line);
    }

    #[test]
    fn plain_arguments_stay_readable() {
        check(&["/usr/bin/rsync", "-a", "--out=x", "a@b:/c,d"], "/usr/bin/rsync -a --out=x a@b:/c,d");
    }

    #[test]
    fn what_systemd_would_expand_is_escaped() {
        check(&["date", "+%Y-%m-%d"], r#"date "+%%Y-%%m-%%d""#);
        check(&["echo", "$HOME", "${X}", "a;b", ";", ""], r#"echo "$$HOME" "$${X}" "a;b" ";" """#);
        check(&["/opt/a$b/run", "$x"], r#""/opt/a$b/run" "$$x""#);
        check(&["echo", "a\nb\t\u{1}", "'q' \"d\" \\"], r#"echo "a\nb\t\x01" "'q' \"d\" \\""#);
        assert_eq!(assignment("A", "$x %h \"\n\\"), r#""A=$x %%h \"\n\\""#);
    }

    #[test]
    fn home_is_a_specifier_and_percent_is_not() {
        assert_eq!(path(&"~/a%b".parse().unwrap()), "%h/a%%b");
        assert_eq!(path(&"/srv/%h".parse().unwrap()), "/srv/%%h");
    }

    proptest! {
        #[test]
        fn no_argument_ends_its_line(argument in any::<String>()) {
            let mut line = String::new();
            push_argument(&mut line, &argument, false);
            prop_assert!(!line.contains(['\n', '\r', '\0']));
            prop_assert!(!line.ends_with('\\'));
        }
    }
}
