use jiff::Timestamp;
use serde::Serialize;
use taskflows_alerts::incident::IncidentSummary;
use taskflows_alerts::outbox::{AlertStore, ChannelStatus, Outbox};
use taskflows_store::Store;

use super::incidents::open;
use crate::alerting::AlertDesk;
use crate::arguments::{AlertListArguments, Global};
use crate::error::chain;
use crate::output::{Column, Row, Styled, Tone, column, emit, wide};
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui, show};

pub(super) fn list(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &AlertListArguments,
) -> Result<Exit, CliError> {
    let desk = AlertDesk::open(&app.data_directory)?;
    for trouble in desk.troubles() {
        ui.remark(format!("note: {trouble}"));
    }
    let store = desk.store()?;
    let now = (app.now)();
    if arguments.channels {
        return channels(ui, app, global, &desk, &store);
    }
    if arguments.silences {
        return silences(ui, app, global, &store);
    }
    let rows: Vec<IncidentRow> =
        open(&store)?.into_iter().map(|(key, incident)| IncidentRow::new(key.group, incident, now)).collect();
    if rows.is_empty() {
        ui.remark("Nothing is wrong that anybody was to be told of.");
    }
    emit(ui, global.output, &rows)?;
    remark_channels(ui, &store)?;
    remark_silences(ui, &store, now)?;
    Ok(Exit::Ok)
}

/// An open incident.
#[derive(Serialize)]
struct IncidentRow {
    service: String,
    host: String,
    group: String,
    title: String,
    severity: taskflows_alerts::Severity,
    kind: String,
    opened_at: Timestamp,
    last_at: Timestamp,
    failures: u64,
    missed: u64,
    acked_by: Option<String>,
    recovering_since: Option<Timestamp>,
    told: bool,
    #[serde(skip)]
    since: String,
}

impl IncidentRow {
    fn new(group: String, incident: IncidentSummary, now: Timestamp) -> Self {
        Self {
            since: show::ago(incident.opened_at, now),
            service: incident.subject.name,
            host: incident.subject.host,
            group,
            title: harmless(&incident.title),
            severity: incident.severity,
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

    fn standing(&self) -> Styled {
        match (&self.acked_by, self.told) {
            (Some(by), _) => format!("taken on by {by}").into(),
            (None, _) if self.recovering_since.is_some() => "recovering".into(),
            (None, true) => Styled { text: "told".into(), tone: Tone::Bad },
            (None, false) => Styled { text: "held back".into(), tone: Tone::Faint },
        }
    }
}

impl Row for IncidentRow {
    const COLUMNS: &'static [Column] = &[
        column("SERVICE"),
        column("SINCE"),
        column("COUNT"),
        column("STANDING"),
        column("WHAT"),
        wide("GROUP"),
        wide("HOST"),
    ];

    fn cells(&self) -> Vec<Styled> {
        vec![
            harmless(&self.service).into(),
            self.since.as_str().into(),
            (self.failures + self.missed).to_string().into(),
            self.standing(),
            self.title.as_str().into(),
            self.group.as_str().into(),
            harmless(&self.host).into(),
        ]
    }

    fn name(&self) -> String {
        self.service.clone()
    }
}

/// A channel.
#[derive(Serialize)]
struct ChannelRow {
    channel: String,
    groups: Vec<String>,
    queued: u64,
    oldest: Option<Timestamp>,
    next_attempt: Option<Timestamp>,
    undelivered: u64,
    dropped: u64,
    last_success: Option<Timestamp>,
    last_error: Option<String>,
    #[serde(skip)]
    success: String,
}

impl Row for ChannelRow {
    const COLUMNS: &'static [Column] = &[
        column("CHANNEL"),
        column("WAITING"),
        column("LOST"),
        column("LAST SENT"),
        column("TROUBLE"),
        wide("GROUPS"),
    ];

    fn cells(&self) -> Vec<Styled> {
        let lost = self.undelivered + self.dropped;
        let tone = if lost > 0 { Tone::Bad } else { Tone::Plain };
        let trouble = self.last_error.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.channel.as_str().into(),
            self.queued.to_string().into(),
            Styled { text: lost.to_string(), tone },
            self.success.as_str().into(),
            Styled { text: trouble, tone: if self.last_error.is_some() { Tone::Bad } else { Tone::Faint } },
            self.groups.join(", ").into(),
        ]
    }

    fn name(&self) -> String {
        self.channel.clone()
    }
}

