//! Where logs are read.

use std::sync::Arc;

use taskflows_core::effects::{LogError, LogReader};
use taskflows_logging::loki::{LokiReader, LokiSettings};

use crate::arguments::LogSourceArgument;
use crate::error::chain;
use crate::{App, CliError, Exit};

/// Where Loki is unless something else is said.
const LOKI: &str = "http://localhost:3100";

/// Returns where Loki is.
pub(super) fn loki(app: &App) -> LokiSettings {
    app.loki.clone().unwrap_or_else(|| LokiSettings::new(LOKI))
}

/// A log, and what it is called where it fails.
pub(super) struct LogSource {
    pub(super) reader: Arc<dyn LogReader>,
    name: String,
    kind: LogSourceArgument,
}

impl LogSource {
    pub(super) fn choose(app: &App, kind: LogSourceArgument) -> Self {
        match kind {
            LogSourceArgument::Journal => {
                Self { reader: Arc::clone(&app.logs), name: "the journal".to_owned(), kind }
            }
            LogSourceArgument::Loki => {
                let settings = loki(app);
                let name = format!("Loki at {}", settings.shown_url());
                Self { reader: Arc::new(LokiReader::new(settings)), name, kind }
            }
        }
    }

    /// Says which log could not be read, why, and what can be done about it.
    pub(super) fn error(&self, error: LogError) -> CliError {
        let message = format!("{}: {}", self.name, chain(&error));
        let is_away = matches!(error, LogError::Unavailable { .. });
        match self.kind {
            // It says where it was asked.
            LogSourceArgument::Loki if is_away => CliError::new(Exit::Unreachable, chain(&error)).hint(
                "TASKFLOWS_LOKI_URL says where it is; `tf logging check` tells at which stage logs stop",
            ),
            LogSourceArgument::Loki => CliError::new(Exit::Failed, message),
            LogSourceArgument::Journal if is_away => CliError::new(Exit::Failed, message)
                .hint("`journalctl` is a part of systemd and must be in PATH; `--source loki` needs none"),
            LogSourceArgument::Journal => CliError { message, ..error.into() },
        }
    }
}
