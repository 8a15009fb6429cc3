//! Services that are removed on several servers.

use taskflows_core::ServiceName;

use super::engine::{Asking, Command, Turn, names, run};
use super::narrow::{narrowed, with_patterns};
use super::verdict::End;
use crate::arguments::RemoveArguments;
use crate::commands::ask_question;
use crate::{CliError, Exit, Ui, Verb};

/// So many names are shown of what would be removed on a server.
const SHOWN: usize = 10;

/// Removes services on each server that has them. What patterns select is shown and asked about once, for all.
pub(super) async fn remove(
    ui: &mut Ui<'_>,
    servers: &[Asking<'_>],
    command: Command<'_>,
    arguments: &RemoveArguments,
) -> Result<Exit, CliError> {
    let wanted = &arguments.selector.names.services;
    let found = names(servers, wanted).await;
    let named = wanted.iter().all(|wanted| wanted.what.is_exact());
    let known: Vec<Vec<ServiceName>> =
        found.iter().map(|names| names.as_ref().map_or_else(|_| Vec::new(), Vec::clone)).collect();
    let goes: Vec<(&str, &[ServiceName])> =
        servers.iter().zip(&known).map(|(server, names)| (server.name.as_str(), names.as_slice())).collect();
    let why = "the patterns select";
    if !named && !arguments.yes && !may_remove(ui, &goes, why)? {
        ui.remark("Nothing was removed.");
        return Ok(Exit::Failed);
    }
    // It was asked, and is not asked again on each server.
    let verb = Verb::Remove(RemoveArguments { yes: true, ..arguments.clone() });
    let may: Vec<_> = servers.iter().map(|server| server.patterns(wanted)).collect();
    let meant = narrowed(&may, &known).into_iter();
    let turns = found.into_iter().zip(meant).map(|(names, meant)| match names {
        Err(end) => Turn::Over(end),
        Ok(_) if meant.is_empty() => Turn::Over(End::NothingThere),
        Ok(_) => with_patterns(&verb, meant).map_or(Turn::AsTold, |verb| Turn::Narrowed(Box::new(verb))),
    });
    let turns = turns.collect();
    run(ui, servers, Command { verb: &verb, ..command }, turns).await
}

/// Asks whether services may be removed, on all servers at once; nothing is asked where there are none.
pub(super) fn may_remove(
    ui: &mut Ui<'_>,
    goes: &[(&str, &[ServiceName])],
    why: &str,
) -> Result<bool, CliError> {
    let goes: Vec<_> = goes.iter().filter(|(_, names)| !names.is_empty()).collect();
    let count: usize = goes.iter().map(|(_, names)| names.len()).sum();
    if count == 0 {
        return Ok(true);
    }
    let of_one = |(server, names): &&(&str, &[ServiceName])| {
        let mut list: Vec<&str> = names.iter().take(SHOWN).map(ServiceName::as_str).collect();
        let more = format!("and {} more", names.len().saturating_sub(SHOWN));
        if names.len() > SHOWN {
            list.push(&more);
        }
        format!("{server}: {}", list.join(", "))
    };
    let list: Vec<String> = goes.iter().map(of_one).collect();
    let services = if count == 1 { "1 service" } else { &format!("{count} services") };
    let on = match goes.len() {
        1 => "1 server".to_owned(),
        servers => format!("{servers} servers"),
    };
    if !ui.interactive {
        let message = format!("{why} {services} on {on} ({})", list.join("; "));
        return Err(CliError::new(Exit::Usage, message).hint("add --yes to remove them"));
    }
    for line in list {
        writeln!(ui.status, "{line}")?;
    }
    let answer = ask_question(ui, &format!("Remove {services} on {on}? [y/N]"));
    Ok(matches!(answer.as_deref(), Some("y" | "yes")))
}
