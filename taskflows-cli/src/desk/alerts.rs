use jiff::{SignedDuration, Timestamp};
use taskflows_alerts::incident::{
    Engine, IncidentSummary, Rules, Silence, StateKey, silence as keep, unsilence as end,
};
use taskflows_alerts::outbox::{AlertStore, AlertStoreError, Ledger};
use taskflows_alerts::{SendOn, Severity};
use taskflows_api::wire::{AlertSilence, Incident, IncidentsBody, SilenceBody};
use taskflows_core::NamePattern;
use taskflows_store::Store;

use crate::alerting::AlertDesk;
use crate::error::chain;
use crate::ui::harmless;
use crate::{App, CliError, Exit};

/// An open incident and the group that it is open in.
type Open = (StateKey, IncidentSummary);

pub(super) fn incidents(app: &App) -> Result<Vec<Incident>, CliError> {
    let store = AlertDesk::open(&app.data_directory)?.store()?;
    Ok(open(&store)?.into_iter().map(|(key, incident)| told(key.group, incident)).collect())
}

fn told(group: String, incident: IncidentSummary) -> Incident {
    Incident {
        service: incident.subject.name,
        host: incident.subject.host,
        group,
        title: harmless(&incident.title),
        severity: word(incident.severity).to_owned(),
        kind: incident.kind.to_string(),
        opened_at: incident.opened_at,
        last_at: incident.last_at,
        failures: incident.failures,
        missed: incident.missed,
        acked_by: incident.acked.map(|ack| harmless(&ack.by)),
        recovering_since: incident.recovering_since,
        told: incident.told,
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
        Severity::Critical => "critical",
    }
}

pub(super) fn ack(app: &App, which: &IncidentsBody) -> Result<Vec<String>, CliError> {
    let (by, now) = (by(which.who.as_ref()), (app.now)());
    change(app, &which.names, &mut |engine, ledger, subject| engine.ack(ledger, subject, by, now))
}

pub(super) fn close(app: &App, which: &IncidentsBody) -> Result<Vec<String>, CliError> {
    let (by, now) = (by(which.who.as_ref()), (app.now)());
    change(app, &which.names, &mut |engine, ledger, subject| engine.close(ledger, subject, by, now))
}

fn by(who: Option<&String>) -> &str {
    who.map_or("somebody", String::as_str)
}

/// What is done to the incident of a subject.
type Act<'a> = dyn FnMut(&Engine<'_>, &mut (dyn Ledger + '_), &str) -> Result<(), AlertStoreError> + 'a;

/// Does something to every open incident of these names, in one transaction.
fn change(app: &App, names: &[String], act: &mut Act<'_>) -> Result<Vec<String>, CliError> {
    let patterns: Result<Vec<NamePattern>, _> = names.iter().map(|name| name.parse()).collect();
    let patterns = patterns.map_err(|error| CliError::new(Exit::Usage, format!("{error}")))?;
    let desk = AlertDesk::open(&app.data_directory)?;
    let store = desk.store()?;
    let mut found = open(&store)?;
    found.retain(|(_, incident)| patterns.iter().any(|pattern| is_named(pattern, &incident.subject.name)));
    if found.is_empty() {
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
    done.map_err(|error| failed(&error))?;
    desk.wake_if_due(&store, (app.now)())?;
    let mut names: Vec<String> = found.into_iter().map(|(_, incident)| incident.subject.name).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Returns every open incident, the oldest first.
fn open(store: &dyn AlertStore) -> Result<Vec<Open>, CliError> {
    let states = store.states().map_err(|error| failed(&error))?;
    let mut open: Vec<Open> =
        states.into_iter().filter_map(|(key, state)| Some((key, state.incident()?))).collect();
    open.sort_by_key(|(_, incident)| incident.opened_at);
    Ok(open)
}

/// Tells whether a pattern selects a name, which may be that of a task.
fn is_named(pattern: &NamePattern, name: &str) -> bool {
    pattern.to_string() == name || name.parse().is_ok_and(|name| pattern.matches(&name))
}

pub(super) fn silences(app: &App) -> Result<Vec<AlertSilence>, CliError> {
    let store = AlertDesk::open(&app.data_directory)?.store()?;
    let silences = in_force(&store, (app.now)())?;
    Ok(silences.into_iter().map(|(number, silence)| shown(number, silence)).collect())
}

fn in_force(store: &Store, now: Timestamp) -> Result<Vec<(i64, Silence)>, CliError> {
    let mut all = Vec::new();
    let read = store.transact(&mut |ledger| {
        all = ledger.silences()?;
        Ok(())
    });
    read.map_err(|error| failed(&error))?;
    all.retain(|(_, silence)| silence.until > now);
    Ok(all)
}

fn shown(number: i64, silence: Silence) -> AlertSilence {
    AlertSilence {
        number,
        name: silence.subject,
        kinds: silence.kinds.iter().map(ToString::to_string).collect(),
        until: silence.until,
        by: harmless(&silence.by),
        comment: harmless(&silence.comment),
    }
}

pub(super) fn silence(app: &App, what: &SilenceBody) -> Result<AlertSilence, CliError> {
    let span = Some(what.seconds).filter(|seconds| *seconds >= 0.0);
    let span = span.and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
    let until = span.and_then(|span| (app.now)().checked_add(span).ok());
    let until = until.ok_or_else(|| CliError::new(Exit::Usage, "a silence that long never ends"))?;
    let kinds: Result<Vec<SendOn>, _> = what.kinds.iter().map(|word| word.parse()).collect();
    let kinds = kinds.map_err(|error| CliError::new(Exit::Usage, error.to_string()))?;
    let silence = Silence {
        subject: what.name.clone(),
        host: "*".to_owned(),
        kinds,
        until,
        by: by(what.who.as_ref()).to_owned(),
        comment: what.comment.clone(),
    };
    let kept = keep(&AlertDesk::open(&app.data_directory)?.store()?, &silence);
    Ok(shown(kept.map_err(|error| failed(&error))?, silence))
}

pub(super) fn unsilence(app: &App, number: i64) -> Result<(), CliError> {
    let desk = AlertDesk::open(&app.data_directory)?;
    let (store, now) = (desk.store()?, (app.now)());
    if !end(&store, number, now).map_err(|error| failed(&error))? {
        return Err(CliError::new(Exit::NoSuchService, format!("there is no silence {number}"))
            .hint("`tf alert list --silences` shows those there are"));
    }
    desk.wake_if_due(&store, now)
}

fn failed(error: &AlertStoreError) -> CliError {
    CliError::new(Exit::Failed, chain(error))
}
