//! Definitions that are looked at on all servers before any is changed.

use std::collections::HashSet;

use taskflows_core::ServiceName;
use taskflows_core::effects::Edits;

use super::choose::refused;
use super::engine::{Answer, Asking, Command, Turn, ask, gather, run};
use super::gathered::{Gathered, write_lines};
use super::merge::{self, alike, listed, show_remarks};
use super::reach::{LOOK, Order, Patience};
use super::remove::may_remove;
use super::verdict::{self, End};
use crate::arguments::{CreateArguments, Format, Global};
use crate::commands::{Dashboards, Defined, Reading, carry_out, check_format};
use crate::output::data;
use crate::{App, Arguments, CliError, Exit, Ui, Verb};

/// Reads the definitions of a command on this host, once for all servers; `None` of one that has none.
pub(super) fn reading<'a>(
    ui: &mut Ui<'_>,
    local: &App,
    verb: &'a Verb,
) -> Result<Option<Reading<'a>>, CliError> {
    let (plan, edits) = match verb {
        Verb::Create(create) if create.force => (&create.plan, Edits::Overwrite),
        Verb::Create(create) => (&create.plan, Edits::Keep),
        Verb::Plan(plan) | Verb::Diff(plan) => (plan, Edits::Keep),
        _ => return Ok(None),
    };
    Reading::of(ui, local, plan, edits).map(Some)
}

/// Carries out a command with definitions on one server.
pub(super) async fn on_one(
    ui: &mut Ui<'_>,
    local: &App,
    server: &Asking<'_>,
    arguments: &Arguments,
    reading: &Reading<'_>,
) -> Result<Exit, CliError> {
    let (global, verb) = (&arguments.global, &arguments.verb);
    check_format(verb, global.output)?;
    if reading.is_of_dashboards() {
        return dashboards_alone(ui, local, global, verb, reading).await;
    }
    let work = async |app: &App| carry_out(ui, app, global, verb, reading).await;
    let done = ask(server, Patience::of(verb), work).await.map_err(|end| refused(server, end))?;
    Ok(with_dashboards(ui, local, verb, reading, done).await)
}

