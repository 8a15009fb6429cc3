//! The journal's own protocol. Source: systemd's "Native Journal Protocol", `JOURNAL_NATIVE_PROTOCOL`.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::net::sockopt::set_socket_send_buffer_size;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// Where the journal listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// A connection to the journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    patience: Duration,
    socket: Mutex<UnixDatagram>,
}

/// One entry: fields and their values, which may hold any bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalEntry(Vec<u8>);

impl JournalEntry {
    /// Adds a field. Its name is of `A-Z`, `0-9` and `_`, and does not begin with `_`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.add(name, value.as_ref());
        self
    }

    /// Adds a field in place, as [`JournalEntry::with`] does.
    pub fn add(&mut self, name: &str, value: &[u8]) {
        self.0.extend_from_slice(name.as_bytes());
        if value.contains(&b'\n') {
            self.0.push(b'\n');
            self.0.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            self.0.push(b'=');
        }
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }

    /// Takes fields away again, down to a [`length`](Self::length) that it had.
    pub fn clear_to(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// Returns its length in bytes as it is sent.
    pub fn length(&self) -> usize {
        self.0.len()
    }
}

impl Journal {
    /// Connects to the journal of this host. A send waits for a busy journal no longer than `patience`.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(patience: Duration) -> io::Result<Self> {
        Self::at(Path::new(SOCKET), patience)
    }

    /// Connects to a journal that listens elsewhere.
    ///
    /// # Errors
    /// When it does not.
    pub fn at(path: &Path, patience: Duration) -> io::Result<Self> {
        let socket = Mutex::new(connect(path, patience)?);
        Ok(Self { path: path.to_owned(), patience, socket })
    }

    /// Hands an entry over.
    ///
    /// # Errors
    /// When the journal is gone, or has no room for as long as it is waited for.
    pub fn send(&self, entry: &JournalEntry) -> io::Result<()> {
        let mut socket = self.socket();
        match send(&socket, &entry.0) {
            Err(error) if is_gone(&error) => {
                // One that was started anew listens at the same place.
                *socket = connect(&self.path, self.patience)?;
                send(&socket, &entry.0)
            }
            result => result,
        }
    }

    /// Waits until the journal has taken what was sent, at most `limit`: it looks up of which unit a process is, and
    /// cannot once the process is gone. Nothing can be sent afterwards but small entries.
    pub fn settle(&self, limit: Duration) {
        let socket = self.socket();
        // A socket is writable while a quarter of its buffer at most waits to be read; with the smallest buffer that the
        // kernel allows, that is while no entry does.
        if set_socket_send_buffer_size(&*socket, 1).is_ok() {
            let limit = limit.try_into().ok();
            let _ = poll(&mut [PollFd::new(&*socket, PollFlags::OUT)], limit.as_ref());
        }
    }

    fn socket(&self) -> MutexGuard<'_, UnixDatagram> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(path: &Path, patience: Duration) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_write_timeout(Some(patience))?;
    Ok(socket)
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, NotConnected, NotFound};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | NotConnected | NotFound)
}

fn send(socket: &UnixDatagram, bytes: &[u8]) -> io::Result<()> {
    loop {
        match socket.send(bytes) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_too_long(&error) => return send_file(socket, bytes),
            Err(error) => return Err(error),
        }
    }
}

fn is_too_long(error: &io::Error) -> bool {
    let code = rustix::io::Errno::from_io_error(error);
    matches!(code, Some(rustix::io::Errno::MSGSIZE | rustix::io::Errno::NOBUFS))
}

/// Hands over an entry that fits no datagram, as a file in memory that nobody can change any more.
fn send_file(socket: &UnixDatagram, bytes: &[u8]) -> io::Result<()> {
    let file = memfd_create("entry", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(file);
    file.write_all(bytes)?;
    fcntl_add_seals(&file, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    let files = [file.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&files));
    sendmsg(socket, &[IoSlice::new(&[])], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen() -> (tempfile::TempDir, UnixDatagram, Journal) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixDatagram::bind(&path).unwrap();
        let journal = Journal::at(&path, Duration::from_millis(50)).unwrap();
        (directory, listener, journal)
    }

    fn receive(listener: &UnixDatagram) -> Vec<u8> {
        let mut bytes = vec![0; 1 << 20];
        let read = listener.recv(&mut bytes).unwrap();
        bytes.truncate(read);
        bytes
    }

    #[test]
    fn a_value_of_several_lines_is_told_by_its_length() {
        let entry = JournalEntry::default().with("A", "x=y \0\u{fc}").with("B", "1\n2").with("C", "");
        assert_eq!(entry.0, b"A=x=y \0\xc3\xbc\nB\n\x03\0\0\0\0\0\0\x001\n2\nC=\n");
    }

    #[test]
    fn entries_arrive_whole_and_after_the_journal_was_started_anew() {
        let (directory, listener, journal) = listen();
        let entry = JournalEntry::default().with("MESSAGE", "hello");
        journal.send(&entry).unwrap();
        assert_eq!(receive(&listener), b"MESSAGE=hello\n");
        drop(listener);
        let path = directory.path().join("socket");
        std::fs::remove_file(&path).unwrap();
        assert!(journal.send(&entry).is_err());
        let listener = UnixDatagram::bind(&path).unwrap();
        journal.send(&entry).unwrap();
        assert_eq!(receive(&listener), b"MESSAGE=hello\n");
    }

    #[test]
    fn an_entry_that_fits_no_datagram_is_a_file() {
        use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
        let (_directory, listener, journal) = listen();
        let entry = JournalEntry::default().with("MESSAGE", vec![b'x'; 4 << 20]);
        journal.send(&entry).unwrap();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        recvmsg(&listener, &mut [], &mut control, RecvFlags::empty()).unwrap();
        let mut files = control.drain().flat_map(|message| match message {
            RecvAncillaryMessage::ScmRights(files) => files.collect(),
            _ => Vec::new(),
        });
        let file = File::from(files.next().unwrap());
        assert_eq!(file.metadata().unwrap().len(), entry.0.len() as u64);
    }

    #[test]
    fn a_journal_that_does_not_read_is_waited_for_so_long_and_no_longer() {
        let (_directory, listener, journal) = listen();
        let entry = JournalEntry::default().with("MESSAGE", vec![b'x'; 2_000]);
        journal.send(&entry).unwrap();
        let began = std::time::Instant::now();
        journal.settle(Duration::from_millis(80));
        assert!(began.elapsed() >= Duration::from_millis(80));
        receive(&listener);
        let began = std::time::Instant::now();
        journal.settle(Duration::from_secs(20));
        assert!(began.elapsed() < Duration::from_secs(10));
        let mut sent = 0;
        let error = loop {
            match journal.send(&entry) {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
        };
        assert!(sent < 10_000 && error.kind() == io::ErrorKind::WouldBlock, "{error}");
    }
}
