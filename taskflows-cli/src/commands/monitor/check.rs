use taskflows_core::monitor::Finding;

use super::look::{is_new, look};
use super::show;
use crate::alerting::settle_what_lasts;
use crate::arguments::{Global, MonitorCheckArguments};
use crate::monitor::{MemoryFile, Outcome, Told, ping};
use crate::{App, CliError, Exit, Ui};

/// Looks once, tells what is found, and calls outside.
pub(super) async fn check(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &MonitorCheckArguments,
) -> Result<Exit, CliError> {
    let result = look_and_tell(ui, app, global, arguments).await;
    let address =
        arguments.ping_url.clone().or_else(|| app.deadman_url.clone()).filter(|text| !text.is_empty());
    if let Some(address) = address {
        let outcome = if result.is_ok() { Outcome::Looked } else { Outcome::Failed };
        if let Err(reason) = ping(&address, outcome).await {
            ui.remark(format!("note: the address outside could not be called: {reason}"));
        }
    }
    result
}

async fn look_and_tell(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &MonitorCheckArguments,
) -> Result<Exit, CliError> {
    let file = MemoryFile::new(&app.data_directory);
    let _held = file.lock()?;
    let before = file.read()?;
    let look = look(app, before.clone(), arguments.all).await?;
    let now = (app.now)();
    let of = |finding: &Finding| look.facts.services.iter().find(|one| one.service == *finding.service());
    let told = |finding: &Finding| Told {
        finding: finding.clone(),
        is_new: is_new(&before, finding),
        // Of a service that is gone the groups are not known; who took its trouble knows them.
        groups: of(finding).and_then(|one| one.groups.clone()).unwrap_or_default(),
    };
    let has_alerts = |finding: &&Finding| of(finding).is_none_or(|one| one.groups.is_some());
    let all: Vec<Told> = look.findings.iter().filter(has_alerts).map(told).collect();
    app.monitor_sink.report(&all, now).await?;
    settle_what_lasts(app, now).await?;
    // Only what was taken counts as told.
    file.write(&look.memory.after(&look.facts, &look.findings, now))?;
    show::findings(ui, global.output, &look.findings, now, &app.display)?;
    remark(ui, &look.findings, look.facts.services.len());
    let is_bad = look.findings.iter().any(Finding::is_trouble) && !arguments.no_fail;
    Ok(if is_bad { Exit::Failed } else { Exit::Ok })
}

/// Sums up for a person; each minute in the journal it would be noise.
fn remark(ui: &mut Ui<'_>, findings: &[Finding], watched: usize) {
    let bad = findings.iter().filter(|finding| finding.is_trouble()).count();
    let services = if watched == 1 { "1 service".to_owned() } else { format!("{watched} services") };
    match bad {
        0 if ui.interactive => ui.remark(format!("{services}, nothing missed.")),
        0 => {}
        1 => ui.remark(format!("{services}, 1 problem.")),
        _ => ui.remark(format!("{services}, {bad} problems.")),
    }
}
