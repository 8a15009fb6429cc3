use std::io;

use taskflows_core::effects::LogError;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use super::entry::Entry;

/// A `journalctl` that runs.
pub(super) struct Call {
    child: Child,
    lines: BufReader<ChildStdout>,
    line: Vec<u8>,
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
        loop {
            self.line.clear();
            let read = self.lines.read_until(b'\n', &mut self.line).await;
            let length = read.map_err(|source| LogError::Unavailable {
                operation: "read the output of journalctl".into(),
                source: Box::new(source),
            })?;
            if length == 0 {
                return Ok(None);
            }
            if let Some(entry) = Entry::read(&String::from_utf8_lossy(&self.line)) {
                return Ok(Some(entry));
            }
        }
    }

    /// Waits for its end and takes its message where it failed.
    pub(super) async fn finish(mut self) -> Result<(), LogError> {
        let mut message = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            // Without its words the exit code alone says that it failed.
            let _ = stderr.read_to_string(&mut message).await;
        }
        match self.child.wait().await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) if message.trim().is_empty() => {
                Err(LogError::Failed { reason: format!("journalctl ended with {status}") })
            }
            Ok(_) => Err(LogError::Failed { reason: message.trim().replace('\n', "; ") }),
            Err(source) => Err(LogError::Unavailable {
                operation: "wait for journalctl".into(),
                source: Box::new(source),
            }),
        }
    }
}
