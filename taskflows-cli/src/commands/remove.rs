use taskflows_core::ServiceName;

use crate::arguments::{Global, RemoveArguments};
use crate::select::{no_such_service, select};
use crate::{App, CliError, Exit, Ui};

/// Removes services, all or none. What a pattern selects is shown and asked about first.
pub(super) async fn remove(
    ui: &mut Ui<'_>,
    app: &App,
    _global: &Global,
    arguments: &RemoveArguments,
) -> Result<Exit, CliError> {
    let patterns = &arguments.selector.names.services;
    let names = select(app, patterns).await?;
    if arguments.selector.dry_run {
        for name in &names {
            app.services.files(name).await?;
            ui.remark(format!("Would remove {name}."));
        }
        return Ok(Exit::Ok);
    }
    let named = patterns.iter().all(|pattern| pattern.is_exact());
    if !named && !arguments.yes && !confirmed(ui, &names)? {
        ui.remark("Nothing was removed.");
        return Ok(Exit::Failed);
    }
    match app.services.remove(&names).await {
        Err(taskflows_core::effects::ServiceError::NotFound { name }) => {
            Err(no_such_service(app, &name).await)
        }
        Err(error) => Err(error.into()),
        Ok(_) => {
            match names.as_slice() {
                [name] => ui.remark(format!("Removed {name}.")),
                names => ui.remark(format!("Removed {} services.", names.len())),
            }
            Ok(Exit::Ok)
        }
    }
}

fn confirmed(ui: &mut Ui<'_>, names: &[ServiceName]) -> Result<bool, CliError> {
    const SHOWN: usize = 10;
    let mut list: Vec<String> = names.iter().take(SHOWN).map(ToString::to_string).collect();
    if names.len() > SHOWN {
        list.push(format!("and {} more", names.len() - SHOWN));
    }
    let list = list.join(", ");
    if !ui.interactive {
        let message = format!("the pattern selects {} services: {list}", names.len());
        return Err(CliError::new(Exit::Usage, message).hint("add --yes to remove them"));
    }
    let question = match names.len() {
        1 => format!("Remove {list}?"),
        count => format!("Remove {count} services ({list})?"),
    };
    let _ = write!(ui.status, "{question} [y/N] ");
    let _ = ui.status.flush();
    let mut answer = Vec::new();
    let mut byte = [0];
    while ui.input.read(&mut byte).is_ok_and(|read| read == 1) && byte[0] != b'\n' {
        answer.push(byte[0]);
    }
    Ok(matches!(String::from_utf8_lossy(&answer).trim(), "y" | "Y" | "yes" | "Yes"))
}
