use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use taskflows_core::ServiceName;
use taskflows_core::alerting::AlertGroup;
use taskflows_core::effects::ServiceError;
use taskflows_core::monitor::{
    Finding, Memory, MonitorFacts, PastRun, Trouble, WatchRules, has_started_since, is_suspect, judge,
};
use taskflows_core::task::RunQuery;

use crate::alert_groups::AlertGroups;
use crate::{App, CliError};

/// A timer that is newly found to be off is looked at again so much later: a change that is being made is over by then.
const AGAIN: Duration = Duration::from_secs(2);

/// For so many services at most is the journal asked whether they ran after all.
const MOST_ASKED: usize = 16;

/// As many runs of all services are read to see which run, and which just ended.
const NEWEST: usize = 1_000;

/// As many runs of one service say what is usual.
const HISTORY: usize = 30;

/// What a look brought.
pub(super) struct Look {
    pub(super) facts: MonitorFacts,
    pub(super) memory: Memory,
    pub(super) findings: Vec<Finding>,
}

/// Looks at the services that have alerts, or at all. What is new is kept only if it is found again, or if the journal
/// does not know better.
pub(super) async fn look(app: &App, memory: Memory, all: bool) -> Result<Look, CliError> {
    let mut look = look_once(app, memory.clone(), all).await?;
    let is_new_state = |finding: &Finding| {
        let is_state = matches!(finding.trouble(), Trouble::Missed(reason) if reason.due().is_none());
        is_state && is_new(&memory, finding)
    };
    if look.findings.iter().any(is_new_state) {
        tokio::time::sleep(AGAIN).await;
        let seen: BTreeSet<String> = look.findings.iter().map(Finding::id).collect();
        look = look_once(app, memory.clone(), all).await?;
        look.findings.retain(|finding| !is_new_state(finding) || seen.contains(&finding.id()));
    }
    drop_what_ran(app, &mut look, &memory).await;
    Ok(look)
}

/// Tells whether a trouble was not told before.
pub(super) fn is_new(memory: &Memory, finding: &Finding) -> bool {
    let told = |one: &taskflows_core::monitor::Standing| {
        one.service == *finding.service() && one.trouble.to_string() == finding.trouble().to_string()
    };
    finding.is_trouble() && !memory.standing.iter().any(told)
}

/// Asks the journal about runs that are said to be missed, and drops those of which it knows a start.
async fn drop_what_ran(app: &App, look: &mut Look, memory: &Memory) {
    let mut ran = BTreeSet::new();
    let new = look.findings.iter().filter(|finding| is_new(memory, finding));
    let lost = new.filter_map(|finding| match finding.trouble() {
        Trouble::Missed(reason) => Some((finding.service().clone(), reason.due()?)),
        Trouble::Slow { .. } => None,
    });
    for (name, due) in lost.take(MOST_ASKED) {
        // A journal that cannot be read speaks neither for it nor against it.
        let Ok(evidence) = app.inspector.evidence(&name, None).await else { continue };
        if evidence.unreadable.is_none() && has_started_since(&evidence, due) {
            ran.insert(name);
        }
    }
    let is_lost =
        |finding: &Finding| matches!(finding.trouble(), Trouble::Missed(reason) if reason.due().is_some());
    look.findings
        .retain(|finding| !(is_new(memory, finding) && is_lost(finding) && ran.contains(finding.service())));
}

async fn look_once(app: &App, memory: Memory, all: bool) -> Result<Look, CliError> {
    let mut facts = app.watch.glance().await?;
    let now = (app.now)();
    let groups = AlertGroups::load(&app.data_directory)?;
    facts.services.retain(|watched| all || watched.groups.is_some());
    for watched in &mut facts.services {
        watched.rules = rules(watched.groups.as_deref().unwrap_or_default(), &groups);
    }
    let memory = memory.wake(facts.clocks, now);
    add_runs(app, &mut facts, &memory).await?;
    let suspects = facts.services.iter().filter(|one| is_suspect(one, &memory, now, &app.zones));
    let names: Vec<ServiceName> = suspects.map(|one| one.service.clone()).collect();
    add_closer(app, &mut facts, &names).await?;
    let findings = judge(&facts, &memory, now, &app.zones);
    Ok(Look { facts, memory, findings })
}

/// Of several groups the one that wants to know first counts.
fn rules(keys: &[String], groups: &BTreeMap<String, AlertGroup>) -> WatchRules {
    let told: Vec<&AlertGroup> = keys.iter().filter_map(|key| groups.get(key)).collect();
    let least = |spans: &mut dyn Iterator<Item = Duration>| spans.min();
    let default = WatchRules::default().missed_after;
    let missed = |group: &&AlertGroup| group.missed_after.map_or(default, |span| span.duration());
    WatchRules {
        missed_after: least(&mut told.iter().map(missed)).unwrap_or(default),
        slow_after: least(&mut told.iter().filter_map(|group| Some(group.slow_after?.duration()))),
    }
}

async fn add_closer(app: &App, facts: &mut MonitorFacts, names: &[ServiceName]) -> Result<(), ServiceError> {
    if names.is_empty() {
        return Ok(());
    }
    let looks = app.watch.look_closer(names).await?;
    let mut looks: BTreeMap<&ServiceName, _> = names.iter().zip(looks).collect();
    for watched in &mut facts.services {
        watched.closer = looks.remove(&watched.service);
    }
    Ok(())
}

/// Adds the runs that are kept of services that run, or of which a run ended since the last look.
async fn add_runs(app: &App, facts: &mut MonitorFacts, memory: &Memory) -> Result<(), CliError> {
    let Some(last_look) = memory.last_look else { return add_history(app, facts, &[]).await };
    // A run that began so long before the last look and ended after it was told of while it ran.
    let since = last_look.checked_sub(SignedDuration::from_hours(48)).ok();
    let query = RunQuery { since, limit: Some(NEWEST), ..RunQuery::default() };
    let newest = app.runs.recent(&query).await?;
    let is_of_now = |ended: Option<Timestamp>| ended.is_none_or(|ended| ended > last_look);
    let names = newest.iter().filter(|run| is_of_now(run.ended)).filter_map(|run| run.service.clone());
    add_history(app, facts, &names.collect::<Vec<_>>()).await
}

async fn add_history(app: &App, facts: &mut MonitorFacts, names: &[ServiceName]) -> Result<(), CliError> {
    for watched in &mut facts.services {
        if !watched.is_running && !names.contains(&watched.service) {
            continue;
        }
        let query = RunQuery {
            tasks: vec![watched.service.to_string()],
            limit: Some(HISTORY),
            ..RunQuery::default()
        };
        let runs = app.runs.recent(&query).await?;
        watched.runs = runs.iter().filter(|run| run.service.is_some()).map(PastRun::from).collect();
    }
    Ok(())
}
