use std::collections::BTreeMap;

use taskflows_core::alerting::AlertMark;
use taskflows_core::effects::{Action, Edits, Target, Wanted};
use taskflows_core::{Change, Consequence, Plan, ServiceName, Step};

use super::act::{MANY, perform_on};
use super::alert::close_untold;
use super::consequence::clause;
use super::dashboards::Dashboards;
use super::plan::{changed, nothing_changed, remark_switched_off, show_plan, summary, write_data};
use super::prune::{Request, may_prune, request};
use super::remark_left_behind;
use super::show::remark_drop_ins;
use crate::arguments::{CreateArguments, Format, Global};
use crate::{AlertGroups, App, CliError, Exit, Ui};

/// Installs what files define, and removes what is gone from them where that is asked for: all or none.
pub(super) async fn create(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    create: &CreateArguments,
) -> Result<Exit, CliError> {
    let request = request(ui, app, &create.plan.sources, create.plan.prune).await?;
    if create.dry_run {
        let plan = app.services.plan(request.wanted()).await?;
        if request.tells_services(global.output) {
            show_plan(ui, app, global, &plan)?;
        }
        request.groups.show(ui);
        return Ok(Dashboards::show(ui, app, &request.dashboards).await.exit(Exit::Ok));
    }
    if !create.yes && !may_prune(ui, &request)? {
        ui.remark("Nothing was changed.");
        return Ok(Exit::Failed);
    }
    let edits = if create.force { Edits::Overwrite } else { Edits::Keep };
    let mut plan = install(ui, app, &request, edits).await?;
    if create.now {
        leave_out_waiting(&mut plan);
    }
    if request.tells_services(global.output) {
        tell(ui, app, global, &plan)?;
    }
    for removal in &request.removals {
        remark_drop_ins(ui, app, &removal.name).await;
    }
    // After all else: a Grafana that is down keeps no service from running.
    let exit = if create.now { start_changed(ui, app, global, &plan).await? } else { Exit::Ok };
    let dashboards = Dashboards::make(ui, app, &request.dashboards, create.force).await;
    if !request.tells_services(global.output) {
        dashboards.remark_same(ui);
    }
    Ok(dashboards.exit(exit))
}

/// Installs what is asked for. The groups of alerts are there before anything starts that tells them, and what is no
/// longer told goes when nothing is left that tells it.
pub(super) async fn install(
    ui: &mut Ui<'_>,
    app: &App,
    request: &Request,
    edits: Edits,
) -> Result<Plan, CliError> {
    let groups = AlertGroups::new(&app.data_directory);
    let back = groups.change(&request.groups.before)?;
    match app.services.install(Wanted { edits, ..request.wanted() }).await {
        Ok(plan) => {
            // While the groups are there by which this is told.
            close_untold(ui, app, &marks(request, &plan));
            groups.change(&request.groups.after)?;
            request.groups.tell(ui);
            // Also where nothing changed: without them nobody is told of anything.
            let has_alerts = request.wanted().services.iter().any(|service| !service.alerts.is_empty());
            if has_alerts && app.services.ensure_support_units().await? {
                ui.remark("Started what sends alerts and looks for missed runs; it did not run.");
            }
            Ok(plan)
        }
        Err(error) => {
            // The error that matters is the first one.
            let _ = groups.change(&back);
            Err(error.into())
        }
    }
}

/// Returns whom services that change tell from now on, and those that go.
fn marks(request: &Request, plan: &Plan) -> BTreeMap<ServiceName, Option<AlertMark>> {
    let changing: Vec<&ServiceName> = changed(plan).map(|step| &step.name).collect();
    let services = request.wanted().services.iter().map(|service| (&service.name, service.alert_mark()));
    let gone = request.removals.iter().map(|removal| (&removal.name, None));
    let all = gone.chain(services).filter(|(name, _)| changing.contains(name));
    all.map(|(name, mark)| (name.clone(), mark)).collect()
}

/// Leaves out that services wait to be started, since they are started next.
pub(super) fn leave_out_waiting(plan: &mut Plan) {
    let waits = |effect: &Consequence| *effect == Consequence::WaitsForStart;
    plan.steps.iter_mut().for_each(|step| step.consequences.retain(|effect| !waits(effect)));
}

/// Starts what was created or changed.
pub(super) async fn start_changed(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    plan: &Plan,
) -> Result<Exit, CliError> {
    let there = changed(plan).filter(|step| !matches!(step.change, Change::Remove(_)));
    let names: Vec<ServiceName> = there.map(|step| step.name.clone()).collect();
    if names.is_empty() {
        return Ok(Exit::Ok);
    }
    // The table of what was created is the result; a second one would not be one list any more.
    let quiet_output = Global { output: Format::Table, ..global.clone() };
    perform_on(ui, app, &quiet_output, &names, Action::Start, Target::Service).await
}

/// Tells what an installation changed, what that means for each service, and what may keep it from running.
pub(super) fn tell(ui: &mut Ui<'_>, app: &App, global: &Global, plan: &Plan) -> Result<(), CliError> {
    tell_changes(ui, app, global, plan)?;
    let for_people = matches!(global.output, Format::Table | Format::Wide);
    if let Some(hint) = app.linger_hint.as_ref().filter(|_| for_people && !plan.is_empty()) {
        ui.remark(format!("note: {hint}"));
    }
    Ok(())
}

/// Tells what an installation changed, and what that means for each service.
pub(super) fn tell_changes(ui: &mut Ui<'_>, app: &App, global: &Global, plan: &Plan) -> Result<(), CliError> {
    remark_left_behind(ui, plan);
    if write_data(ui, global.output, plan)? {
        return Ok(());
    }
    if plan.is_empty() {
        ui.remark(nothing_changed(plan));
        remark_switched_off(ui, plan);
        return Ok(());
    }
    let steps: Vec<&Step> = changed(plan).collect();
    if steps.len() <= MANY || global.verbose > 0 {
        steps.iter().for_each(|step| tell_step(ui, app, step));
    }
    if plan.steps.len() > 1 {
        let words =
            [("create", "created"), ("update", "updated"), ("remove", "removed"), ("unchanged", "unchanged")];
        ui.remark(format!("{}.", summary(plan, words)));
    }
    remark_switched_off(ui, plan);
    Ok(())
}

fn tell_step(ui: &mut Ui<'_>, app: &App, step: &Step) {
    let done = match step.change {
        Change::Create(_) => "Created",
        Change::Remove(_) => "Removed",
        _ => "Updated",
    };
    let effects = step.consequences.iter().map(|effect| clause(effect, &step.name, &app.display));
    let effects: String = effects.map(|effect| format!("; {effect}")).collect();
    ui.remark(format!("{done} {}{effects}.", step.name));
}
