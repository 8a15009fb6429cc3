//! Texts as systemd reads them back: systemd.syntax(7), systemd.service(5) "Command lines",
//! systemd.unit(5) "Specifiers".

use std::fmt::Write as _;

use taskflows_core::{Argument, UnitPath};

/// Writes the arguments of a command, the first of which is the program, so that each reaches the process byte for
/// byte.
pub(super) fn arguments(arguments: &[Argument]) -> String {
    let mut line = String::new();
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            line.push(' ');
        }
        push_argument(&mut line, argument, index == 0);
    }
    line
}

/// Writes the arguments of a command that a runner is given, after what the runner's own line says; those of the command
/// alone where there is none.
pub(super) fn arguments_of(runner: &str, own: &[Argument]) -> String {
    if runner.is_empty() {
        return arguments(own);
    }
    let mut line = runner.to_owned();
    for argument in own {
        line.push(' ');
        push_argument(&mut line, argument, false);
    }
    line
}

/// Writes one argument. What is plain stays as it is, so that people can read it.
fn push_argument(line: &mut String, argument: &Argument, is_program: bool) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_./:=@,+-".contains(&b);
    let (before, after) = argument.parts();
    let all_plain = before.bytes().chain(after.unwrap_or_default().bytes()).all(plain);
    if all_plain && (after.is_some() || !before.is_empty()) {
        line.push_str(before);
        line.extend(after.map(|after| format!("{HOME}{after}")));
        return;
    }
    line.push('"');
    push_text(line, before, is_program);
    if let Some(after) = after {
        line.push_str(HOME);
        push_text(line, after, is_program);
    }
    line.push('"');
}

fn push_text(line: &mut String, text: &str, is_program: bool) {
    for c in text.chars() {
        // `$$` is one dollar in an argument, and only there: the program's path is taken as it stands.
        if c == '$' && !is_program { line.push_str("$$") } else { push_quoted(line, c) }
    }
}

/// The specifier for the home directory of whoever runs the manager.
const HOME: &str = "%h";

/// Writes `name=value` for `Environment=`, where a dollar has no meaning.
pub(super) fn assignment(name: &str, value: &str) -> String {
    let mut text = format!("\"{name}=");
    value.chars().for_each(|c| push_quoted(&mut text, c));
    text.push('"');
    text
}

/// Writes `name=path…suffix` for `Environment=`, the path's `~` as the home directory.
pub(super) fn path_assignment(name: &str, of: &UnitPath, suffix: &str) -> String {
    let mut text = format!("\"{name}=");
    let rest = of.as_str().strip_prefix('~');
    if rest.is_some() {
        text.push_str(HOME);
    }
    rest.unwrap_or(of.as_str()).chars().chain(suffix.chars()).for_each(|c| push_quoted(&mut text, c));
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
        Some(rest) => format!("{HOME}{}", specifier_free(rest)),
        None => specifier_free(path.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(argv: &[&str], line: &str) {
        let argv: Vec<Argument> = argv.iter().map(|argument| (*argument).to_owned().into()).collect();
        assert_eq!(arguments(&argv), line);
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
    fn a_path_in_an_argument_may_begin_at_home() {
        let line = |path: &str| arguments(&["x".to_owned().into(), Argument::path("--volume=", path, ":/d")]);
        assert_eq!(line("~/a"), "x --volume=%h/a:/d");
        assert_eq!(line("~/a b%"), "x \"--volume=%h/a b%%:/d\"");
        assert_eq!(line("/~/a"), "x \"--volume=/~/a:/d\"");
        assert_eq!(arguments(&[Argument::path("", "~/bin/x", "")]), "%h/bin/x");
        assert_eq!(path_assignment("P", &"~/a%".parse().unwrap(), "/bin:/usr"), "\"P=%h/a%%/bin:/usr\"");
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
            push_argument(&mut line, &argument.into(), false);
            prop_assert!(!line.contains(['\n', '\r', '\0']));
            prop_assert!(!line.ends_with('\\'));
        }
    }
}
