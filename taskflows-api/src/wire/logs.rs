use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use taskflows_core::effects::{LogEntry, LogOrigin, LogQuery};
use taskflows_core::task::RunId;
use utoipa::{IntoParams, ToSchema};

use super::Misfit;
use crate::server::Problem;

/// The longest pattern that is looked for, in bytes.
const LONGEST_PATTERN: usize = 1_000;

/// Which lines of the log are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct LogParameters {
    /// Of this service; may be repeated. Of none there are no lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub service: Vec<String>,
    /// At most this many, the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<usize>,
    /// Not before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Not after this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Of this run alone: its 32 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Of this attempt of a run alone, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<i64>, minimum = 0, maximum = 4_294_967_295_i64)]
    pub attempt: Option<u32>,
    /// Of this syslog priority or a graver one, 0 to 7.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(maximum = 7)]
    pub priority: Option<u8>,
    /// With a message that this regular expression is found in; of at most 1,000 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

impl From<&LogQuery> for LogParameters {
    fn from(query: &LogQuery) -> Self {
        Self {
            service: query.services.iter().map(ToString::to_string).collect(),
            lines: query.lines,
            since: query.since,
            until: query.until,
            run: query.run.map(|run| run.to_string()),
            attempt: query.attempt,
            priority: query.priority,
            pattern: query.pattern.as_ref().map(ToString::to_string),
        }
    }
}

impl TryFrom<LogParameters> for LogQuery {
    type Error = Misfit;

    fn try_from(sent: LogParameters) -> Result<Self, Misfit> {
        if sent.priority.is_some_and(|priority| priority > 7) {
            return Err(Misfit::new("priority", "a priority is 0 to 7"));
        }
        if sent.pattern.as_ref().is_some_and(|pattern| pattern.len() > LONGEST_PATTERN) {
            return Err(Misfit::new("pattern", format!("it is longer than {LONGEST_PATTERN} bytes")));
        }
        let services = sent.service.iter().map(|name| name.parse().map_err(Misfit::of("service")));
        let pattern = sent.pattern.map(|pattern| pattern.parse().map_err(Misfit::of("pattern")));
        Ok(Self {
            services: services.collect::<Result<_, _>>()?,
            lines: sent.lines,
            since: sent.since,
            until: sent.until,
            run: sent.run.map(|run| run.parse().map_err(Misfit::of("run"))).transpose()?,
            attempt: sent.attempt,
            priority: sent.priority,
            pattern: pattern.transpose()?,
        })
    }
}

/// One line of the log. Its message is text that anybody may have written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// When it was received.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// The service it belongs to.
    pub service: String,
    /// Who wrote it.
    pub origin: LineOrigin,
    /// The run it belongs to, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The attempt of the run, from 1, where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Its syslog priority, 0 emergency to 7 debug.
    pub priority: u8,
    /// The text.
    pub message: String,
}

/// Who wrote a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LineOrigin {
    /// A process of the service.
    Process,
    /// systemd, about the service.
    Systemd,
}

/// A line of an answer as JSON lines.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum StreamedLine {
    /// A line of the log.
    Line(LogLine),
    /// What went wrong, after which nothing follows.
    Problem {
        /// It.
        problem: Problem,
    },
}

impl From<LogEntry> for LogLine {
    fn from(entry: LogEntry) -> Self {
        Self {
            time: entry.time,
            service: entry.service.to_string(),
            origin: match entry.origin {
                LogOrigin::Process => LineOrigin::Process,
                LogOrigin::Manager => LineOrigin::Systemd,
            },
            run: entry.run.map(|run| run.to_string()),
            attempt: entry.attempt,
            priority: entry.priority,
            message: entry.message,
        }
    }
}

impl TryFrom<LogLine> for LogEntry {
    type Error = Misfit;

    fn try_from(line: LogLine) -> Result<Self, Misfit> {
        let run = line.run.map(|run| run.parse::<RunId>().map_err(Misfit::of("run")));
        Ok(Self {
            time: line.time,
            service: line.service.parse().map_err(Misfit::of("service"))?,
            origin: match line.origin {
                LineOrigin::Process => LogOrigin::Process,
                LineOrigin::Systemd => LogOrigin::Manager,
            },
            run: run.transpose()?,
            attempt: line.attempt,
            priority: line.priority,
            message: line.message,
        })
    }
}