/// Carries out a command with definitions on several servers.
pub(super) async fn on_servers(
    ui: &mut Ui<'_>,
    local: &App,
    servers: &[Asking<'_>],
    command: Command<'_>,
    reading: &Reading<'_>,
) -> Result<Exit, CliError> {
    if reading.is_of_dashboards() {
        return dashboards_alone(ui, local, command.global, command.verb, reading).await;
    }
    let done = match command.verb {
        Verb::Create(arguments) if !arguments.dry_run => {
            match create(ui, servers, command, arguments, reading).await? {
                Created::Done(exit) => exit,
                // Dashboards are a change as well.
                Created::Nowhere(exit) => return Ok(exit),
            }
        }
        _ => {
            let turns = servers.iter().map(|_| Turn::AsTold).collect();
            run(ui, servers, command, turns).await?
        }
    };
    Ok(with_dashboards(ui, local, command.verb, reading, done).await)
}

/// Makes or shows the dashboards, which no server does, and returns how a command ends that would else end so.
async fn with_dashboards(
    ui: &mut Ui<'_>,
    local: &App,
    verb: &Verb,
    reading: &Reading<'_>,
    done: Exit,
) -> Exit {
    let (made, is_plan) = match verb {
        Verb::Diff(_) => return done,
        Verb::Create(create) if !create.dry_run => {
            (Dashboards::make(ui, local, reading.dashboards(), create.force).await, false)
        }
        verb => (Dashboards::show(ui, local, reading.dashboards()).await, matches!(verb, Verb::Plan(_))),
    };
    made.exit(if is_plan && made.changes && done == Exit::Ok { Exit::Pending } else { done })
}

/// Sees to definitions of dashboards and of nothing else.
async fn dashboards_alone(
    ui: &mut Ui<'_>,
    local: &App,
    global: &Global,
    verb: &Verb,
    reading: &Reading<'_>,
) -> Result<Exit, CliError> {
    if matches!(global.output, Format::Json | Format::Jsonl | Format::Yaml) {
        data::<()>(ui, global.output, &[])?;
    }
    Ok(with_dashboards(ui, local, verb, reading, Exit::Ok).await)
}

/// How far a change came.
enum Created {
    /// It was made, as far as it ends so.
    Done(Exit),
    /// It was made on no server.
    Nowhere(Exit),
}

/// Installs what files define on each server, once each that answers has said what would change there. A server that
/// refuses keeps all from being changed; one that does not answer is left out.
async fn create(
    ui: &mut Ui<'_>,
    servers: &[Asking<'_>],
    command: Command<'_>,
    arguments: &CreateArguments,
    reading: &Reading<'_>,
) -> Result<Created, CliError> {
    let (planned, plans): (Vec<Answer>, Vec<Option<Defined>>) =
        plan(ui, servers, command, reading).await.into_iter().unzip();
    if planned.iter().any(|answer| matches!(answer.end, End::Failed(_))) {
        show_remarks(ui, &planned)?;
        let exit = verdict::tell(ui, planned)?;
        ui.remark("Nothing was changed on any server.");
        return Ok(Created::Nowhere(exit));
    }
    show_union(ui, &planned)?;
    if !arguments.yes && !may_prune(ui, &planned, &plans)? {
        ui.remark("Nothing was changed.");
        return Ok(Created::Nowhere(Exit::Failed));
    }
    // It was asked, and is not asked again on each server.
    let verb = Verb::Create(CreateArguments { yes: true, ..arguments.clone() });
    let (turns, shown): (Vec<Turn>, Vec<Vec<u8>>) = planned.into_iter().map(turn).unzip();
    let mut answers = gather(ui, servers, Command { verb: &verb, ..command }, turns).await;
    for (answer, shown) in answers.iter_mut().zip(&shown) {
        answer.status = new_lines(&answer.status, shown);
    }
    merge::show(ui, command.global.output, Order::Servers, &answers)?;
    show_remarks(ui, &answers)?;
    Ok(Created::Done(verdict::tell(ui, answers)?))
}

/// Returns what becomes of a server after its plan, and which remarks were shown with that.
fn turn(planned: Answer) -> (Turn, Vec<u8>) {
    let shown = if is_shown(&planned) { planned.status } else { Vec::new() };
    match planned.end {
        End::Ended(_) => (Turn::AsTold, shown),
        end => (Turn::Over(end), shown),
    }
}

/// Where nothing would change, the change itself says so.
fn is_shown(planned: &Answer) -> bool {
    !planned.gathered.text.is_empty()
}

/// Leaves out the lines that were told before.
fn new_lines(status: &[u8], shown: &[u8]) -> Vec<u8> {
    let shown: HashSet<&[u8]> = shown.split_inclusive(|byte| *byte == b'\n').collect();
    let lines = status.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !shown.contains(line)).flatten().copied().collect()
}

fn may_prune(ui: &mut Ui<'_>, planned: &[Answer], plans: &[Option<Defined>]) -> Result<bool, CliError> {
    let removals = planned
        .iter()
        .zip(plans)
        .filter_map(|(answer, defined)| Some((answer.server.as_str(), defined.as_ref()?.removed())));
    let removals: Vec<(&str, Vec<ServiceName>)> = removals.collect();
    let goes: Vec<(&str, &[ServiceName])> =
        removals.iter().map(|(server, names)| (*server, names.as_slice())).collect();
    may_remove(ui, &goes, "the definitions no longer have")
}

/// Asks each server what would change there.
async fn plan(
    ui: &Ui<'_>,
    servers: &[Asking<'_>],
    command: Command<'_>,
    reading: &Reading<'_>,
) -> Vec<(Answer, Option<Defined>)> {
    let (width, colour, quiet) = (ui.width, ui.colour, ui.quiet);
    let look = Patience { answer: Some(3 * LOOK), knocks: true };
    // What was changed is the result; the plan is for people.
    let global = &Global { output: Format::Table, ..command.global.clone() };
    let one = async |server: &Asking<'_>| {
        let (mut out, mut status, mut input) = (Vec::new(), Vec::new(), std::io::empty());
        let work = async |app: &App| {
            let (out, status, input) = (&mut out, &mut status, &mut input);
            let mut ui = Ui { out, status, input, width, colour, interactive: false, quiet };
            let defined = reading.plan(&mut ui, app).await?;
            defined.show(&mut ui, app, global)?;
            Ok(defined)
        };
        let planned = ask(server, look, work).await;
        let (end, planned) = match planned {
            Ok(planned) => (End::Ended(Exit::Ok), Some(planned)),
            Err(end) => (end, None),
        };
        let gathered = Gathered { text: out, ..Default::default() };
        (Answer { server: server.name.clone(), gathered, status, end }, planned)
    };
    futures_util::future::join_all(servers.iter().map(one)).await
}

/// Shows what would change, on stderr, since what was changed is the result: what is the same for several servers once.
fn show_union(ui: &mut Ui<'_>, planned: &[Answer]) -> Result<(), CliError> {
    if ui.quiet {
        return Ok(());
    }
    for (servers, text) in alike(planned, |answer| &answer.gathered.text) {
        writeln!(ui.status, "{}:", listed(&servers))?;
        write_lines(&mut *ui.status, "  ", text)?;
    }
    for (servers, text) in alike(planned.iter().filter(|one| is_shown(one)), |answer| &answer.status) {
        write_lines(&mut *ui.status, &format!("{}: ", listed(&servers)), text)?;
    }
    Ok(())
}
