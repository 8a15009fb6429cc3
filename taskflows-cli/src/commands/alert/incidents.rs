use taskflows_alerts::incident::{Engine, IncidentSummary, Rules, StateKey};
use taskflows_alerts::outbox::{AlertStore, AlertStoreError};
use taskflows_core::NamePattern;

use super::actor;
use crate::alerting::AlertDesk;
use crate::arguments::AckArguments;
use crate::error::chain;
use crate::{App, CliError, Exit, Ui};

/// An open incident and the group that it is open in.
pub(super) type Open = (StateKey, IncidentSummary);

pub(super) fn ack(ui: &mut Ui<'_>, app: &App, arguments: &AckArguments) -> Result<Exit, CliError> {
    let by = actor(app, arguments.by.as_ref());
    let now = (app.now)();
    let found =
        change(app, &arguments.names, &mut |engine, ledger, subject| engine.ack(ledger, subject, &by, now))?;
    for name in names(&found) {
        ui.remark(format!("{by} took on {name}: nobody is reminded of it."));
    }
    Ok(Exit::Ok)
}

pub(super) fn close(ui: &mut Ui<'_>, app: &App, arguments: &AckArguments) -> Result<Exit, CliError> {
    let by = actor(app, arguments.by.as_ref());
    let now = (app.now)();
    let found = change(app, &arguments.names, &mut |engine, ledger, subject| {
        engine.close(ledger, subject, &by, now)
    })?;
    for name in names(&found) {
        ui.remark(format!("Closed the incident of {name}."));
    }
    Ok(Exit::Ok)
}

type Ledger<'a> = dyn taskflows_alerts::outbox::Ledger + 'a;

/// Does something to every open incident of these names, in one transaction.
fn change(
    app: &App,
    patterns: &[NamePattern],
    act: &mut dyn FnMut(&Engine<'_>, &mut Ledger<'_>, &str) -> Result<(), AlertStoreError>,
) -> Result<Vec<Open>, CliError> {
    let desk = AlertDesk::open(&app.data_directory)?;
    let store = desk.store()?;
    let mut found = open(&store)?;
    found.retain(|(_, incident)| patterns.iter().any(|pattern| is_named(pattern, &incident.subject.name)));
    if found.is_empty() {
        let names: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        return Err(CliError::new(Exit::NoSuchService, format!("no open incident of {}", names.join(", ")))
            .hint("`tf alert list` shows those there are"));
    }
    let rules = desk.rules();
    let done = store.transact(&mut |ledger| {
        for (key, incident) in &found {
            // A group that is gone from the definitions still has its incidents.
            let gone = Rules::default();
            let rules = rules.get(&key.group).unwrap_or(&gone);
            act(&Engine::new(&key.group, rules), ledger, &incident.subject.key)?;
        }
        Ok(())
    });
    done.map_err(|error| CliError::new(Exit::Failed, chain(&error)))?;
    desk.wake_if_due(&store, (app.now)())?;
    Ok(found)
}

/// Returns every open incident, the oldest first.
pub(super) fn open(store: &dyn AlertStore) -> Result<Vec<Open>, CliError> {
    let states = store.states().map_err(|error| CliError::new(Exit::Failed, chain(&error)))?;
    let mut open: Vec<Open> =
        states.into_iter().filter_map(|(key, state)| Some((key, state.incident()?))).collect();
    open.sort_by_key(|(_, incident)| incident.opened_at);
    Ok(open)
}

/// Tells whether a pattern selects a name, which may be that of a task.
fn is_named(pattern: &NamePattern, name: &str) -> bool {
    pattern.to_string() == name || name.parse().is_ok_and(|name| pattern.matches(&name))
}

fn names(found: &[Open]) -> Vec<&str> {
    let mut names: Vec<&str> = found.iter().map(|(_, incident)| incident.subject.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}
