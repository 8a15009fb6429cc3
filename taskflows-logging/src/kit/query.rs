/// A query that dashboards, alert rules and documentation share.
///
/// In the text, `$service_name` and `$level` are variables of a dashboard, and `$__auto` and `$__range` spans that
/// Grafana puts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedQuery {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// The LogQL.
    pub text: &'static str,
}

/// What happens to a run is told by lines whose `taskflows_event` says so.
impl NamedQuery {
    /// Lines of each service.
    pub const LINES: Self = Self {
        name: "lines",
        about: "Lines by service",
        text: r#"sum by (service_name) (count_over_time({service_name=~".+"}[$__auto]))"#,
    };
    /// Lines of each service that tell of something wrong.
    pub const ERRORS: Self = Self {
        name: "errors",
        about: "Errors by service",
        text: r#"sum by (service_name) (count_over_time({service_name=~".+", severity=~"ERROR|CRITICAL"}[$__auto]))"#,
    };
    /// How many services have written.
    pub const SERVICES: Self = Self {
        name: "services",
        about: "Services that wrote",
        text: r#"count(sum by (service_name) (count_over_time({service_name=~".+"}[$__range])))"#,
    };
    /// How many lines tell of something wrong.
    pub const ERROR_COUNT: Self = Self {
        name: "error-count",
        about: "Errors",
        text: r#"sum(count_over_time({severity=~"ERROR|CRITICAL"}[$__range]))"#,
    };
    /// How many runs have failed.
    pub const FAILED_RUN_COUNT: Self = Self {
        name: "failed-run-count",
        about: "Failed runs",
        text: r#"sum(count_over_time({service_name=~".+"} |= `taskflows_event` | json | taskflows_event="finished" | taskflows_outcome="failed" [$__range]))"#,
    };
    /// Runs that have failed, by service.
    pub const FAILED_RUNS: Self = Self {
        name: "failed-runs",
        about: "Failed runs by service",
        text: r#"sum by (service_name) (count_over_time({service_name=~"$service_name"} |= `taskflows_event` | json | taskflows_event="finished" | taskflows_outcome="failed" [$__auto]))"#,
    };
    /// Ends of runs, by outcome.
    pub const OUTCOMES: Self = Self {
        name: "outcomes",
        about: "Ends of runs by outcome",
        text: r#"sum by (taskflows_outcome) (count_over_time({service_name=~"$service_name"} |= `taskflows_event` | json | taskflows_event="finished" [$__auto]))"#,
    };
    /// The time that most runs take no longer than, in seconds.
    pub const SLOWEST_RUNS: Self = Self {
        name: "slowest-runs",
        about: "Duration of runs, 95th percentile",
        text: r#"quantile_over_time(0.95, {service_name=~"$service_name"} |= `taskflows_event` | json | taskflows_event="finished" | unwrap taskflows_duration_us | __error__="" [$__auto]) by (service_name) / 1000000"#,
    };
    /// The time that half of the runs take no longer than, in seconds.
    pub const USUAL_RUNS: Self = Self {
        name: "usual-runs",
        about: "Duration of runs, median",
        text: r#"quantile_over_time(0.5, {service_name=~"$service_name"} |= `taskflows_event` | json | taskflows_event="finished" | unwrap taskflows_duration_us | __error__="" [$__auto]) by (service_name) / 1000000"#,
    };
    /// Attempts that were made once more.
    pub const RETRIES: Self = Self {
        name: "retries",
        about: "Retries by service",
        text: r#"sum by (service_name) (count_over_time({service_name=~"$service_name"} |= `taskflows_event` | json | taskflows_event="retrying" [$__auto]))"#,
    };
    /// Notes of runs.
    pub const RUN_NOTES: Self = Self {
        name: "run-notes",
        about: "What happened to runs",
        text: r#"{service_name=~"$service_name"} |= `taskflows_event` | json | line_format "{{.taskflows_event}} {{.taskflows_outcome}} {{.event}}""#,
    };
    /// Lines of the chosen services and levels.
    pub const SERVICE_LINES: Self = Self {
        name: "service-lines",
        about: "Lines",
        text: r#"{service_name=~"$service_name", level_name=~"$level"}"#,
    };
    /// Lines of the chosen services, by level.
    pub const SERVICE_LEVELS: Self = Self {
        name: "service-levels",
        about: "Lines by level",
        text: r#"sum by (level_name) (count_over_time({service_name=~"$service_name", level_name=~"$level"}[$__auto]))"#,
    };
    /// The errors themselves.
    pub const ERROR_LINES: Self = Self {
        name: "error-lines",
        about: "Errors",
        text: r#"{service_name=~"$service_name", severity=~"ERROR|CRITICAL"}"#,
    };
    /// Which part of which service complains most.
    pub const LOUDEST: Self = Self {
        name: "loudest",
        about: "Where errors come from",
        text: r#"topk(20, sum by (service_name, logger) (count_over_time({service_name=~"$service_name", severity=~"ERROR|CRITICAL"}[$__range])))"#,
    };
    /// The same event again and again.
    pub const REPEATED: Self = Self {
        name: "repeated",
        about: "The most frequent errors",
        text: r#"topk(20, sum by (service_name, event_fingerprint, event) (count_over_time({service_name=~"$service_name", severity=~"ERROR|CRITICAL"} | json event="event", event_fingerprint="event_fingerprint" [$__range])))"#,
    };
    /// All lines of one trace.
    pub const TRACE: Self = Self {
        name: "trace",
        about: "Lines of a trace",
        text: r#"{service_name=~".+"} | trace_id="trace-abc123""#,
    };
    /// All lines of one request.
    pub const REQUEST: Self = Self {
        name: "request",
        about: "Lines of a request",
        text: r#"{service_name=~".+"} | request_id="abc-123""#,
    };
    /// All lines of one run.
    pub const RUN: Self = Self {
        name: "run",
        about: "Lines of a run",
        text: r#"{service_name=~".+"} | run_id="00000000000000000000000000000000""#,
    };
    /// How long requests take, as programs log it; the name of the field is the program's.
    pub const LATENCY: Self = Self {
        name: "latency",
        about: "Time to answer, 95th percentile",
        text: r#"quantile_over_time(0.95, {app="my-service"} | json | unwrap context_response_time_ms | __error__="" [5m]) by (hostname)"#,
    };
    /// Runs that failed lately, for an alert.
    pub const ALERT_FAILED_RUNS: Self = Self {
        name: "alert-failed-runs",
        about: "A run has failed",
        text: r#"sum by (service_name) (count_over_time({service_name=~".+"} |= `taskflows_event` | json | taskflows_event="finished" | taskflows_outcome="failed" [5m]))"#,
    };
    /// Errors lately, for an alert.
    pub const ALERT_ERRORS: Self = Self {
        name: "alert-errors",
        about: "A service writes many errors",
        text: r#"sum by (service_name) (count_over_time({service_name=~".+", severity=~"ERROR|CRITICAL"}[5m]))"#,
    };
    /// Anything at all lately, for an alert.
    pub const ALERT_SILENCE: Self = Self {
        name: "alert-silence",
        about: "No line arrives any more",
        text: r#"sum(count_over_time({service_name=~".+"}[30m]))"#,
    };

    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::LINES,
        Self::ERRORS,
        Self::SERVICES,
        Self::ERROR_COUNT,
        Self::FAILED_RUN_COUNT,
        Self::FAILED_RUNS,
        Self::OUTCOMES,
        Self::SLOWEST_RUNS,
        Self::USUAL_RUNS,
        Self::RETRIES,
        Self::RUN_NOTES,
        Self::SERVICE_LINES,
        Self::SERVICE_LEVELS,
        Self::ERROR_LINES,
        Self::LOUDEST,
        Self::REPEATED,
        Self::TRACE,
        Self::REQUEST,
        Self::RUN,
        Self::LATENCY,
        Self::ALERT_FAILED_RUNS,
        Self::ALERT_ERRORS,
        Self::ALERT_SILENCE,
    ];
}
