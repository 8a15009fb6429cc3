//! What definitions say of dashboards, and what becomes of it in Grafana.

use taskflows_logging::grafana::{Dashboard, DashboardChange, Grafana, GrafanaError, GrafanaSettings};

use crate::error::chain;
use crate::{App, Exit, Ui};

/// What was found out about the dashboards, or done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dashboards {
    /// Whether one of them was, or would be, made or changed.
    pub(crate) changes: bool,
    /// How many are there and as they should be.
    same: usize,
    /// Whether Grafana did not do, or did not say, what it was asked for.
    pub(super) fails: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Show,
    Make,
}

impl Dashboards {
    /// Says what would become of the dashboards, and changes nothing.
    pub(crate) async fn show(ui: &mut Ui<'_>, app: &App, dashboards: &[Dashboard]) -> Self {
        // What is somebody else's is told, and is no change.
        each(ui, app, dashboards, Way::Show, false).await
    }

    /// Makes the dashboards. Services are there already, and do not depend on it.
    pub(crate) async fn make(ui: &mut Ui<'_>, app: &App, dashboards: &[Dashboard], force: bool) -> Self {
        each(ui, app, dashboards, Way::Make, force).await
    }

    /// Says that nothing changed, where nothing else says so.
    pub(crate) fn remark_same(self, ui: &mut Ui<'_>) {
        if self.same > 0 && !self.changes && !self.fails {
            let (plural, verb) = if self.same == 1 { ("", "is") } else { ("s", "are") };
            ui.remark(format!("Nothing changed: {} dashboard{plural} {verb} as defined.", self.same));
        }
    }

    /// Returns how a command ends that would else end so.
    pub(crate) fn exit(self, exit: Exit) -> Exit {
        if self.fails && matches!(exit, Exit::Ok | Exit::Pending) { Exit::Partial } else { exit }
    }
}

async fn each(ui: &mut Ui<'_>, app: &App, dashboards: &[Dashboard], way: Way, overwrite: bool) -> Dashboards {
    let mut all = Dashboards::default();
    if dashboards.is_empty() {
        return all;
    }
    let Some(settings) = settings(ui, app, dashboards.len()) else { return all };
    let there = match Grafana::connect(&settings).await {
        Ok(there) => there,
        Err(error) => {
            let undone = if way == Way::Show { "compared" } else { "made" };
            ui.remark(format!("note: dashboards were not {undone}: {}{}", chain(&error), hint(&error)));
            return Dashboards { fails: true, ..all };
        }
    };
    if there.is_datasource_assumed() {
        let uid = there.datasource();
        ui.remark(format!(
            "note: the API key may not list data sources, so `{uid}` is taken for the uid of Loki"
        ));
    }
    for dashboard in dashboards {
        let result = match way {
            Way::Show => there.plan(dashboard, overwrite).await,
            Way::Make => there.apply(dashboard, overwrite).await,
        };
        match result {
            Ok(DashboardChange::Unchanged) => all.same += 1,
            Ok(change) => {
                told(ui, dashboard, change, way);
                all.changes = true;
            }
            Err(error) => {
                ui.remark(format!("note: {}{}", chain(&error), hint(&error)));
                all.fails = true;
                if error.is_of_all() {
                    break;
                }
            }
        }
    }
    all
}

/// Returns where dashboards are made, or tells what is missing.
fn settings(ui: &mut Ui<'_>, app: &App, count: usize) -> Option<GrafanaSettings> {
    if let (Some(explore), Some(key)) = (&app.explore, &app.grafana_api_key) {
        return Some(GrafanaSettings::of(explore, key));
    }
    let missing = [
        ("TASKFLOWS_GRAFANA", app.explore.is_none()),
        ("TASKFLOWS_GRAFANA_API_KEY", app.grafana_api_key.is_none()),
    ];
    let missing: Vec<&str> =
        missing.iter().filter(|(_, is_missing)| *is_missing).map(|(name, _)| *name).collect();
    let (what, them) = if count == 1 { ("1 dashboard is", "it") } else { ("dashboards are", "them") };
    let what = if count == 1 { what.to_owned() } else { format!("{count} {what}") };
    ui.remark(format!("note: {what} defined and left alone; to make {them}, set {}", missing.join(" and ")));
    None
}

/// Says what becomes of a dashboard.
fn told(ui: &mut Ui<'_>, dashboard: &Dashboard, change: DashboardChange, way: Way) {
    let word = match (change, way) {
        (DashboardChange::Create, Way::Show) => "to create",
        (DashboardChange::Create, Way::Make) => "created",
        (DashboardChange::Update, Way::Show) => "to update",
        (DashboardChange::Update, Way::Make) => "updated",
        (DashboardChange::Unchanged, _) => "as defined",
    };
    ui.remark(format!("Dashboard {}: {word}.", dashboard.title()));
}

/// What can be done about it, on the same line.
fn hint(error: &GrafanaError) -> &'static str {
    match error {
        GrafanaError::NotOurs { .. } => "; `tf create --force` writes over it",
        GrafanaError::Conflict { .. } => "; look at it there, and run the command again",
        GrafanaError::Unauthorized { .. } => "; TASKFLOWS_GRAFANA_API_KEY is the token of a service account",
        GrafanaError::Forbidden { .. } => "; give its service account the role Editor",
        GrafanaError::NoDatasource { .. } => "; `[grafana] datasource` in config.toml names one",
        _ => "",
    }
}
