use serde::Serialize;
use taskflows_core::Service;
use taskflows_core::schedule::Schedule;

use crate::arguments::{Format, Global, SourceArguments};
use crate::definitions::load;
use crate::output::data;
use crate::{App, CliError, Exit, Ui};

#[derive(Serialize)]
struct ValidRow {
    name: String,
    source: Option<String>,
}

/// Reads definitions and says whether they are right; no manager is asked and nothing is changed.
pub(super) async fn validate(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    sources: &SourceArguments,
) -> Result<Exit, CliError> {
    let definitions = load(ui, app, sources).await?;
    let services = &definitions.services;
    for service in services {
        let schedules = [&service.start_schedule, &service.stop_schedule, &service.restart_schedule];
        for schedule in schedules.into_iter().flatten() {
            let Schedule::Calendar(calendar) = schedule else { continue };
            let zone = app.zones.resolve(calendar.spec());
            if zone.is_ok_and(|zone| calendar.spec().next_after((app.now)(), &zone).is_none()) {
                // It may have fired, and be installed.
                let text = calendar.text();
                ui.remark(format!("note: the schedule `{text}` of {} does not fire any more", service.name));
            }
        }
    }
    let row = |service: &Service| ValidRow {
        name: service.name.to_string(),
        source: service.source.as_ref().map(|source| source.as_str().to_owned()),
    };
    match global.output {
        Format::Table | Format::Wide => {
            ui.remark(format!(
                "{} defined, and right.",
                counted(services.len(), definitions.dashboards.len())
            ));
        }
        Format::Name => {
            for service in services {
                writeln!(ui.out, "{}", service.name)?;
            }
        }
        format => data(ui, format, &services.iter().map(row).collect::<Vec<_>>())?,
    }
    Ok(Exit::Ok)
}

/// Counts what is defined: `2 services and 1 dashboard are`.
fn counted(services: usize, dashboards: usize) -> String {
    let count = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let all = match (services, dashboards) {
        (services, 0) => count(services, "service"),
        (0, dashboards) => count(dashboards, "dashboard"),
        both => format!("{} and {}", count(both.0, "service"), count(both.1, "dashboard")),
    };
    format!("{all} {}", if services + dashboards == 1 { "is" } else { "are" })
}
