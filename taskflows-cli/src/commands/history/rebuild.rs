use jiff::Timestamp;
use taskflows_core::Outcome;
use taskflows_core::task::RunQuery;
use taskflows_store::{Store, StoreError};

use crate::arguments::Global;
use crate::error::chain;
use crate::{App, CliError, Exit, Ui};

/// Fills the store again from the journal. What it has stays, and a damaged one is moved aside first.
///
/// Of runs that go on those are added whose process keeps their end; of others it will be kept with all that is known.
pub(super) async fn rebuild(
    ui: &mut Ui<'_>,
    app: &App,
    _: &Global,
    since: Option<Timestamp>,
    is_dry: bool,
) -> Result<Exit, CliError> {
    let now = (app.now)();
    let kept_since = now.checked_sub(app.retention.age).ok();
    let is_damaged = Store::is_damaged(&app.data_directory).map_err(|error| failed(&error))?;
    let mut told = app.journal_runs.told(since.max(kept_since)).await?;
    told.retain(|(run, _)| run.outcome != Outcome::Running || run.process.is_some());
    if is_dry {
        let known = if is_damaged { Vec::new() } else { app.runs.recent(&RunQuery::default()).await? };
        let known: std::collections::HashSet<_> = known.iter().map(|run| run.id).collect();
        let new = told.iter().filter(|(run, _)| !known.contains(&run.id)).count();
        if is_damaged {
            ui.remark(format!("{} is damaged; it would be moved aside.", place(app)));
        }
        ui.remark(format!("Would add {} to {}; the journal tells of {}.", runs(new), place(app), told.len()));
        return Ok(Exit::Ok);
    }
    if is_damaged {
        let aside = Store::set_aside(&app.data_directory, now).map_err(|error| failed(&error))?;
        ui.remark(format!(
            "The store was damaged; it is now `{}`, with the alerts that waited in it.",
            aside.display()
        ));
    }
    let added = app.runs.restore(&told).await?;
    ui.remark(format!("Added {} to {}; the journal tells of {}.", runs(added), place(app), told.len()));
    Ok(Exit::Ok)
}

fn failed(error: &StoreError) -> CliError {
    CliError::new(Exit::Failed, chain(error))
}

fn place(app: &App) -> String {
    format!("`{}`", app.data_directory.join("state.db").display())
}

fn runs(count: usize) -> String {
    match count {
        1 => "1 run".to_owned(),
        count => format!("{count} runs"),
    }
}
