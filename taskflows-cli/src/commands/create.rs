use serde::Serialize;
use similar::{ChangeTag, TextDiff};
use taskflows_core::effects::{Action, Edits, Next, Target};
use taskflows_core::{Change, FileChange, NamePattern, Plan, ServiceName, Step};

use super::act::{MANY, perform_on};
use super::remark_interruption;
use crate::arguments::{CreateArguments, Format, Global, SourceArguments};
use crate::definitions::load;
use crate::output::data;
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui, show};

#[derive(Serialize)]
struct StepRow {
    name: String,
    change: &'static str,
    files: Vec<String>,
    /// Of the files, those that somebody changed by hand.
    edited: Vec<String>,
}

pub(super) async fn create(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    create: &CreateArguments,
) -> Result<Exit, CliError> {
    let services = load(ui, app, &create.sources)?;
    if create.dry_run {
        let plan = app.services.plan(&services).await?;
        show_plan(ui, global, &plan)?;
        return Ok(Exit::Ok);
    }
    let edits = if create.force { Edits::Overwrite } else { Edits::Keep };
    let plan = app.services.install(&services, edits).await?;
    tell(ui, app, global, &plan).await?;
    if create.now {
        return start_changed(ui, app, global, &plan).await;
    }
    Ok(Exit::Ok)
}

pub(super) async fn plan(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    sources: &SourceArguments,
) -> Result<Exit, CliError> {
    remark_interruption(ui, app);
    let services = load(ui, app, sources)?;
    let plan = app.services.plan(&services).await?;
    show_plan(ui, global, &plan)?;
    Ok(if plan.is_empty() { Exit::Ok } else { Exit::Pending })
}

async fn start_changed(ui: &mut Ui<'_>, app: &App, global: &Global, plan: &Plan) -> Result<Exit, CliError> {
    let names: Vec<ServiceName> = changed(plan).map(|step| step.name.clone()).collect();
    if names.is_empty() {
        return Ok(Exit::Ok);
    }
    // The table of what was created is the result; a second one would not be one list any more.
    let quiet_output = Global { output: Format::Table, ..global.clone() };
    perform_on(ui, app, &quiet_output, &names, Action::Start, Target::Service).await
}

fn changed(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.steps.iter().filter(|step| step.change != Change::Unchanged)
}

/// Returns whether the plan was written as data.
fn write_data(ui: &mut Ui<'_>, format: Format, plan: &Plan) -> Result<bool, CliError> {
    match format {
        Format::Table | Format::Wide => return Ok(false),
        Format::Name => {
            for step in changed(plan) {
                writeln!(ui.out, "{}", step.name)?;
            }
        }
        format => {
            let row = |step: &Step| StepRow {
                name: step.name.to_string(),
                change: step.change.word(),
                files: step.change.files().iter().map(|file| file.file.clone()).collect(),
                edited: edited(step),
            };
            let rows: Vec<StepRow> = plan.steps.iter().map(row).collect();
            data(ui, format, &rows)?;
        }
    }
    Ok(true)
}

fn edited(step: &Step) -> Vec<String> {
    let edited = step.change.files().iter().filter(|file| file.is_edited);
    edited.map(|file| file.file.clone()).collect()
}

fn summary(plan: &Plan) -> String {
    let count = |word: &str| plan.steps.iter().filter(|step| step.change.word() == word).count();
    let parts = [("create", "to create"), ("update", "to update"), ("unchanged", "unchanged")];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(word, _)| count(word) > 0)
        .map(|(word, text)| format!("{} {text}", count(word)))
        .collect();
    parts.join(", ")
}