fn channels(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    desk: &AlertDesk,
    store: &Store,
) -> Result<Exit, CliError> {
    let now = (app.now)();
    let mut known = statuses(store)?;
    // A channel that never had a message is one as well.
    let named = desk.groups().values().flat_map(|group| &group.rules.channels);
    for channel in named {
        if !known.iter().any(|status| status.channel == *channel) {
            known.push(ChannelStatus { channel: channel.clone(), ..ChannelStatus::default() });
        }
    }
    known.sort_by(|one, other| one.channel.cmp(&other.channel));
    let groups_of = |channel: &String| {
        let has = desk.groups().iter().filter(|(_, group)| group.rules.channels.contains(channel));
        has.map(|(key, _)| key.clone()).collect::<Vec<_>>()
    };
    let rows: Vec<ChannelRow> = known
        .into_iter()
        .map(|status| ChannelRow {
            groups: groups_of(&status.channel),
            success: status.last_success.map_or_else(|| "never".to_owned(), |at| show::ago(at, now)),
            channel: harmless(&status.channel),
            queued: status.queued,
            oldest: status.oldest,
            next_attempt: status.next_attempt,
            undelivered: status.undelivered,
            dropped: status.dropped,
            last_success: status.last_success,
            last_error: status.last_error.as_deref().map(harmless),
        })
        .collect();
    if rows.is_empty() {
        ui.remark("No alerts go anywhere: no definition on this host has a group of them.");
    }
    emit(ui, global.output, &rows)?;
    Ok(Exit::Ok)
}

/// A silence.
#[derive(Serialize)]
struct SilenceRow {
    number: i64,
    name: String,
    kinds: Vec<String>,
    until: Timestamp,
    by: String,
    comment: String,
    #[serde(skip)]
    shown: String,
}

impl Row for SilenceRow {
    const COLUMNS: &'static [Column] =
        &[column("NUMBER"), column("NAME"), column("KINDS"), column("UNTIL"), column("BY"), column("WHY")];

    fn cells(&self) -> Vec<Styled> {
        let kinds = if self.kinds.is_empty() { "all".to_owned() } else { self.kinds.join(", ") };
        vec![
            self.number.to_string().into(),
            self.name.as_str().into(),
            kinds.into(),
            self.shown.as_str().into(),
            self.by.as_str().into(),
            self.comment.as_str().into(),
        ]
    }

    fn name(&self) -> String {
        self.number.to_string()
    }
}

fn silences(ui: &mut Ui<'_>, app: &App, global: &Global, store: &Store) -> Result<Exit, CliError> {
    let now = (app.now)();
    let rows: Vec<SilenceRow> = in_force(store, now)?
        .into_iter()
        .map(|(number, silence)| SilenceRow {
            number,
            name: silence.subject,
            kinds: silence.kinds.iter().map(ToString::to_string).collect(),
            until: silence.until,
            by: harmless(&silence.by),
            comment: harmless(&silence.comment),
            shown: show::coming(silence.until, now, &app.display),
        })
        .collect();
    if rows.is_empty() {
        ui.remark("Nothing is silenced.");
    }
    emit(ui, global.output, &rows)?;
    Ok(Exit::Ok)
}

fn in_force(
    store: &Store,
    now: Timestamp,
) -> Result<Vec<(i64, taskflows_alerts::incident::Silence)>, CliError> {
    let mut all = Vec::new();
    let read = store.transact(&mut |ledger| {
        all = ledger.silences()?;
        Ok(())
    });
    read.map_err(|error| CliError::new(Exit::Failed, chain(&error)))?;
    all.retain(|(_, silence)| silence.until > now);
    Ok(all)
}

fn statuses(store: &Store) -> Result<Vec<ChannelStatus>, CliError> {
    store.channels().map_err(|error| CliError::new(Exit::Failed, chain(&error)))
}

fn remark_channels(ui: &mut Ui<'_>, store: &Store) -> Result<(), CliError> {
    for status in statuses(store)? {
        if let Some(error) = &status.last_error {
            let (channel, waiting) = (harmless(&status.channel), status.queued);
            ui.remark(format!("note: {channel} does not work, {waiting} waiting: {}", harmless(error)));
        }
    }
    Ok(())
}

fn remark_silences(ui: &mut Ui<'_>, store: &Store, now: Timestamp) -> Result<(), CliError> {
    match in_force(store, now)?.len() {
        0 => {}
        1 => ui.remark("note: one silence is in force; `tf alert list --silences` shows it"),
        many => {
            ui.remark(format!("note: {many} silences are in force; `tf alert list --silences` shows them"))
        }
    }
    Ok(())
}
