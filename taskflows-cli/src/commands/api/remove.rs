use taskflows_core::effects::ServiceError;

use super::place::not_set_up;
use super::unit;
use crate::commands::remove::take_away;
use crate::error::Cause;
use crate::{App, CliError, Exit, Ui};

/// Stops the API and takes its unit away; what it kept stays.
pub(super) async fn remove(ui: &mut Ui<'_>, app: &App, dry_run: bool) -> Result<Exit, CliError> {
    let name = unit::name()?;
    if dry_run {
        app.services.files(&name).await.map_err(|error| known(error.into()))?;
        ui.remark("Would stop the API and take its unit away.");
    } else {
        take_away(ui, app, &[name]).await.map_err(known)?;
        ui.remark("The API is stopped, and its unit is gone.");
    }
    let kept = if dry_run { "It would keep" } else { "Kept" };
    let security = app.security_directory.as_ref().map(|path| path.join("security.json"));
    let security = security.filter(|path| path.exists());
    let security = security.map(|path| format!("{}, and ", path.display())).unwrap_or_default();
    let data = app.data_directory.display();
    ui.remark(format!("{kept}: {security}people, tokens, servers and the audit log in {data}."));
    if let Some(socket) = unit::hand_made_socket(app).await {
        ui.remark(format!("note: {socket} is not ours: `{} disable --now {socket}` ends it", app.systemctl));
    }
    Ok(Exit::Ok)
}

fn known(error: CliError) -> CliError {
    match error.cause.as_deref() {
        Some(Cause::Services(ServiceError::NotFound { .. })) => not_set_up(),
        _ => error,
    }
}
