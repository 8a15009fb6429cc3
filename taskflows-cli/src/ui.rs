use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;

use anstyle::{AnsiColor, Style};
use rustix::event::{PollFd, PollFlags};

use crate::arguments::{Format, Global};
use crate::fleet::Gathered;
use crate::wrap::Wrapped;

/// Where results go: as text, or gathered as what they are, so that those of several servers become one.
pub trait Out: Write {
    /// Returns what takes results as they are; `None` where they are written as text.
    fn gathering(&mut self) -> Option<&mut Gathered> {
        None
    }
}

impl Out for Vec<u8> {}
impl Out for io::Sink {}
impl<W: Write> Out for io::BufWriter<W> {}

/// Where a command writes: results to `out`, remarks to `status`.
pub struct Ui<'a> {
    /// Results, which a program may read.
    pub out: &'a mut dyn Out,
    /// Remarks for people.
    pub status: &'a mut dyn Write,
    /// What is read for `-`, and for an answer to a question.
    pub input: &'a mut dyn Read,
    /// The width of the terminal in columns; `None` where there is none, and lines may be long.
    pub width: Option<u16>,
    /// Whether results may be coloured.
    pub colour: bool,
    /// Whether somebody can answer a question.
    pub interactive: bool,
    /// No remarks but errors.
    pub quiet: bool,
}

impl Ui<'_> {
    /// Writes a remark, unless remarks are unwanted. That it cannot be written fails nothing.
    pub fn remark(&mut self, text: impl AsRef<str>) {
        // Results before it stand before it on the terminal as well.
        let _ = self.out.flush();
        if !self.quiet {
            let _ = writeln!(self.status, "{}", text.as_ref());
        }
    }
}

/// The terminal, or the pipes in its place.
pub struct Terminal {
    out: io::BufWriter<anstream::AutoStream<io::Stdout>>,
    status: Wrapped<anstream::AutoStream<io::Stderr>>,
    input: Input,
    width: Option<u16>,
    colour: bool,
    interactive: bool,
    quiet: bool,
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal").field("width", &self.width).finish_non_exhaustive()
    }
}

impl Terminal {
    /// Looks at the standard streams.
    pub fn open(global: &Global) -> Self {
        let (out, status) = (io::stdout(), io::stderr());
        let is_terminal = out.is_terminal();
        let colour = anstream::AutoStream::choice(&out) != anstream::ColorChoice::Never;
        let status_width = status.is_terminal().then(|| columns(&status));
        let interactive = io::stdin().is_terminal() && status.is_terminal();
        // What is asked for as it was written keeps its colours, wherever it goes.
        let stream = match global.output {
            Format::Raw => anstream::AutoStream::always_ansi,
            _ => anstream::AutoStream::auto,
        };
        Self {
            width: is_terminal.then(|| columns(&out)),
            out: io::BufWriter::with_capacity(1 << 16, stream(out)),
            status: Wrapped::new(anstream::AutoStream::auto(status), status_width),
            input: Input,
            colour,
            interactive,
            quiet: global.quiet,
        }
    }

    /// Returns the streams for a command.
    pub fn ui(&mut self) -> Ui<'_> {
        Ui {
            out: &mut self.out,
            status: &mut self.status,
            input: &mut self.input,
            width: self.width,
            colour: self.colour,
            interactive: self.interactive,
            quiet: self.quiet,
        }
    }
}

/// Standard input, of which no more is taken than is asked for: the rest belongs to an editor that is
/// started next.
#[derive(Debug)]
struct Input;

impl Read for Input {
    /// Fails as interrupted where a signal arrives that the process catches, as Ctrl-C is while a command
    /// runs: a read would go on to wait for the answer to a question that nobody has any more.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let stdin = io::stdin();
        rustix::event::poll(&mut [PollFd::new(&stdin, PollFlags::IN)], None)?;
        Ok(rustix::io::read(&stdin, buffer)?)
    }
}

fn columns(out: impl AsFd) -> u16 {
    let told = rustix::termios::tcgetwinsize(out).map(|size| size.ws_col).unwrap_or(0);
    if told == 0 { 80 } else { told }
}

/// Returns the style of an error's first word.
pub(crate) fn error_style() -> Style {
    AnsiColor::Red.on_default().bold()
}

/// Returns the style of a remark's first word.
pub(crate) fn note_style() -> Style {
    AnsiColor::Cyan.on_default().bold()
}

/// Shows lines of others so that they cannot steer the terminal.
pub(crate) fn harmless_lines(text: &str) -> String {
    text.lines().map(harmless).collect::<Vec<_>>().join("\n")
}

/// Shows text of others so that it cannot steer the terminal: control characters but the tab are escaped.
pub(crate) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\t' {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}
