use thiserror::Error;

use crate::VariableName;

/// Who reads a file of environment variables when the service starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvFileReader {
    /// systemd, with quotes and escapes. Source: systemd.exec(5), `EnvironmentFile=`.
    Systemd,
    /// A container engine, which takes every character after the `=` as it stands. Source: docker-run(1).
    Engine,
}

/// Checks a file of environment variables, and returns the names that it sets, in order.
///
/// The values are nobody's business but the service's: they are read when it starts.
///
/// ```
/// use taskflows_core::{EnvFileReader, check_env_file};
///
/// let names = check_env_file("# for tests\nA=1\nB=\"two words\"\n", EnvFileReader::Systemd)?;
/// assert_eq!(names.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["A", "B"]);
/// assert_eq!(check_env_file("A=1\nexport B=2\n", EnvFileReader::Systemd).unwrap_err().line(), 2);
/// # Ok::<(), taskflows_core::EnvFileError>(())
/// ```
///
/// # Errors
/// For the first line that `reader` would pass over, or read as something else than its author means.
pub fn check_env_file(text: &str, reader: EnvFileReader) -> Result<Vec<VariableName>, EnvFileError> {
    let mut names = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let error = |reason: &str| Err(EnvFileError { line: index + 1, reason: reason.to_owned() });
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if trimmed.starts_with(';') {
            match reader {
                EnvFileReader::Systemd => continue,
                EnvFileReader::Engine => return error("a container engine knows comments by `#` only"),
            }
        }
        let Some((name, value)) = trimmed.split_once('=') else {
            return error("it has no `=`, so it would be passed over");
        };
        if trimmed.starts_with("export ") {
            return error("no shell reads this file: leave out `export`");
        }
        match name.trim_end().parse::<VariableName>() {
            Ok(name) => names.push(name),
            Err(_) => {
                return error("what stands before its `=` is no variable's name, so it would be passed over");
            }
        }
        if reader == EnvFileReader::Engine {
            if name.ends_with(' ') || value.starts_with(['"', '\'', ' ']) || value.ends_with('\\') {
                return error(
                    "a container engine takes quotes, spaces and a backslash at the end as they stand",
                );
            }
            continue;
        }
        let mut open = Quotes::default();
        open.read(value);
        // A backslash or a quote that is open goes on in the next line.
        while open.goes_on() {
            match lines.next() {
                Some((_, next)) => open.read(next),
                None => return error("its quote is not closed"),
            }
        }
    }
    Ok(names)
}

/// Where in a value a line ends.
#[derive(Default)]
struct Quotes {
    quote: Option<char>,
    continued: bool,
}

impl Quotes {
    fn read(&mut self, line: &str) {
        self.continued = false;
        let mut characters = line.chars();
        while let Some(c) = characters.next() {
            match (self.quote, c) {
                (Some('\''), '\'') | (Some('"'), '"') => self.quote = None,
                (None, '"' | '\'') => self.quote = Some(c),
                (Some('\''), _) => {}
                (_, '\\') => self.continued = characters.next().is_none(),
                _ => {}
            }
        }
    }

    fn goes_on(&self) -> bool {
        self.quote.is_some() || self.continued
    }
}

/// A line of a file of environment variables that would not be read as it is meant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct EnvFileError {
    line: usize,
    reason: String,
}

impl EnvFileError {
    /// Returns the number of the line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, reader: EnvFileReader, names: Result<&[&str], usize>) {
        let read = check_env_file(text, reader);
        let own = read.as_ref().map(|names| names.iter().map(VariableName::as_str).collect::<Vec<_>>());
        assert_eq!(own.map_err(EnvFileError::line), names.map(<[_]>::to_vec), "{text:?}");
    }

    #[test]
    fn a_value_may_go_over_several_lines_for_systemd() {
        let text = "A=1\n ; no\nB=\"x\ny=z\" \nC='\\'\nD=a\\\nE=b\nF=\n";
        check(text, EnvFileReader::Systemd, Ok(&["A", "B", "C", "D", "F"]));
        check("A=\"x\n", EnvFileReader::Systemd, Err(1));
        check("A=1\nnothing\n", EnvFileReader::Systemd, Err(2));
        check("A=1\n\n1B=2\n", EnvFileReader::Systemd, Err(3));
        check("", EnvFileReader::Systemd, Ok(&[]));
    }

    #[test]
    fn what_an_engine_reads_otherwise_is_refused_for_a_container() {
        check("A=x y\n#c\nB=1=2\n", EnvFileReader::Engine, Ok(&["A", "B"]));
        for text in ["A=\"x\"\n", "A='x'\n", "; c\n", "A=x\\\n", "A =x\n", "export A=1\n"] {
            check(text, EnvFileReader::Engine, Err(1));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(?s).{0,60}") {
            let _ = check_env_file(&text, EnvFileReader::Systemd);
            let _ = check_env_file(&text, EnvFileReader::Engine);
        }
    }
}
