//! `tf logging check`: a marked line goes down each way that is configured, and is looked for where it should arrive.

mod forward;
mod journal;
mod loki;
mod pipeline;
mod stage;
#[cfg(test)]
mod tests;

use std::time::Duration;

use pipeline::Pipeline;
use stage::{Stage, StageResult};

use crate::arguments::{Format, Global, LoggingCheckArguments};
use crate::output::emit;
use crate::{App, CliError, Exit, Ui};

/// How long the line may take to arrive unless another time is told.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends a marked line down the whole way, and says where it stopped.
pub(super) async fn check(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &LoggingCheckArguments,
) -> Result<Exit, CliError> {
    let timeout = arguments.timeout.map_or(TIMEOUT, taskflows_core::TimeSpan::duration);
    if app.loki.is_none() && app.fluent_bit.is_none() {
        let message = "nothing is configured that could be checked: neither Loki nor Fluent Bit";
        return Err(CliError::new(Exit::Usage, message)
            .hint("set TASKFLOWS_LOKI_URL, and TASKFLOWS_FLUENT_BIT where programs send to it, or `[loki] url` and `fluent_bit` in config.toml"));
    }
    let stages = Pipeline::of(app, timeout).check().await;
    tell(ui, global.output, &stages)
}

/// Shows the stages, and what can be done about what is wrong.
fn tell(ui: &mut Ui<'_>, format: Format, stages: &[Stage]) -> Result<Exit, CliError> {
    emit(ui, format, stages)?;
    let first = stages.iter().position(|stage| stage.result == StageResult::Failed);
    // The hint of the first that failed stands by the error.
    for (_, stage) in stages.iter().enumerate().filter(|(index, _)| Some(*index) != first) {
        if let Some(hint) = &stage.hint {
            ui.remark(format!("note: {}: {hint}", stage.stage));
        }
    }
    let Some(first) = first.and_then(|first| stages.get(first)) else {
        ui.remark("All that is configured works.");
        return Ok(Exit::Ok);
    };
    let error = CliError::new(Exit::Failed, format!("it stopped at {}: {}", first.stage, first.detail));
    Err(match &first.hint {
        Some(hint) => error.hint(hint),
        None => error,
    })
}
