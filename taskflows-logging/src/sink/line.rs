use std::collections::BTreeMap;
use std::time::Duration;

use tracing::Level;

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
    /// The file of the source where it was written; empty where that is not known.
    pub file: &'a str,
    /// The line of that file, from 1; 0 where that is not known.
    pub file_line: u32,
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
    /// `service_name` in Loki: the task that the program is; `app` where none is given.
    pub service: Option<String>,
    /// More of them. They stand in each line; Loki does not index them.
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

    /// Says why a line was lost or has not arrived yet, the last time there was a reason.
    fn last_error(&self) -> Option<String>;
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A line of that JSON, and nothing known about it.
    pub(in crate::sink) fn line(json: &[u8]) -> Line<'_> {
        Line {
            timestamp_ns: 1_790_000_000_123_456_789,
            level: Level::INFO,
            json,
            event: "",
            logger: "app",
            request_id: None,
            trace_id: None,
            run_id: None,
            attempt: None,
            file: "",
            file_line: 0,
        }
    }
}
