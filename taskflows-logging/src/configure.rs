//! How a program sets its log up.

mod console;
mod guard;
mod level;
mod settings;

use std::collections::BTreeMap;

use thiserror::Error;
use tracing::dispatcher;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub use guard::LoggingGuard;

use crate::{LokiLayer, SinkConfig, SinkError};

/// How a program logs.
///
/// What is left to [`Default`] comes from the environment of the process; [`LokiLogging::from_vars`] lists that.
#[derive(Clone, Debug)]
pub struct LokiLogging {
    /// The label `app` of every line.
    pub app_name: String,
    /// The label `environment`; `$ENVIRONMENT`, else `production`, where none is given.
    pub environment: Option<String>,
    /// More labels, such as `team`. They may not have the names of what lines say anyway.
    pub extra_labels: BTreeMap<String, String>,
    /// The lowest level that is written, as directives of `tracing_subscriber::EnvFilter` have it: `INFO`, or
    /// `INFO,my_crate=debug`. `WARNING` and `CRITICAL` are known too.
    pub log_level: String,
    /// Lines for people instead of JSON, on standard output; `sinks` does not matter then.
    pub console: bool,
    /// So many characters of a string are kept at most.
    pub max_string_length: usize,
    /// Whether lines say on which host they were written.
    pub include_hostname: bool,
    /// Whether lines say which process and which thread wrote them: `pid` and `thread` in `context`.
    pub include_process_info: bool,
    /// Where lines go; standard output where none is given.
    pub sinks: Vec<SinkConfig>,
}

/// Why a program cannot log like that.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigureError {
    /// There is a subscriber for the whole process already.
    #[error("logs are configured already")]
    AlreadyConfigured,
    /// The level says what cannot be understood.
    #[error("`{}` is no level to log at, such as `INFO` or `INFO,my_crate=debug`", .directive.escape_debug())]
    Level {
        /// What was not understood.
        directive: String,
    },
    /// A label has a name that lines need themselves.
    #[error("`{}` cannot be the name of an extra label: lines have something else of that name", .name.escape_debug())]
    Label {
        /// The name.
        name: String,
    },
    /// There can be no such sink.
    #[error("could not set up where lines go")]
    Sink(#[from] SinkError),
}

/// Sets up the log of the whole process: `tracing`'s events, records of the `log` crate and the lines of
/// [`get_struct_logger`](crate::get_struct_logger) become lines of JSON, and go to the sinks. Call it once, at the start of
/// `main`, and keep the guard to its end.
///
/// ```no_run
/// use taskflows_logging::{LokiLogging, configure_loki_logging};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let _guard = configure_loki_logging(LokiLogging { app_name: "my-service".into(), ..LokiLogging::default() })?;
/// tracing::info!(user_id = 123, action = "login", "user_action");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When there is a subscriber already (a second call, say), and when the configuration cannot be used. Nothing is changed
/// then. That nobody listens at a sink's address yet is no error. Where another logger of the `log` crate is installed, it
/// stays, and its records are its own.
pub fn configure_loki_logging(logging: LokiLogging) -> Result<LoggingGuard, ConfigureError> {
    if dispatcher::has_been_set() {
        return Err(ConfigureError::AlreadyConfigured);
    }
    let filter = level::Levels::read(&logging.log_level)?.filter;
    let (layer, guard) = LokiLayer::new(&logging)?;
    let subscriber = tracing_subscriber::registry().with(filter).with(layer);
    // It fails too where only the `log` crate has a logger already, after our part is done.
    let installed = subscriber.try_init();
    if installed.is_err() && !guard.is_installed() {
        return Err(ConfigureError::AlreadyConfigured);
    }
    Ok(guard)
}
