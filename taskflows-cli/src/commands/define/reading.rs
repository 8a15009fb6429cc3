use taskflows_api::wire::{Applied, WirePlan};
use taskflows_core::effects::Edits;
use taskflows_core::grafana::Dashboard;
use taskflows_core::{Change, Plan, ServiceName};

use super::collected::Collected;
use super::local::{apply_request, plan_request};
use super::order::{Ordered, ordered};
use crate::arguments::{CreateArguments, Global, PlanArguments};
use crate::commands::confirm::may_remove;
use crate::commands::create::{leave_out_waiting, start_changed, tell_changes};
use crate::commands::diff::show_diff;
use crate::commands::plan::show_plan;
use crate::commands::prune::{Request, refuse_stdin, request_of};
use crate::commands::remark_interruption;
use crate::definitions::{Definitions, Place, check_host, read_files};
use crate::ui::harmless_lines;
use crate::{App, CliError, Exit, Ui, Verb};

/// Definition files that were read once, for whichever servers they are meant.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    /// For this host, which keeps where they are.
    definitions: Definitions,
    /// For all others.
    ordered: Ordered,
    arguments: &'a PlanArguments,
    edits: Edits,
}

/// What definitions would change on a server, or have changed.
#[derive(Debug, Default)]
pub(crate) struct Defined {
    /// The services.
    pub(crate) plan: Plan,
    changes_groups: bool,
    /// What is told after the plan.
    told: Vec<String>,
}

/// Reads the plan of an answer.
pub(in crate::commands) fn plan_in(plan: WirePlan) -> Result<Plan, CliError> {
    let unreadable = |error| CliError::new(Exit::Failed, format!("the answer cannot be read: {error}"));
    Plan::try_from(plan).map_err(unreadable)
}

impl<'a> Reading<'a> {
    /// Reads definition files on this host, which is that of `app`; what other hosts are to have is looked for there.
    ///
    /// # Errors
    /// When a file cannot be read or is wrong.
    pub(crate) fn of(
        ui: &mut Ui<'_>,
        app: &App,
        arguments: &'a PlanArguments,
        edits: Edits,
    ) -> Result<Self, CliError> {
        refuse_stdin(&arguments.sources, arguments.prune)?;
        let definitions = read_files(ui, app, &arguments.sources, Place::Elsewhere)?;
        let ordered = ordered(app, definitions.clone(), &arguments.sources, arguments.prune, edits)?;
        Ok(Self { definitions, ordered, arguments, edits })
    }

    /// Returns the dashboards, which are made once, from here.
    pub(crate) fn dashboards(&self) -> &[Dashboard] {
        &self.ordered.dashboards
    }

    /// Tells whether they are all that is defined, so that no server has anything to do.
    pub(crate) fn is_of_dashboards(&self) -> bool {
        self.ordered.is_of_dashboards()
    }

    /// Finds out what would change on the server of `app`, and tells what there is to note of it.
    ///
    /// # Errors
    /// What the server has against it.
    pub(crate) async fn plan(&self, ui: &mut Ui<'_>, app: &App) -> Result<Defined, CliError> {
        let applied = match &app.definer {
            Some(definer) => definer.plan(&self.ordered.order).await?,
            None => {
                let mut collected = Collected::default();
                remark_interruption(&mut collected.ui(), app);
                let request = self.request(ui, &mut collected, app).await?;
                plan_request(app, &mut collected, &request).await?
            }
        };
        defined(ui, applied)
    }

    /// Changes the server of `app`, and tells what there is to note of it.
    async fn apply(&self, ui: &mut Ui<'_>, app: &App) -> Result<Defined, CliError> {
        let applied = match &app.definer {
            Some(definer) => definer.apply(&self.ordered.order).await?,
            None => {
                let mut collected = Collected::default();
                let request = self.request(ui, &mut collected, app).await?;
                apply_request(app, &mut collected, &request, self.edits).await?
            }
        };
        defined(ui, applied)
    }

    /// Returns what is asked of this host.
    async fn request(&self, ui: &Ui<'_>, collected: &mut Collected, app: &App) -> Result<Request, CliError> {
        let mut notes = collected.ui();
        let definitions = self.definitions.clone();
        check_host(&mut notes, app, &definitions.services)?;
        definitions.check_environments(app, ui.colour).await?;
        definitions.check_alerts(app, ui.colour)?;
        let PlanArguments { sources, prune } = self.arguments;
        request_of(&mut notes, app, definitions, sources, *prune).await
    }
}

fn defined(ui: &mut Ui<'_>, applied: Applied) -> Result<Defined, CliError> {
    let Applied { plan, changes_groups, notes, told } = applied;
    notes.iter().for_each(|note| ui.remark(harmless_lines(note)));
    Ok(Defined { plan: plan_in(plan)?, changes_groups, told })
}

impl Defined {
    /// Shows it as a plan, which it is as long as nothing was changed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn show(&self, ui: &mut Ui<'_>, app: &App, global: &Global) -> Result<(), CliError> {
        show_plan(ui, app, global, &self.plan)?;
        self.told.iter().for_each(|line| ui.remark(harmless_lines(line)));
        Ok(())
    }

    /// Returns the services that go.
    pub(crate) fn removed(&self) -> Vec<ServiceName> {
        let removals = self.plan.steps.iter().filter(|step| matches!(step.change, Change::Remove(_)));
        removals.map(|step| step.name.clone()).collect()
    }
}

/// Carries out `create`, `plan` or `diff` on the server of `app` with definitions that were read. The dashboards are left
/// to who read them.
///
/// # Errors
/// What the server has against it.
pub(crate) async fn carry_out(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    verb: &Verb,
    reading: &Reading<'_>,
) -> Result<Exit, CliError> {
    match verb {
        Verb::Create(create) if !create.dry_run => apply(ui, app, global, create, reading).await,
        Verb::Diff(_) => {
            let defined = reading.plan(ui, app).await?;
            show_diff(ui, global, &defined.plan)
        }
        verb => {
            let defined = reading.plan(ui, app).await?;
            defined.show(ui, app, global)?;
            let is_empty = defined.plan.is_empty() && !defined.changes_groups;
            let is_plan = matches!(verb, Verb::Plan(_));
            Ok(if is_empty || !is_plan { Exit::Ok } else { Exit::Pending })
        }
    }
}

async fn apply(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    create: &CreateArguments,
    reading: &Reading<'_>,
) -> Result<Exit, CliError> {
    if create.plan.prune && !create.yes && !may_prune(ui, app, reading).await? {
        ui.remark("Nothing was changed.");
        return Ok(Exit::Failed);
    }
    let mut defined = reading.apply(ui, app).await?;
    if create.now {
        leave_out_waiting(&mut defined.plan);
    }
    tell_changes(ui, app, global, &defined.plan)?;
    defined.told.iter().for_each(|line| ui.remark(harmless_lines(line)));
    match create.now {
        true => start_changed(ui, app, global, &defined.plan).await,
        false => Ok(Exit::Ok),
    }
}

/// Asks whether what is gone from the definitions may be removed.
async fn may_prune(ui: &mut Ui<'_>, app: &App, reading: &Reading<'_>) -> Result<bool, CliError> {
    // What there is to note is noted when it is done.
    let planned = reading.plan(&mut Collected::default().ui(), app).await?;
    let names = planned.removed();
    let why = match names.len() {
        0 => return Ok(true),
        1 => "1 service is defined no more".to_owned(),
        count => format!("{count} services are defined no more"),
    };
    may_remove(ui, &names.iter().collect::<Vec<_>>(), &why)
}
