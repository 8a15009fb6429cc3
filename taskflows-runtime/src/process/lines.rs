use std::io;
use std::sync::Arc;
use taskflows_journal::{Journal, JournalEntry};

use super::sink::{Plain, Sink};

/// A longer line is several entries, as where systemd reads the stream. Source: journald.conf(5), `LineMax=`.
const LINE_MAX: usize = 48 << 10;

/// The priority of a line that names none. Source: systemd.exec(5), `SyslogLevel=`.
const INFO: u8 = 6;

/// Lines that become entries of the journal, each with the fields of its run.
///
/// What systemd does with the lines of a stream is done the same: a line ends at a newline or a NUL, an empty one is no
/// entry, and `<3>` before a line is its priority. Where the journal cannot be had, the stream gets the lines.
#[derive(Debug)]
pub(crate) struct JournalLines {
    journal: Arc<Journal>,
    stream: Plain,
    /// The fields of every line, and after them those of the one that is written.
    entry: JournalEntry,
    fields: usize,
    open: Vec<u8>,
}

impl JournalLines {
    pub(crate) fn new(journal: Arc<Journal>, stream: Plain, fields: JournalEntry) -> Self {
        let length = fields.length();
        Self { journal, stream, entry: fields, fields: length, open: Vec::new() }
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        let (priority, message) = priority(line);
        if message.is_empty() {
            return Ok(());
        }
        self.entry.clear_to(self.fields);
        self.entry.add("PRIORITY", &[b'0' + priority]);
        self.entry.add("MESSAGE", message);
        self.journal.send(&self.entry).or_else(|_| {
            self.stream.write(line)?;
            self.stream.write(b"\n")
        })
    }

    /// Goes on with the open line, and writes what is too long for one.
    fn extend(&mut self, mut part: &[u8]) -> io::Result<()> {
        while self.open.len() + part.len() > LINE_MAX {
            let (fits, rest) = part.split_at(LINE_MAX - self.open.len());
            self.open.extend_from_slice(fits);
            self.finish()?;
            part = rest;
        }
        self.open.extend_from_slice(part);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.open);
        let result = self.line(&line);
        self.open = line;
        self.open.clear();
        result
    }
}

/// Splits the priority off a line: `<3>text`. Source: sd-daemon(3).
fn priority(line: &[u8]) -> (u8, &[u8]) {
    let Some(rest) = line.strip_prefix(b"<") else { return (INFO, line) };
    let digits = rest.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
    match (rest[..digits].split_last(), rest.get(digits)) {
        (Some((last @ b'0'..=b'7', before)), Some(b'>')) if before.iter().all(|digit| *digit == b'0') => {
            (last - b'0', &rest[digits + 1..])
        }
        _ => (INFO, line),
    }
}

impl Sink for JournalLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let is_end = |byte: &u8| matches!(byte, b'\n' | 0);
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(is_end) {
            self.extend(&rest[..end])?;
            self.finish()?;
            rest = &rest[end + 1..];
        }
        self.extend(rest)
    }

    fn end(&mut self) {
        // Nobody is left to be told that the stream is gone too.
        let _ = self.finish();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixDatagram;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_priority_is_read_as_systemd_reads_it() {
        for (line, priority_of, message) in [
            ("<3>bad", 3, "bad"),
            ("<0>", 0, ""),
            ("<007>x", 7, "x"),
            ("<8>x", 6, "<8>x"),
            ("<12>x", 6, "<12>x"),
            ("<0003>x", 6, "<0003>x"),
            ("<>x", 6, "<>x"),
            ("<3 x", 6, "<3 x"),
            ("<3", 6, "<3"),
            ("plain", 6, "plain"),
        ] {
            assert_eq!(priority(line.as_bytes()), (priority_of, message.as_bytes()), "{line}");
        }
    }

    /// Writes pieces and returns the messages with their priorities, and what went to the stream.
    fn written(pieces: &[&[u8]], listens: bool) -> (Vec<Vec<u8>>, Vec<u8>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixDatagram::bind(&path).unwrap();
        let journal = Arc::new(Journal::at(&path, Duration::from_secs(1)).unwrap());
        let (mut reader, writer) = std::io::pipe().unwrap();
        let fields = JournalEntry::default().with("A", "b");
        let mut lines = JournalLines::new(journal, Plain::new(writer.into()), fields);
        let listener = listens.then_some(listener);
        for piece in pieces {
            lines.write(piece).unwrap();
        }
        lines.end();
        drop(lines);
        let mut entries = Vec::new();
        if let Some(listener) = listener {
            listener.set_nonblocking(true).unwrap();
            let mut bytes = vec![0; 1 << 17];
            while let Ok(read) = listener.recv(&mut bytes) {
                entries.push(bytes[..read].to_vec());
            }
        }
        let mut plain = Vec::new();
        reader.read_to_end(&mut plain).unwrap();
        (entries, plain)
    }

    #[test]
    fn each_line_is_an_entry_with_the_fields_of_the_run() {
        let (entries, plain) = written(&[b"one\nt", b"wo\n\n<4>th\0\xff", b"ree"], true);
        let entry = |priority: u8, message: &[u8]| {
            [format!("A=b\nPRIORITY={priority}\nMESSAGE=").as_bytes(), message, b"\n"].concat()
        };
        let wanted = [entry(6, b"one"), entry(6, b"two"), entry(4, b"th"), entry(6, b"\xffree")];
        assert_eq!((entries, plain), (wanted.to_vec(), Vec::new()));
    }

    #[test]
    fn a_line_without_an_end_is_cut_and_none_of_it_is_lost() {
        let flood = vec![b'x'; 100_000];
        // Nobody reads the socket meanwhile: what it has no room for goes to the stream.
        let (entries, plain) = written(&[&flood, &flood], true);
        let length = |entry: &Vec<u8>| entry.iter().filter(|byte| **byte == b'x').count();
        assert!(entries.len() > 1);
        assert_eq!(entries.iter().map(length).sum::<usize>() + length(&plain), 200_000);
        assert!(entries.iter().all(|entry| length(entry) <= LINE_MAX));
    }

    #[test]
    fn the_stream_gets_the_lines_where_there_is_no_journal() {
        let (entries, plain) = written(&[b"one\n<3>two\nthr", b"ee"], false);
        assert_eq!((entries.len(), plain.as_slice()), (0, b"one\n<3>two\nthree\n".as_slice()));
    }
}
