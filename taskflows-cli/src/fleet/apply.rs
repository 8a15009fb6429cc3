//! Changes that are looked at on all servers before any is made.

use taskflows_core::{Change, Plan, ServiceName};

use super::engine::{Answer, Asking, Command, Turn, ask, names, run};
use super::merge::{alike, listed, show_remarks};
use super::narrow::{narrowed, with_patterns};
use super::reach::{LOOK, Patience};
use super::verdict::{self, End};
use crate::arguments::{CreateArguments, RemoveArguments};
use crate::commands::{ask_question, plan_of};
use crate::{App, CliError, Exit, Ui, Verb};

/// So many names are shown of what would be removed on a server.
const SHOWN: usize = 10;

/// Removes services on each server that has them. What patterns select is shown and asked about once, for all.
pub(super) async fn remove(
    ui: &mut Ui<'_>,
    servers: &[Asking<'_>],
    command: Command<'_>,
    arguments: &RemoveArguments,
) -> Result<Exit, CliError> {
    let patterns = &arguments.selector.names.services;
    let found = names(servers, patterns).await;
    let named = patterns.iter().all(|pattern| pattern.is_exact());
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
    let meant = narrowed(patterns, &known).into_iter();
    let turns = found.into_iter().zip(meant).map(|(names, meant)| match names {
        Err(end) => Turn::Over(end),
        Ok(_) if meant.is_empty() => Turn::Over(End::NothingThere),
        Ok(_) => with_patterns(&verb, meant).map_or(Turn::AsTold, |verb| Turn::Narrowed(Box::new(verb))),
    });
    let turns = turns.collect();
    run(ui, servers, Command { verb: &verb, ..command }, turns).await
}

/// Asks whether services may be removed, on all servers at once; nothing is asked where there are none.
fn may_remove(ui: &mut Ui<'_>, goes: &[(&str, &[ServiceName])], why: &str) -> Result<bool, CliError> {
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

/// Installs what files define on each server, once each that answers has said what would change there. A server that
/// refuses keeps all from being changed; one that does not answer is left out.
pub(super) async fn create(
    ui: &mut Ui<'_>,
    servers: &[Asking<'_>],
    command: Command<'_>,
    arguments: &CreateArguments,
) -> Result<Exit, CliError> {
    let planned = plan(ui, servers, command, arguments).await;
    let (answers, plans): (Vec<Answer>, Vec<Option<Plan>>) = planned.into_iter().unzip();
    if answers.iter().any(|answer| matches!(answer.end, End::Failed(_))) {
        show_remarks(ui, &answers)?;
        let exit = verdict::tell(ui, answers)?;
        ui.remark("Nothing was changed on any server.");
        return Ok(exit);
    }
    show_union(ui, &answers)?;
    let removals: Vec<(&str, Vec<ServiceName>)> = answers
        .iter()
        .zip(&plans)
        .filter_map(|(answer, planned)| Some((answer.server.as_str(), removed(planned.as_ref()?))))
        .collect();
    let goes: Vec<(&str, &[ServiceName])> =
        removals.iter().map(|(server, names)| (*server, names.as_slice())).collect();
    if !arguments.yes && !may_remove(ui, &goes, "the definitions no longer have")? {
        ui.remark("Nothing was changed.");
        return Ok(Exit::Failed);
    }
    let verb = Verb::Create(CreateArguments { yes: true, ..arguments.clone() });
    let turns = answers.into_iter().map(|answer| match answer.end {
        End::Ended(_) => Turn::AsTold,
        end => Turn::Over(end),
    });
    let turns = turns.collect();
    run(ui, servers, Command { verb: &verb, ..command }, turns).await
}

fn removed(plan: &Plan) -> Vec<ServiceName> {
    let removals = plan.steps.iter().filter(|step| matches!(step.change, Change::Remove(_)));
    removals.map(|step| step.name.clone()).collect()
}

/// Asks each server what would change there.
async fn plan(
    ui: &Ui<'_>,
    servers: &[Asking<'_>],
    command: Command<'_>,
    arguments: &CreateArguments,
) -> Vec<(Answer, Option<Plan>)> {
    let (width, colour, quiet) = (ui.width, ui.colour, ui.quiet);
    let look = Patience { answer: Some(3 * LOOK), knocks: true };
    let one = async |server: &Asking<'_>| {
        let (mut out, mut status, mut input) = (Vec::new(), Vec::new(), command.input);
        let work = async |app: &App| {
            let (out, status, input) = (&mut out, &mut status, &mut input);
            let mut ui = Ui { out, status, input, width, colour, interactive: false, quiet };
            plan_of(&mut ui, app, command.global, &arguments.plan).await
        };
        let planned = ask(server, look, work).await;
        let (end, planned) = match planned {
            Ok(planned) => (End::Ended(Exit::Ok), Some(planned)),
            Err(end) => (end, None),
        };
        let gathered = super::gathered::Gathered { text: out, ..Default::default() };
        (Answer { server: server.name.clone(), gathered, status, end }, planned)
    };
    futures_util::future::join_all(servers.iter().map(one)).await
}

/// Shows what would change, on stderr, since what was changed is the result: what is the same for several servers once.
fn show_union(ui: &mut Ui<'_>, answers: &[Answer]) -> Result<(), CliError> {
    if ui.quiet {
        return Ok(());
    }
    for (servers, text) in alike(answers, |answer| &answer.gathered.text) {
        writeln!(ui.status, "{}:", listed(&servers))?;
        super::gathered::write_lines(&mut *ui.status, "  ", text)?;
    }
    // Where nothing would change, the change itself says so.
    let remarks = |answer: &'_ Answer| !answer.gathered.text.is_empty();
    let changing: Vec<&Answer> = answers.iter().filter(|answer| remarks(answer)).collect();
    for (servers, text) in alike(changing.iter().copied(), |answer| &answer.status) {
        super::gathered::write_lines(&mut *ui.status, &format!("{}: ", listed(&servers)), text)?;
    }
    Ok(())
}
