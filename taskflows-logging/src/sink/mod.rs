//! Where lines go.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use tracing::Level;

use crate::loki::LokiSettings;

/// One line on its way out.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// When it was written, in nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// Its level.
    pub level: Level,
    /// The line as JSON, without a newline at its end.
    pub json: &'a [u8],
    /// What happened.
    pub event: &'a str,
    /// Who wrote it.
    pub logger: &'a str,
    /// The request it belongs to.
    pub request_id: Option<&'a str>,
    /// The trace it belongs to.
    pub trace_id: Option<&'a str>,
    /// The run of a task it belongs to, as 32 hexadecimal digits.
    pub run_id: Option<&'a str>,
    /// The attempt of the run, from 1.
    pub attempt: Option<u32>,
}

/// What every line of a program has in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// `app`.
    pub app: String,
    /// `environment`.
    pub environment: String,
    /// `hostname`, where lines have one.
    pub hostname: Option<String>,
    /// More of them.
    pub extra: BTreeMap<String, String>,
}

/// Takes lines. It never fails its caller: what it cannot take is counted as dropped.
pub trait Sink: Send + Sync + std::fmt::Debug {
    /// Takes a line.
    fn write(&self, line: &Line<'_>);

    /// Waits until what was taken has arrived, at most `limit`; tells whether it has.
    fn flush(&self, limit: Duration) -> bool;

    /// Returns how many lines were lost.
    fn dropped(&self) -> u64;
}

/// Which sink is wanted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SinkConfig {
    /// Standard output, which a service's journal reads. Each line is written at once.
    Stdout,
    /// A file, which is rotated by size.
    File {
        /// Where it is.
        path: PathBuf,
        /// It is rotated before it grows beyond this, in bytes.
        max_bytes: u64,
        /// So many older ones are kept: `name.1`, `name.2`, …
        max_rotations: u32,
    },
    /// The systemd journal, with fields.
    Journald,
    /// Fluent Bit's forward input, `host:port`.
    FluentBit {
        /// `localhost:24224`
        address: String,
        /// The tag of what is sent.
        tag: String,
    },
    /// Loki itself.
    Loki(LokiSettings),
}

impl SinkConfig {
    /// Makes the sink.
    ///
    /// # Errors
    /// When its configuration cannot be used. That nobody listens yet is no error.
    pub fn build(&self, labels: &Labels) -> Result<Box<dyn Sink>, SinkError> {
        let _ = labels;
        Err(SinkError::Unusable { reason: "not built yet".to_owned() })
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
