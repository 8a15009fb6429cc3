use std::collections::BTreeMap;

use crate::SinkConfig;

/// How a program logs.
#[derive(Clone, Debug)]
pub struct LokiLogging {
    /// The label `app` of every line.
    pub app_name: String,
    /// The label `environment`; `$ENVIRONMENT`, else `production`, where none is given.
    pub environment: Option<String>,
    /// More labels, such as `team`.
    pub extra_labels: BTreeMap<String, String>,
    /// The lowest level that is written, as directives of `tracing_subscriber::EnvFilter` have it: `INFO`.
    pub log_level: String,
    /// Lines for people instead of JSON, on the terminal.
    pub console: bool,
    /// So many characters of a string are kept at most.
    pub max_string_length: usize,
    /// Whether lines say on which host they were written.
    pub include_hostname: bool,
    /// Whether lines say which process and which thread wrote them.
    pub include_process_info: bool,
    /// Where lines go; standard output where none is given.
    pub sinks: Vec<SinkConfig>,
}
