use taskflows_core::effects::ServiceError;
use taskflows_core::{Plan, ServiceName};

use super::alert::close_untold;
use super::confirm::may_remove;
use super::define::plan_in;
use super::remark_left_behind;
use super::show::remark_drop_ins;
use crate::arguments::{Global, RemoveArguments, patterns};
use crate::error::Cause;
use crate::select::{no_such_service, select};
use crate::{AlertGroups, App, CliError, Exit, Ui};

/// Removes services, all or none. What a pattern selects is shown and asked about first.
pub(super) async fn remove(
    ui: &mut Ui<'_>,
    app: &App,
    _global: &Global,
    arguments: &RemoveArguments,
) -> Result<Exit, CliError> {
    let patterns = patterns(&arguments.selector.names.services);
    let names = select(app, &patterns).await?;
    if arguments.selector.dry_run {
        for name in &names {
            app.services.files(name).await?;
            ui.remark(format!("Would remove {name}."));
        }
        return Ok(Exit::Ok);
    }
    let named = patterns.iter().all(|pattern| pattern.is_exact());
    if !named && !arguments.yes && !may_remove(ui, &names.iter().collect::<Vec<_>>(), &selected(&names))? {
        ui.remark("Nothing was removed.");
        return Ok(Exit::Failed);
    }
    let plan = match take_away(ui, app, &names).await {
        Err(error) => return Err(known(app, error).await),
        Ok(plan) => plan,
    };
    remark_left_behind(ui, &plan);
    for name in &names {
        remark_drop_ins(ui, app, name).await;
    }
    match names.as_slice() {
        [name] => ui.remark(format!("Removed {name}.")),
        names => ui.remark(format!("Removed {} services.", names.len())),
    }
    Ok(Exit::Ok)
}

/// Removes services with the groups of alerts that were theirs alone.
pub(super) async fn take_away(ui: &mut Ui<'_>, app: &App, names: &[ServiceName]) -> Result<Plan, CliError> {
    // Another server sees to its own alerts.
    if let Some(definer) = &app.definer {
        let removed = definer.remove(names).await?;
        removed.notes.iter().for_each(|note| ui.remark(note));
        return plan_in(removed.plan);
    }
    let plan = app.services.remove(names).await?;
    close_untold(ui, app, &names.iter().map(|name| (name.clone(), None)).collect());
    AlertGroups::new(&app.data_directory).forget(names)?;
    Ok(plan)
}

/// Tells of a name that none has which may be meant.
async fn known(app: &App, error: CliError) -> CliError {
    match error.cause.as_deref() {
        Some(Cause::Services(ServiceError::NotFound { name })) => no_such_service(app, name).await,
        _ => error,
    }
}

fn selected(names: &[ServiceName]) -> String {
    match names.len() {
        1 => "the pattern selects 1 service".to_owned(),
        count => format!("the pattern selects {count} services"),
    }
}