fn show_plan(ui: &mut Ui<'_>, global: &Global, plan: &Plan) -> Result<(), CliError> {
    if write_data(ui, global.output, plan)? {
        return Ok(());
    }
    let steps: Vec<&Step> = changed(plan).collect();
    let shown = if global.verbose > 0 { steps.len() } else { MANY };
    for step in steps.iter().take(shown) {
        let sign = if matches!(step.change, Change::Create(_)) { '+' } else { '~' };
        let files: Vec<&str> = step.change.files().iter().map(|file| file.file.as_str()).collect();
        let edited = if edited(step).is_empty() { "" } else { ", edited by hand" };
        writeln!(ui.out, "{sign} {}  ({}{edited})", step.name, files.join(", "))?;
        if sign == '~' || global.verbose > 0 {
            step.change.files().iter().try_for_each(|file| show_file(ui, file))?;
        }
    }
    if steps.len() > shown {
        writeln!(ui.out, "… and {} more (-v shows all)", steps.len() - shown)?;
    }
    match plan.is_empty() {
        true => ui.remark(nothing_changed(plan).replace("changed", "to change")),
        false => ui.remark(format!("Plan: {}.", summary(plan))),
    }
    Ok(())
}

/// Shows the lines by which a file differs; our own mark says nothing to people.
fn show_file(ui: &mut Ui<'_>, file: &FileChange) -> Result<(), CliError> {
    let (before, after) =
        (file.before.as_deref().unwrap_or_default(), file.after.as_deref().unwrap_or_default());
    for change in TextDiff::from_lines(before, after).iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => continue,
        };
        let line = change.value().trim_end();
        if !line.is_empty()
            && !line.starts_with("X-Taskflows-Hash=")
            && !line.starts_with("X-Taskflows-Version=")
        {
            writeln!(ui.out, "    {sign} {}", harmless(line))?;
        }
    }
    Ok(())
}

fn nothing_changed(plan: &Plan) -> String {
    match plan.steps.as_slice() {
        [step] => format!("Nothing changed: {} is as defined.", step.name),
        steps => format!("Nothing changed: all {} services are as defined.", steps.len()),
    }
}

/// Tells what an installation changed, with the next start of each service.
async fn tell(ui: &mut Ui<'_>, app: &App, global: &Global, plan: &Plan) -> Result<(), CliError> {
    if write_data(ui, global.output, plan)? {
        return Ok(());
    }
    if plan.is_empty() {
        ui.remark(nothing_changed(plan));
        return Ok(());
    }
    let steps: Vec<&Step> = changed(plan).collect();
    if steps.len() <= MANY || global.verbose > 0 {
        tell_each(ui, app, &steps).await?;
    }
    if plan.steps.len() > 1 {
        let summary = summary(plan).replace("to create", "created").replace("to update", "updated");
        ui.remark(format!("{}.", summary));
    }
    if let Some(hint) = &app.linger_hint {
        ui.remark(format!("note: {hint}"));
    }
    Ok(())
}

async fn tell_each(ui: &mut Ui<'_>, app: &App, steps: &[&Step]) -> Result<(), CliError> {
    let names: Vec<NamePattern> = steps.iter().map(|step| NamePattern::from(&step.name)).collect();
    // The services are installed; that the list fails now must not make the command fail.
    let listings = app.services.list(&names).await.unwrap_or_default();
    for step in steps {
        let done = if matches!(step.change, Change::Create(_)) { "Created" } else { "Updated" };
        let listing = listings.iter().find(|listing| listing.name == step.name);
        let next = match listing.map(|listing| listing.next) {
            Some(Next::At(time)) => format!("; next run {}", show::full(time, &app.display)),
            Some(Next::Off) => "; it is disabled".to_owned(),
            _ => String::new(),
        };
        let runs = listing.is_some_and(|listing| listing.state == taskflows_core::effects::State::Running);
        let restart = match runs && restarts_to_apply(&step.change) {
            true => format!("; `tf restart {}` applies it to the run under way", step.name),
            false => String::new(),
        };
        ui.remark(format!("{done} {}{next}{restart}.", step.name));
    }
    Ok(())
}

/// Tells whether a change is one of the service itself, which a process that runs does not see.
fn restarts_to_apply(change: &Change) -> bool {
    matches!(change, Change::Update(files) if files.iter().any(|file| file.file.starts_with("taskflows-") && file.file.ends_with(".service")))
}
