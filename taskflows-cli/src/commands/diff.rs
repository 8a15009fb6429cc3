use similar::TextDiff;
use taskflows_core::{FileChange, Plan};

use super::plan::{planned, write_data};
use crate::arguments::{Format, Global, PlanArguments};
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui};

/// How many lines around a change are shown.
const AROUND: usize = 3;

/// Shows what `create` would change in unit files as a patch.
pub(super) async fn diff(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &PlanArguments,
) -> Result<Exit, CliError> {
    let (plan, _) = planned(ui, app, arguments).await?;
    show_diff(ui, global, &plan)
}

/// Shows what a plan changes in unit files as a patch.
pub(super) fn show_diff(ui: &mut Ui<'_>, global: &Global, plan: &Plan) -> Result<Exit, CliError> {
    if matches!(global.output, Format::Table | Format::Wide) {
        plan.files().try_for_each(|file| show_patch(ui, file))?;
    } else {
        write_data(ui, global.output, plan)?;
    }
    if plan.is_empty() && global.verbose > 0 {
        ui.remark("Nothing to change.");
    }
    Ok(if plan.is_empty() { Exit::Ok } else { Exit::Pending })
}

fn show_patch(ui: &mut Ui<'_>, file: &FileChange) -> Result<(), CliError> {
    for line in patch(file).lines() {
        writeln!(ui.out, "{}", harmless(line))?;
    }
    Ok(())
}

/// Writes a change as a patch of one file.
pub(super) fn patch(file: &FileChange) -> String {
    let side = |text: &Option<String>, side: &str| match text {
        Some(_) => format!("{side}/{}", file.file),
        None => "/dev/null".to_owned(),
    };
    let (before, after) =
        (file.before.as_deref().unwrap_or_default(), file.after.as_deref().unwrap_or_default());
    let difference = TextDiff::from_lines(before, after);
    let mut patch = difference.unified_diff();
    patch.context_radius(AROUND).header(&side(&file.before, "a"), &side(&file.after, "b")).to_string()
}
