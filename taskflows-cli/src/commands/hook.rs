use crate::alerting::{Stopped, stopped};
use crate::arguments::HookVerb;
use crate::{App, CliError, Exit, Ui};

/// Does what systemd calls it for. It waits for no network, and its failure is no failure of the run.
pub(super) async fn hook(_: &mut Ui<'_>, app: &App, verb: &HookVerb) -> Result<Exit, CliError> {
    let HookVerb::Stopped { service, .. } = verb;
    let end = Stopped::from_variables(&*app.variable).ok_or_else(|| {
        CliError::new(Exit::Usage, "this is called by systemd when a service has stopped (`ExecStopPost=`)")
    })?;
    stopped(app, service, &end).await?;
    Ok(Exit::Ok)
}
