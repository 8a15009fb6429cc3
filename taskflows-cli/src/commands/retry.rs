use clap::Parser;
use taskflows_core::effects::RunHistory;
use taskflows_core::task::{RunQuery, RunRecord, Trigger};

use super::exec::{Surroundings, exec_in};
use super::history::{LEAST_DIGITS, digits};
use super::run::run_service;
use crate::arguments::{ExecArguments, Global, RetryArguments};
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui};

pub(super) async fn retry(
    ui: &mut Ui<'_>,
    app: &App,
    _: &Global,
    arguments: &RetryArguments,
) -> Result<Exit, CliError> {
    let run = match (&arguments.run, &arguments.last) {
        (Some(run), _) => by_digits(&*app.runs, run).await?,
        (None, last) => newest(app, last.as_deref().unwrap_or_default()).await?,
    };
    let trigger = Trigger::Retry(run.id);
    if let Some(service) = &run.service {
        return run_service(ui, app, service, &trigger).await;
    }
    let Some(command) = run.command.as_ref().filter(|command| !command.is_empty()) else {
        let error = format!("nothing is known of how to run {} again", run.task);
        return Err(CliError::new(Exit::Failed, error).hint("start the program that it is a task of"));
    };
    let arguments = again(&run, command)?;
    let around = Surroundings::of(app, trigger);
    exec_in(ui, &around, &arguments).await
}

/// Finds the one run whose id begins with some digits.
pub(super) async fn by_digits(runs: &dyn RunHistory, text: &str) -> Result<RunRecord, CliError> {
    if text.len() < LEAST_DIGITS {
        return Err(CliError::new(Exit::Usage, format!("`{text}` is too short for the id of a run"))
            .hint(format!("write {LEAST_DIGITS} digits at least; `tf history` shows them")));
    }
    let query = RunQuery { id_prefix: Some(text.to_owned()), limit: Some(2), ..RunQuery::default() };
    let mut found = runs.recent(&query).await?;
    match (found.pop(), found.pop()) {
        (Some(run), None) => Ok(run),
        (None, _) => Err(CliError::new(Exit::NoSuchService, format!("no run `{text}` is known"))
            .hint("`tf history` shows the runs there are")),
        (Some(one), Some(other)) => Err(CliError::new(
            Exit::Usage,
            format!("`{text}` may be {} or {}", told(&other, &one), told(&one, &other)),
        )
        .hint("write more of its digits")),
    }
}

/// Names a run by its task and as many digits as tell it from another.
fn told(run: &RunRecord, other: &RunRecord) -> String {
    let (id, other) = (run.id.to_string(), other.id.to_string());
    let same = id.bytes().zip(other.bytes()).take_while(|(one, two)| one == two).count();
    format!("the run {} of {}", &id[..(same + 1).clamp(8, id.len())], harmless(&run.task))
}

async fn newest(app: &App, name: &str) -> Result<RunRecord, CliError> {
    let query = RunQuery { tasks: vec![name.to_owned()], limit: Some(1), ..RunQuery::default() };
    let newest = app.runs.recent(&query).await?.pop();
    newest.ok_or_else(|| {
        CliError::new(Exit::NoSuchService, format!("no run of `{name}` is known"))
            .hint("`tf history` shows the runs there are")
    })
}

/// What stands on a command line beside the verb.
#[derive(Parser)]
struct Again {
    #[command(flatten)]
    exec: ExecArguments,
}

/// Returns the command line of a run, in the directory that it ran in.
fn again(run: &RunRecord, command: &[String]) -> Result<ExecArguments, CliError> {
    let words = ["exec".to_owned()].into_iter().chain(run.options.iter().cloned());
    let words = words.chain(["--".to_owned()]).chain(command.iter().cloned());
    let again = Again::try_parse_from(words).map_err(|error| {
        // Only a later version keeps options that this one does not know.
        CliError::new(Exit::Failed, format!("run {} cannot be repeated: {error}", digits(run.id)))
    })?;
    Ok(ExecArguments { directory: run.directory.as_ref().map(Into::into), ..again.exec })
}
