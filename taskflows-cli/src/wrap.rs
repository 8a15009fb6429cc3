//! Remarks on lines that the terminal has room for.

use std::io::{self, Write};

/// How far in a line goes on.
const INDENT: usize = 2;

/// So much room a line keeps, however far in it begins.
const LEAST: usize = 20;

/// A writer that breaks lines at spaces, so that a terminal does not break them in a word.
///
/// What it is given stays back until its line ends, or until it is flushed.
#[derive(Debug)]
pub(crate) struct Wrapped<W: Write> {
    inner: W,
    width: Option<usize>,
    line: Vec<u8>,
}

impl<W: Write> Wrapped<W> {
    /// Writes to `inner`, which has `width` columns; `None` leaves lines as they are.
    pub(crate) fn new(inner: W, width: Option<u16>) -> Self {
        Self { inner, width: width.map(usize::from), line: Vec::new() }
    }

    fn write_line(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        match (self.width, str::from_utf8(&line)) {
            (Some(width), Ok(text)) => self.inner.write_all(wrap(text, width).as_bytes()),
            _ => self.inner.write_all(&line),
        }
    }
}

impl<W: Write> Write for Wrapped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.write_line()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_line()?;
        self.inner.flush()
    }
}

impl<W: Write> Drop for Wrapped<W> {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.flush();
    }
}

/// Breaks a line at its spaces where it is longer than `width` columns.
fn wrap(line: &str, width: usize) -> String {
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    let Some(begin) = begin(text).filter(|_| columns(text) > width) else { return line.to_owned() };
    let indent = begin + INDENT;
    let room = width.max(indent + LEAST);
    let (mut wrapped, mut column) = (String::with_capacity(line.len()), 0);
    for piece in pieces(text, room - indent) {
        let word = piece.trim_end_matches(' ');
        if column > indent && column + columns(word) > room {
            wrapped.truncate(wrapped.trim_end_matches(' ').len());
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(indent));
            column = indent;
        }
        wrapped.push_str(piece);
        column += columns(piece);
    }
    wrapped.push_str(end);
    wrapped
}

/// Returns the column where the words of a line begin; `None` where it shows a line of a file, or points into it.
fn begin(text: &str) -> Option<usize> {
    let plain = plain(text);
    let inner = plain.trim_start();
    let gutter = inner.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    let is_help = inner.starts_with("= ");
    // Who indents a line has seen to its width, or shows the text of others.
    let is_shown = gutter.starts_with('|') || inner.starts_with("-->") || inner.len() < plain.len();
    (is_help || !is_shown).then_some(plain.len() - inner.len())
}

/// Splits a text after its spaces, but not in a command between backticks that fits a line of its own.
fn pieces(text: &str, room: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut is_command) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '`' if is_command => is_command = false,
            '`' => {
                let command = text[at + 1..].split('`').next().unwrap_or_default();
                is_command = at + 1 + command.len() < text.len() && columns(command) + 2 <= room;
            }
            ' ' if !is_command => {
                pieces.push(&text[start..=at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    pieces
}

fn columns(text: &str) -> usize {
    plain(text).chars().count()
}

/// Returns a text without the codes of its colours.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes `text` to a terminal of 30 columns.
    #[track_caller]
    fn check(text: &str, shown: &str) {
        let mut written = Vec::new();
        let mut terminal = Wrapped::new(&mut written, Some(30));
        terminal.write_all(text.as_bytes()).unwrap();
        drop(terminal);
        assert_eq!(String::from_utf8(written).unwrap(), shown);
    }

    #[test]
    fn a_long_line_goes_on_below_and_further_in() {
        check("short\n", "short\n");
        check(
            "error: could not reach the manager of this user: no such file\n",
            "error: could not reach the\n  manager of this user: no\n  such file\n",
        );
        check(
            "note: /a/path/that/is/longer/than/a/line: gone\n",
            "note:\n  /a/path/that/is/longer/than/a/line:\n  gone\n",
        );
        check("Remove one, two, three and four? ", "Remove one, two, three and\n  four? ");
    }

    #[test]
    fn a_command_stays_on_one_line() {
        check("hint: run it as `tf create -` to see\n", "hint: run it as `tf create -`\n  to see\n");
        check("hint: one may run `tf create -` now\n", "hint: one may run\n  `tf create -` now\n");
        check("it`s open and longer than a line is\n", "it`s open and longer than a\n  line is\n");
    }

    #[test]
    fn colours_take_no_room() {
        let line = "\u{1b}[1m\u{1b}[31merror\u{1b}[0m: a, b and c are gone\n";
        check(line, line);
    }

    #[test]
    fn the_text_of_a_file_stays_as_it_is_and_its_help_is_wrapped() {
        let shown = "3 | command = \"one two three four five six\"\n  |           ^^^^^^^^^^^^^^^^^^^^^^^^\n";
        check(shown, shown);
        check(
            " --> /a path/that is/longer/than a line:3:1\n",
            " --> /a path/that is/longer/than a line:3:1\n",
        );
        check("  = help: known keys: one, two, three\n", "  = help: known keys: one,\n    two, three\n");
    }

    #[test]
    fn lines_stay_whole_where_there_is_no_terminal() {
        let mut written = Vec::new();
        let line = "error: ".repeat(40);
        Wrapped::new(&mut written, None).write_all(line.as_bytes()).unwrap();
        assert_eq!(written, line.as_bytes());
    }
}
