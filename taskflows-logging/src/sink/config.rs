use std::error::Error;
use std::path::PathBuf;

use thiserror::Error;

use super::file::FileSink;
use super::forward::Forward;
use super::journald::Journald;
use super::loki::LokiPush;
use super::stdout::Stdout;
use super::worker::Worker;
use super::{Labels, Sink};
use crate::loki::LokiSettings;

/// Which sink is wanted.
///
/// Standard output and a file are written by the caller. For the others lines wait in memory, 8 MiB of them at most, for
/// one thread that sends them: a receiver that is slow or gone costs the caller nothing, and what finds no room is
/// counted by [`Sink::dropped`], as is a line of more than 4 MiB. A sink that is dropped sends what waits as long as the
/// first try works; [`Sink::flush`] before waits for more.
///
/// ```
/// use taskflows_logging::{Labels, SinkConfig};
///
/// let address = "localhost:24224".to_owned();
/// let config = SinkConfig::FluentBit { address, tag: "my-service".to_owned() };
/// let sink = config.build(&Labels { app: "my-service".to_owned(), ..Labels::default() })?;
/// assert_eq!(sink.dropped(), 0);
/// # Ok::<(), taskflows_logging::SinkError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SinkConfig {
    /// Standard output, which a service's journal reads. Each line is written at once.
    ///
    /// A journal that does not read is waited for a second, once; a pipe or a terminal as long as it takes, as by any
    /// program.
    Stdout,
    /// A file, which is rotated by size. Each line is written at once.
    File {
        /// Where it is. A new one may be read by its owner only.
        path: PathBuf,
        /// It is rotated before it grows beyond this, in bytes.
        max_bytes: u64,
        /// So many older ones are kept: `name.1`, the newest of them, `name.2`, …
        max_rotations: u32,
    },
    /// The systemd journal, with fields.
    Journald,
    /// Fluent Bit's forward input, where each chunk is acknowledged; a line may arrive twice, but none is lost
    /// while there is room for what waits. Neither a shared key nor TLS is spoken: meant for this host.
    ///
    /// A record has the fields of the line, and its text as `taskflows_line`, unless that is longer than 256 KiB;
    /// `service_name` is the task that the program is.
    FluentBit {
        /// `localhost:24224`, where the port may be left out; an IPv6 address stands in brackets before a port.
        address: String,
        /// The tag of what is sent.
        tag: String,
    },
    /// Loki itself. What it cannot take now is sent again, when it asks for, up to some minutes; what it refuses for good is
    /// lost: as many lines as it says, else all of the request. A line longer than 256 KiB is cut.
    Loki {
        /// Where it is.
        settings: LokiSettings,
        /// Whether `request_id` and `trace_id` are labels that Loki indexes, instead of structured metadata.
        labels_compat: bool,
    },
}

impl SinkConfig {
    /// Makes the sink.
    ///
    /// # Errors
    /// When its configuration cannot be used. That nobody listens yet is no error.
    pub fn build(&self, labels: &Labels) -> Result<Box<dyn Sink>, SinkError> {
        Ok(match self {
            Self::Stdout => Box::new(Stdout::new()),
            Self::File { path, max_bytes, max_rotations } => {
                Box::new(FileSink::open(path, *max_bytes, *max_rotations)?)
            }
            Self::Journald => Box::new(Worker::start("journald", Journald::new(labels))?),
            Self::FluentBit { address, tag } => {
                Box::new(Worker::start("fluent-bit", Forward::new(address, tag, labels)?)?)
            }
            Self::Loki { settings, labels_compat } => {
                Box::new(Worker::start("loki", LokiPush::new(settings, labels, *labels_compat)?)?)
            }
        })
    }
}

/// Why there can be no such sink.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The configuration says what cannot be.
    #[error("cannot log there: {reason}")]
    Unusable {
        /// Why.
        reason: String,
    },
    /// It could not be opened.
    #[error("could not {operation}")]
    Failed {
        /// What was tried.
        operation: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl SinkError {
    pub(super) fn unusable(reason: impl Into<String>) -> Self {
        Self::Unusable { reason: reason.into() }
    }

    pub(super) fn failed(
        operation: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Failed { operation: operation.into(), source: source.into() }
    }
}
