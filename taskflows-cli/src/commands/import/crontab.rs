use std::path::Path;

use taskflows_core::import::{Crontab, Import, import_crontab};

use super::programs::{Programs, could_not_run, user};
use crate::arguments::{CrontabArguments, Global, ScopeArgument};
use crate::definitions::text_of;
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui};

pub(super) async fn crontab(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &CrontabArguments,
    programs: &dyn Programs,
) -> Result<Import, CliError> {
    let (name, text) = match arguments.file.as_deref() {
        Some(path) => (path.display().to_string(), text_of(ui, path)?),
        None => ("your crontab".to_owned(), own(programs).await?),
    };
    let has_user_column = arguments.user_column || arguments.file.as_deref().is_some_and(is_of_the_machine);
    let system_scope = global.scope == ScopeArgument::System;
    let user = if has_user_column || system_scope { user(programs).await } else { None };
    let crontab = Crontab { text: &text, has_user_column, user: user.as_deref(), system_scope };
    let import = import_crontab(&crontab, (app.now)(), &app.zones);
    if import.items.is_empty() {
        ui.remark(format!("{name} runs nothing, so there is nothing to import."));
    }
    Ok(import)
}

/// Tells whether a file is `/etc/crontab` or one of `/etc/cron.d`, whose lines name a user.
fn is_of_the_machine(path: &Path) -> bool {
    std::path::absolute(path).is_ok_and(|path| path.starts_with("/etc"))
}

/// Returns the crontab of the user.
async fn own(programs: &dyn Programs) -> Result<String, CliError> {
    let hint = "name a file (`tf import crontab /etc/crontab`), or `-` for stdin";
    let output = programs.run("crontab", &["-l"]).await;
    let output = output.map_err(|error| could_not_run("crontab", &error).hint(hint))?;
    if !output.succeeded {
        let said = harmless(output.stderr.trim());
        let said = if said.is_empty() { "it did not say why" } else { &said };
        return Err(CliError::new(Exit::Failed, format!("`crontab -l` failed: {said}")).hint(hint));
    }
    String::from_utf8(output.stdout).map_err(|_| {
        CliError::new(Exit::Usage, "your crontab is not UTF-8").hint("convert it, and pass it on stdin")
    })
}
