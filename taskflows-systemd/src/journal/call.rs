use std::io;

use taskflows_core::effects::LogError;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use super::entry::Entry;

/// So long may an entry be as it is printed; one that is longer is passed over, so that no program fills our memory with
/// one line. A byte that is not UTF-8 takes up to four of them.
const LONGEST: usize = 64 << 20;

/// What the memory for an entry is cut back to after a long one.
const USUAL: usize = 1 << 20;

/// A `journalctl` that runs.
pub(super) struct Call {
    child: Child,
    lines: BufReader<ChildStdout>,
    line: Vec<u8>,
}

/// How a call came to its end.
pub(super) enum End {
    /// It printed all there is.
    Good,
    /// Somebody ended it.
    Killed(LogError),
    /// It failed, and said why.
    Failed(LogError),
}

impl End {
    pub(super) fn into_result(self) -> Result<(), LogError> {
        match self {
            Self::Good => Ok(()),
            Self::Killed(error) | Self::Failed(error) => Err(error),
        }
    }
}

impl Call {
    pub(super) fn begin(mut command: Command, program: &str) -> Result<Self, LogError> {
        let unavailable = |source: io::Error| LogError::Unavailable {
            operation: format!("start `{program}`"),
            source: Box::new(source),
        };
        let mut child = command.spawn().map_err(unavailable)?;
        let output = child.stdout.take().ok_or_else(|| unavailable(io::ErrorKind::BrokenPipe.into()))?;
        Ok(Self { child, lines: BufReader::new(output), line: Vec::new() })
    }

    /// Returns the next entry; `None` at the end of its output.
    pub(super) async fn next(&mut self) -> Result<Option<Entry>, LogError> {
        while self.read_line().await? {
            if let Some(entry) = Entry::read(&String::from_utf8_lossy(&self.line)) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Reads a line, an empty one in the place of one that is too long; false at the end.
    async fn read_line(&mut self) -> Result<bool, LogError> {
        self.line.clear();
        self.line.shrink_to(USUAL);
        let mut is_too_long = false;
        loop {
            let chunk = self.lines.fill_buf().await.map_err(|source| LogError::Unavailable {
                operation: "read the output of journalctl".into(),
                source: Box::new(source),
            })?;
            if chunk.is_empty() {
                return Ok(!self.line.is_empty() || is_too_long);
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(chunk.len(), |end| end + 1);
            is_too_long |= self.line.len() + taken > LONGEST;
            if is_too_long {
                self.line = Vec::new();
            } else {
                self.line.extend_from_slice(&chunk[..taken]);
            }
            self.lines.consume(taken);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// Waits for its end and takes its message where it failed.
    pub(super) async fn finish(self) -> Result<(), LogError> {
        self.end().await?.into_result()
    }

    /// Waits for its end and tells what kind of one it was.
    pub(super) async fn end(mut self) -> Result<End, LogError> {
        let mut message = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            // Without its words the exit code alone says that it failed.
            let _ = stderr.read_to_string(&mut message).await;
        }
        let status = self.child.wait().await.map_err(|source| LogError::Unavailable {
            operation: "wait for journalctl".into(),
            source: Box::new(source),
        })?;
        if status.success() {
            return Ok(End::Good);
        }
        let reason = match message.trim() {
            "" => format!("journalctl ended with {status}"),
            message => message.replace('\n', "; "),
        };
        let error = LogError::Failed { reason };
        Ok(if status.code().is_none() { End::Killed(error) } else { End::Failed(error) })
    }
}
