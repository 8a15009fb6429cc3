/// What Loki keeps beside a line: as an indexed label, or as structured metadata.
///
/// Labels are indexed, so each has few values, and one line more never makes a new stream of its own. Source: Grafana
/// Loki, "Label best practices" and "What is structured metadata".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// The service or the container; of a program on its own its name.
    ServiceName,
    /// The program.
    App,
    /// Where it is used: `production`.
    Environment,
    /// The machine.
    Hostname,
    /// `DEBUG`, `INFO`, `WARNING`, `ERROR`, `CRITICAL`.
    Severity,
    /// The same in lower case, as syslog names it.
    LevelName,
    /// The part of the program that wrote.
    Logger,
    /// The request a line belongs to.
    RequestId,
    /// The trace it belongs to.
    TraceId,
    /// The run of a task, or systemd's invocation.
    RunId,
    /// The attempt of the run, from 1.
    Attempt,
}

impl Label {
    /// All of them, in the order in which they are written.
    pub const ALL: [Self; 11] = [
        Self::ServiceName,
        Self::App,
        Self::Environment,
        Self::Hostname,
        Self::Severity,
        Self::LevelName,
        Self::Logger,
        Self::RequestId,
        Self::TraceId,
        Self::RunId,
        Self::Attempt,
    ];

    /// Returns its name in Loki.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServiceName => "service_name",
            Self::App => "app",
            Self::Environment => "environment",
            Self::Hostname => "hostname",
            Self::Severity => "severity",
            Self::LevelName => "level_name",
            Self::Logger => "logger",
            Self::RequestId => "request_id",
            Self::TraceId => "trace_id",
            Self::RunId => "run_id",
            Self::Attempt => "attempt",
        }
    }

    /// Tells whether it is indexed; with `compat` the ids of requests and traces are as well.
    pub const fn is_indexed(self, compat: bool) -> bool {
        match self {
            Self::RequestId | Self::TraceId => compat,
            Self::RunId | Self::Attempt => false,
            _ => true,
        }
    }
}
