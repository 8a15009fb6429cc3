use std::collections::BTreeMap;

use serde::Serialize;
use similar::{ChangeTag, TextDiff};
use taskflows_core::effects::Wanted;
use taskflows_core::{Change, Consequence, FileChange, Plan, Step};

use super::act::MANY;
use super::consequence::clause;
use super::dashboards::Dashboards;
use super::diff::patch;
use super::prune::{Request, request};
use super::remark_interruption;
use crate::arguments::{Format, Global, PlanArguments};
use crate::output::data;
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui};

#[derive(Serialize)]
struct StepRow<'a> {
    name: String,
    change: &'static str,
    files: Vec<&'a str>,
    /// Of the files, those that somebody changed by hand.
    edited: Vec<&'a str>,
    /// What it means, each with its `kind`.
    effects: &'a [Consequence],
    /// Each of the files as a patch.
    diff: BTreeMap<&'a str, String>,
}

impl<'a> StepRow<'a> {
    fn new(step: &'a Step) -> Self {
        let files = step.change.files();
        Self {
            name: step.name.to_string(),
            change: step.change.word(),
            files: files.iter().map(|file| file.file.as_str()).collect(),
            edited: step.edited().collect(),
            effects: &step.consequences,
            diff: files.iter().map(|file| (file.file.as_str(), patch(file))).collect(),
        }
    }
}

/// Shows what `create` would change.
pub(super) async fn plan(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &PlanArguments,
) -> Result<Exit, CliError> {
    let (plan, request) = planned(ui, app, arguments).await?;
    if request.tells_services(global.output) {
        show_plan(ui, app, global, &plan)?;
    }
    request.groups.show(ui);
    let dashboards = Dashboards::show(ui, app, &request.dashboards).await;
    let is_empty = plan.is_empty() && request.groups.is_empty() && !dashboards.changes;
    Ok(dashboards.exit(if is_empty { Exit::Ok } else { Exit::Pending }))
}

/// Reads definitions and returns what `create` would change of services, and what is asked for.
pub(super) async fn planned(
    ui: &mut Ui<'_>,
    app: &App,
    arguments: &PlanArguments,
) -> Result<(Plan, Request), CliError> {
    remark_interruption(ui, app);
    let request = request(ui, app, &arguments.sources, arguments.prune).await?;
    let plan = app.services.plan(request.wanted()).await?;
    Ok((plan, request))
}

impl Request {
    /// Returns it as a service manager takes it.
    pub(super) fn wanted(&self) -> Wanted<'_> {
        Wanted { removals: &self.removals, ..Wanted::services(&self.services) }
    }
}

/// Returns the steps that change anything.
pub(super) fn changed(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.steps.iter().filter(|step| step.change != Change::Unchanged)
}

/// Returns whether the plan was written as data.
pub(super) fn write_data(ui: &mut Ui<'_>, format: Format, plan: &Plan) -> Result<bool, CliError> {
    match format {
        Format::Table | Format::Wide => return Ok(false),
        Format::Name => {
            for step in changed(plan) {
                writeln!(ui.out, "{}", step.name)?;
            }
        }
        format => {
            let rows: Vec<StepRow<'_>> = plan.steps.iter().map(StepRow::new).collect();
            data(ui, format, &rows)?;
        }
    }
    Ok(true)
}

/// Counts what there is of each kind of change, in words: `1 created, 2 unchanged`.
pub(super) fn summary(plan: &Plan, words: [(&str, &str); 4]) -> String {
    let count = |word: &str| plan.steps.iter().filter(|step| step.change.word() == word).count();
    let counted = words.iter().map(|(word, text)| (count(word), text)).filter(|(count, _)| *count > 0);
    counted.map(|(count, text)| format!("{count} {text}")).collect::<Vec<_>>().join(", ")
}

/// Shows each step with its effects and the lines that differ.
pub(super) fn show_plan(ui: &mut Ui<'_>, app: &App, global: &Global, plan: &Plan) -> Result<(), CliError> {
    if let Some(reason) = &plan.unasked {
        ui.remark(format!("note: {reason}; what runs now is left out of this"));
    }
    if write_data(ui, global.output, plan)? {
        return Ok(());
    }
    let steps: Vec<&Step> = changed(plan).collect();
    let shown = if global.verbose > 0 { steps.len() } else { MANY };
    for step in steps.iter().take(shown) {
        show_step(ui, app, global, step)?;
    }
    if steps.len() > shown {
        writeln!(ui.out, "… and {} more (-v shows all)", steps.len() - shown)?;
    }
    match plan.is_empty() {
        true => {
            ui.remark(nothing_changed(plan).replace("changed", "to change"));
            remark_switched_off(ui, plan);
        }
        false => {
            let words = [
                ("create", "to create"),
                ("update", "to update"),
                ("remove", "to remove"),
                ("unchanged", "unchanged"),
            ];
            ui.remark(format!("Plan: {}.", summary(plan, words)));
            remark_switched_off(ui, plan);
        }
    }
    Ok(())
}

fn show_step(ui: &mut Ui<'_>, app: &App, global: &Global, step: &Step) -> Result<(), CliError> {
    let sign = match step.change {
        Change::Create(_) => '+',
        Change::Remove(_) => '-',
        _ => '~',
    };
    let files: Vec<&str> = step.change.files().iter().map(|file| file.file.as_str()).collect();
    writeln!(ui.out, "{sign} {}  ({})", step.name, files.join(", "))?;
    for file in step.edited() {
        writeln!(ui.out, "    ! {file} was edited by hand since taskflows wrote it")?;
    }
    for consequence in &step.consequences {
        writeln!(ui.out, "    > {}", clause(consequence, &step.name, &app.display))?;
    }
    let edited = |file: &FileChange| file.is_edited;
    let differing =
        step.change.files().iter().filter(|file| sign == '~' || global.verbose > 0 || edited(file));
    for file in differing {
        show_file(ui, file)?;
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

/// Tells which services are as defined and still do not start by themselves, since they were switched off here:
/// after maintenance that is easily forgotten.
pub(super) fn remark_switched_off(ui: &mut Ui<'_>, plan: &Plan) {
    let names_with = |wanted: &Consequence| -> Vec<&str> {
        let unchanged = plan.steps.iter().filter(|step| step.change == Change::Unchanged);
        let with = unchanged.filter(|step| step.consequences.contains(wanted));
        with.map(|step| step.name.as_str()).collect()
    };
    for (consequence, state) in [
        (Consequence::StaysDisabled, "disabled here"),
        (Consequence::TimersStayStopped, "without running timers here until the next boot"),
    ] {
        let names = names_with(&consequence);
        let verb = if names.len() == 1 { "is" } else { "are" };
        let more = match names.len().saturating_sub(MANY) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let shown = names.iter().take(MANY).copied().collect::<Vec<_>>().join(", ");
        if !names.is_empty() {
            ui.remark(format!("note: {} {verb} {state}: {shown}{more} (`tf enable`)", names.len()));
        }
    }
}

pub(super) fn nothing_changed(plan: &Plan) -> String {
    match plan.steps.as_slice() {
        [] => "Nothing changed: no service is defined, and none is left.".to_owned(),
        [step] => format!("Nothing changed: {} is as defined.", step.name),
        steps => format!("Nothing changed: all {} services are as defined.", steps.len()),
    }
}
