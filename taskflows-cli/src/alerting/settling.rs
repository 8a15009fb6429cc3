//! Incidents that no end of a run brings to an end: of what runs without one, and of what is no longer told.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use taskflows_alerts::incident::{
    Engine, IncidentSummary, Observation, ObservationKind, Rules, StateKey, Subject,
};
use taskflows_alerts::outbox::AlertStore;
use taskflows_alerts::task_events::recovered;
use taskflows_core::alerting::AlertMark;
use taskflows_core::effects::{Listing, Next, State};
use taskflows_core::{NamePattern, ServiceName};

use super::AlertDesk;
use crate::error::chain;
use crate::{App, CliError, Exit};

/// So long what systemd has restarted must run until it counts as well again.
const STEADY: SignedDuration = SignedDuration::from_mins(5);

/// An open incident and what it is kept under.
type Open = (StateKey, IncidentSummary);

/// Has it told that services run well again which have run for some time since they failed, and whose runs have no end
/// by which that would be seen.
///
/// # Errors
/// When incidents or services cannot be read, or it could not be kept.
pub(crate) async fn settle_what_lasts(app: &App, now: Timestamp) -> Result<(), CliError> {
    let desk = AlertDesk::open(&app.data_directory)?;
    if !desk.has_store() {
        return Ok(());
    }
    let of_runs = |one: &Open| one.1.subject == Subject::new(&one.1.subject.name, &app.host_name);
    let open = open_of(&desk, &app.host_name, of_runs)?;
    let names: BTreeSet<ServiceName> =
        open.iter().filter_map(|(_, incident)| incident.subject.name.parse().ok()).collect();
    let patterns: Vec<NamePattern> = names.iter().map(NamePattern::from).collect();
    if patterns.is_empty() {
        return Ok(());
    }
    for listing in app.services.list(&patterns).await? {
        let Some(since) = lasts_since(app, &listing, now).await? else { continue };
        let is_of = |one: &&Open| one.1.subject.name == listing.name.as_str() && one.1.last_at <= since;
        let groups: Vec<String> = open.iter().filter(is_of).map(|(key, _)| key.group.clone()).collect();
        if !groups.is_empty() {
            desk.observe(&groups, &[well(app, &listing.name, since)], now)?;
        }
    }
    Ok(())
}

/// Returns since when a service runs that is to run without an end, where that is long enough ago.
async fn lasts_since(app: &App, listing: &Listing, now: Timestamp) -> Result<Option<Timestamp>, CliError> {
    // What a timer starts has an end, and is judged by it.
    if listing.state != State::Running || listing.next != Next::Unscheduled {
        return Ok(None);
    }
    let since = listing.last.as_ref().and_then(|run| run.started);
    let Some(since) = since.filter(|since| now.duration_since(*since) >= STEADY) else { return Ok(None) };
    let files = app.services.files(&listing.name).await?;
    let main = files.files.get(&format!("taskflows-{}.service", listing.name));
    Ok(main.is_some_and(|text| is_restarted(text)).then_some(since))
}

/// Tells whether a unit is restarted by its policy, as what is to run for good is.
fn is_restarted(unit: &str) -> bool {
    let last = unit.lines().rev().find_map(|line| line.strip_prefix("Restart="));
    last.is_some_and(|policy| policy != "no")
}

fn well(app: &App, name: &ServiceName, since: Timestamp) -> Observation {
    let mut facts = app.facts(name.as_str());
    facts.started = Some(since);
    Observation {
        id: format!("{name}/runs/{since}"),
        subject: Subject::new(name.as_str(), &facts.host),
        at: since,
        kind: ObservationKind::Finished { duration: std::time::Duration::ZERO },
        message: recovered(&facts),
    }
}

/// Closes the incidents of services in groups that are told no more of them: of those that are gone all, of the others
/// those in groups that `marks` do not name for them.
///
/// # Errors
/// When incidents cannot be read, or this could not be kept.
pub(crate) fn close_untold(
    app: &App,
    marks: &BTreeMap<ServiceName, Option<AlertMark>>,
    by: &str,
) -> Result<(), CliError> {
    let desk = AlertDesk::open(&app.data_directory)?;
    if !desk.has_store() {
        return Ok(());
    }
    let is_untold = |(key, incident): &Open| {
        let mark = incident.subject.name.parse::<ServiceName>().ok().and_then(|name| marks.get(&name));
        mark.is_some_and(|mark| mark.as_ref().is_none_or(|mark| !mark.groups.contains(&key.group)))
    };
    let open = open_of(&desk, &app.host_name, |one| is_untold(one))?;
    if open.is_empty() {
        return Ok(());
    }
    let (store, rules, now) = (desk.store()?, desk.rules(), (app.now)());
    let done = store.transact(&mut |ledger| {
        open.iter().try_for_each(|(key, incident)| {
            // Where the group is gone as well, nobody is told.
            let gone = Rules::default();
            let engine = Engine::new(&key.group, rules.get(&key.group).unwrap_or(&gone));
            engine.close(ledger, &incident.subject.key, by, now)
        })
    });
    done.map_err(|error| CliError::new(Exit::Failed, chain(&error)))?;
    desk.wake_if_due(&store, now)
}

/// Returns the open incidents of this host that are of services or tasks, and of their timers, and that are `wanted`.
fn open_of(desk: &AlertDesk, host: &str, wanted: impl Fn(&Open) -> bool) -> Result<Vec<Open>, CliError> {
    let states = desk.store()?.states().map_err(|error| CliError::new(Exit::Failed, chain(&error)))?;
    let open = states.into_iter().filter_map(|(key, state)| Some((key, state.incident()?)));
    Ok(open.filter(|one| one.1.subject.host == host && wanted(one)).collect())
}

#[cfg(test)]
mod tests {
    use super::is_restarted;

    #[test]
    fn what_the_last_line_says_counts() {
        assert!(is_restarted("[Service]\nRestart=always\n"));
        assert!(!is_restarted("[Service]\nRestart=always\nRestart=no\n"));
        assert!(!is_restarted("[Service]\nRestartSec=5\n"));
    }
}
