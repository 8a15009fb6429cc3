use std::io::{self, IsTerminal, PipeReader};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::fs::fstat;
use taskflows_journal::{Journal, JournalEntry};

use super::lines::JournalLines;
use super::pump::Pump;
use super::sink::{Plain, Sink};
use super::tail::Tail;

/// How long a line waits for a busy journal before it goes to the stream.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the output of a command goes.
#[derive(Clone, Debug)]
pub struct Outputs {
    streams: [Target; 2],
    /// Whether both streams are one, so that one pipe keeps their order.
    is_one: bool,
    journal: Option<Arc<Journal>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The process gets the terminal itself.
    Terminal,
    /// The bytes are passed on.
    Stream,
    /// Each line is an entry of the journal.
    Journal,
}

/// The pipes a process writes to, and where they go.
pub(crate) struct Connected {
    pub(crate) stdio: [Stdio; 2],
    pipes: Vec<(usize, PipeReader, Box<dyn Sink>)>,
}

impl Outputs {
    /// Looks where this process writes to. `journal_stream` is `$JOURNAL_STREAM`, which names the stream that goes to
    /// the journal by device and inode; its lines become entries with fields, as long as there is a journal to be had.
    pub fn of_this_process(journal_stream: Option<&str>) -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let (out_id, err_id) = (identity(out.as_fd()), identity(err.as_fd()));
        let is_journal =
            |id: &Option<(u64, u64)>| id.is_some() && *id == journal_stream.and_then(read_identity);
        let journal =
            if is_journal(&out_id) || is_journal(&err_id) { Journal::open(PATIENCE).ok() } else { None };
        let target = |is_terminal: bool, id| match (&journal, is_terminal) {
            (_, true) => Target::Terminal,
            (Some(_), false) if is_journal(id) => Target::Journal,
            _ => Target::Stream,
        };
        let streams = [target(out.is_terminal(), &out_id), target(err.is_terminal(), &err_id)];
        let is_one = out_id.is_some() && out_id == err_id && streams[0] != Target::Terminal;
        Self { streams, is_one, journal: journal.map(Arc::new) }
    }

    /// Waits until the journal has taken every line, at most `limit`.
    pub fn settle(&self, limit: Duration) {
        if let Some(journal) = &self.journal {
            journal.settle(limit);
        }
    }

    /// Makes the pipes for one process, whose lines have `fields` in the journal.
    pub(crate) fn connect(&self, fields: &JournalEntry) -> io::Result<Connected> {
        let mut pipes = Vec::new();
        let mut end = |stream: usize| -> io::Result<_> {
            let own = match stream {
                0 => io::stdout().as_fd().try_clone_to_owned(),
                _ => io::stderr().as_fd().try_clone_to_owned(),
            };
            let plain = Plain::new(own?);
            let sink: Box<dyn Sink> = match (&self.journal, self.streams[stream]) {
                (Some(journal), Target::Journal) => {
                    Box::new(JournalLines::new(Arc::clone(journal), plain, fields.clone()))
                }
                _ => Box::new(plain),
            };
            let (reader, writer) = io::pipe()?;
            pipes.push((stream, reader, sink));
            Ok(writer)
        };
        let stdio = if self.is_one {
            let writer = end(0)?;
            [writer.try_clone()?.into(), writer.into()]
        } else {
            let mut of = |stream: usize| match self.streams[stream] {
                Target::Terminal => Ok(Stdio::inherit()),
                _ => end(stream).map(Stdio::from),
            };
            [of(0)?, of(1)?]
        };
        Ok(Connected { stdio, pipes })
    }
}

impl Connected {
    /// Splits off what the process is given from what is pumped.
    pub(crate) fn split(self) -> ([Stdio; 2], Pipes) {
        (self.stdio, Pipes(self.pipes))
    }
}

/// Pipes that nothing reads from yet.
pub(crate) struct Pipes(Vec<(usize, PipeReader, Box<dyn Sink>)>);

impl Pipes {
    pub(crate) fn pump(self, tail: &Arc<Mutex<Tail>>) -> io::Result<Vec<Pump>> {
        let begin = |(stream, pipe, sink)| Pump::begin(stream, pipe, sink, Arc::clone(tail));
        self.0.into_iter().map(begin).collect()
    }
}

fn identity(stream: BorrowedFd<'_>) -> Option<(u64, u64)> {
    fstat(stream).ok().map(|stat| (stat.st_dev, stat.st_ino))
}

fn read_identity(text: &str) -> Option<(u64, u64)> {
    let (device, inode) = text.split_once(':')?;
    Some((device.parse().ok()?, inode.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_named_by_device_and_inode() {
        assert_eq!(read_identity("8:12345"), Some((8, 12345)));
        for wrong in ["", "8", "8:", "a:b", "8:1:2"] {
            assert_eq!(read_identity(wrong), None, "{wrong}");
        }
    }
}
