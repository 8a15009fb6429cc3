use std::collections::BTreeMap;
use std::path::Path;

use taskflows_alerts::outbox::Outbox;
use taskflows_api::wire::DoctorFinding;
use taskflows_core::effects::EnvironmentError;
use taskflows_core::inspect::{ChannelFacts, Finding, diagnose, questions};
use taskflows_store::Store;
use taskflows_systemd::MONITOR_TIMER;

use crate::App;
use crate::alerting::AlertDesk;
use crate::commands::certificate;
use crate::error::chain;
use crate::monitor::MemoryFile;

/// Looks at everything; the worst comes first.
pub(super) async fn doctor(app: &App) -> Vec<DoctorFinding> {
    let survey = app.inspector.survey().await;
    let host = app.host.look(&questions(&survey, app.security_directory.as_deref())).await;
    let mut findings = diagnose(&survey, &host, (app.now)(), &app.zones);
    findings.splice(0..0, judge_environments(app).await);
    findings.extend(judge_alerts(app).await);
    findings.extend(certificate::judge(app).await);
    findings.extend(judge_monitor(app, &survey.unit_directory));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings.into_iter().map(told).collect()
}

fn told(finding: Finding) -> DoctorFinding {
    DoctorFinding {
        severity: finding.severity.into(),
        check: finding.check.to_owned(),
        subject: finding.subject,
        message: finding.message,
        remedy: finding.remedy,
    }
}

/// Tells where the environments that the host keeps cannot be read.
async fn judge_environments(app: &App) -> Option<Finding> {
    let error = app.environments.list().await.err()?;
    let (path, reason) = match &error {
        EnvironmentError::Damaged { path, reason } => (path.display().to_string(), reason.clone()),
        EnvironmentError::File { path, source, .. } => (path.display().to_string(), source.to_string()),
        _ => ("environments".to_owned(), chain(&error)),
    };
    Some(Finding::unreadable_environments(path, reason))
}

/// Tells of groups of alerts that cannot be used, of services that name one which is not there, and how channels do.
async fn judge_alerts(app: &App) -> Vec<Finding> {
    let desk = match AlertDesk::open(&app.data_directory) {
        Ok(desk) => desk,
        Err(error) => return vec![Finding::of_broken_group("alerts.json", error.message)],
    };
    let mut findings: Vec<Finding> =
        desk.troubles().iter().map(|trouble| Finding::of_broken_group("alerts.json", trouble)).collect();
    for (service, mark) in app.services.alerts(&[]).await.unwrap_or_default() {
        for key in mark.groups.iter().filter(|key| !desk.groups().contains_key(*key)) {
            let reason = format!("nobody is told of it: this host has no group of alerts `{key}`");
            findings.push(Finding::of_broken_group(service.as_str(), reason));
        }
    }
    findings.extend(channels(app, &desk).iter().map(|facts| Finding::of_channel(facts, (app.now)())));
    findings
}

fn channels(app: &App, desk: &AlertDesk) -> Vec<ChannelFacts> {
    let mut channels: BTreeMap<String, ChannelFacts> = BTreeMap::new();
    for destination in desk.groups().values().flat_map(|group| &group.destinations) {
        let trouble = destination.channels(&|name| (app.variable)(name)).err().map(|error| chain(&error));
        for channel in destination.channel_ids() {
            let facts = channels.entry(channel.clone()).or_default();
            facts.channel = channel;
            facts.last_error = facts.last_error.take().or_else(|| trouble.clone());
        }
    }
    // What cannot be read is told of by whoever needs it.
    let store = Store::open_existing(&app.data_directory).ok().flatten();
    for status in store.and_then(|store| store.channels().ok()).unwrap_or_default() {
        let Some(facts) = channels.get_mut(&status.channel) else { continue };
        facts.waiting = status.queued;
        facts.oldest = status.oldest;
        facts.lost = status.undelivered + status.dropped;
        facts.last_success = status.last_success;
        facts.last_error = facts.last_error.take().or(status.last_error);
    }
    channels.into_values().collect()
}

/// Tells where the watch for missed runs has stopped, if it is installed.
fn judge_monitor(app: &App, units: &Path) -> Option<Finding> {
    units.join(MONITOR_TIMER).exists().then(|| {
        let memory = MemoryFile::new(&app.data_directory).read().unwrap_or_default();
        Finding::of_monitor(MONITOR_TIMER, memory.last_look, (app.now)())
    })
}
