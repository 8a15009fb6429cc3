use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};

/// Where the output of a process goes.
pub(crate) trait Sink: Send {
    /// Takes what was written, and returns once whoever reads has room for it.
    ///
    /// # Errors
    /// When it can be written nowhere.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Takes note that nothing more comes.
    fn end(&mut self) {}
}

/// A stream that gets the bytes as they are.
#[derive(Debug)]
pub(crate) struct Plain(File);

impl Plain {
    pub(crate) fn new(stream: OwnedFd) -> Self {
        Self(File::from(stream))
    }
}

impl Sink for Plain {
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.0.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Who shares the stream with us made it so.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(&self.0.as_fd(), PollFlags::OUT)], None)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
