use serde::Serialize;
use taskflows_api::ports::Desk;
use taskflows_api::wire::{AlertChannel, AlertSilence, Incident};

use super::remark_troubles;
use crate::arguments::{AlertListArguments, Global};
use crate::output::{Column, Row, Styled, Tone, column, emit, wide};
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui, show};

pub(super) async fn list(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &AlertListArguments,
) -> Result<Exit, CliError> {
    remark_troubles(ui, app)?;
    let (desk, now) = (app.desk(), (app.now)());
    if arguments.channels {
        return channels(ui, app, global, &*desk).await;
    }
    if arguments.silences {
        return silences(ui, app, global, &*desk).await;
    }
    let row = |incident: Incident| IncidentRow { since: show::ago(incident.opened_at, now), incident };
    let rows: Vec<IncidentRow> = desk.incidents().await?.into_iter().map(row).collect();
    if rows.is_empty() {
        ui.remark("Nothing is wrong that anybody was to be told of.");
    }
    emit(ui, global.output, &rows)?;
    remark_channels(ui, &desk.channels().await?);
    remark_silences(ui, desk.silences().await?.len());
    Ok(Exit::Ok)
}

/// An open incident.
#[derive(Serialize)]
struct IncidentRow {
    #[serde(flatten)]
    incident: Incident,
    #[serde(skip)]
    since: String,
}

impl IncidentRow {
    fn standing(&self) -> Styled {
        match (&self.incident.acked_by, self.incident.told) {
            (Some(by), _) => format!("taken on by {}", harmless(by)).into(),
            (None, _) if self.incident.recovering_since.is_some() => "recovering".into(),
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
            harmless(&self.incident.service).into(),
            self.since.as_str().into(),
            (self.incident.failures + self.incident.missed).to_string().into(),
            self.standing(),
            harmless(&self.incident.title).into(),
            harmless(&self.incident.group).into(),
            harmless(&self.incident.host).into(),
        ]
    }

    fn name(&self) -> String {
        self.incident.service.clone()
    }
}

/// A channel.
#[derive(Serialize)]
struct ChannelRow {
    #[serde(flatten)]
    status: AlertChannel,
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
        let lost = self.status.undelivered + self.status.dropped;
        let tone = if lost > 0 { Tone::Bad } else { Tone::Plain };
        let trouble = self.status.last_error.as_deref().map(harmless).unwrap_or_else(|| "-".to_owned());
        vec![
            harmless(&self.status.channel).into(),
            self.status.queued.to_string().into(),
            Styled { text: lost.to_string(), tone },
            self.success.as_str().into(),
            Styled {
                text: trouble,
                tone: if self.status.last_error.is_some() { Tone::Bad } else { Tone::Faint },
            },
            harmless(&self.status.groups.join(", ")).into(),
        ]
    }

    fn name(&self) -> String {
        self.status.channel.clone()
    }
}

async fn channels(ui: &mut Ui<'_>, app: &App, global: &Global, desk: &dyn Desk) -> Result<Exit, CliError> {
    let now = (app.now)();
    let success = |status: &AlertChannel| match status.last_success {
        Some(at) => show::ago(at, now),
        None => "never".to_owned(),
    };
    let row = |status: AlertChannel| ChannelRow { success: success(&status), status };
    let rows: Vec<ChannelRow> = desk.channels().await?.into_iter().map(row).collect();
    if rows.is_empty() {
        ui.remark("No alerts go anywhere: no definition on this host has a group of them.");
    }
    emit(ui, global.output, &rows)?;
    Ok(Exit::Ok)
}

/// A silence.
#[derive(Serialize)]
struct SilenceRow {
    #[serde(flatten)]
    silence: AlertSilence,
    #[serde(skip)]
    shown: String,
}

impl Row for SilenceRow {
    const COLUMNS: &'static [Column] =
        &[column("NUMBER"), column("NAME"), column("KINDS"), column("UNTIL"), column("BY"), column("WHY")];

    fn cells(&self) -> Vec<Styled> {
        let kinds =
            if self.silence.kinds.is_empty() { "all".to_owned() } else { self.silence.kinds.join(", ") };
        vec![
            self.silence.number.to_string().into(),
            harmless(&self.silence.name).into(),
            kinds.into(),
            self.shown.as_str().into(),
            harmless(&self.silence.by).into(),
            harmless(&self.silence.comment).into(),
        ]
    }

    fn name(&self) -> String {
        self.silence.number.to_string()
    }
}

async fn silences(ui: &mut Ui<'_>, app: &App, global: &Global, desk: &dyn Desk) -> Result<Exit, CliError> {
    let now = (app.now)();
    let row =
        |silence: AlertSilence| SilenceRow { shown: show::coming(silence.until, now, &app.display), silence };
    let rows: Vec<SilenceRow> = desk.silences().await?.into_iter().map(row).collect();
    if rows.is_empty() {
        ui.remark("Nothing is silenced.");
    }
    emit(ui, global.output, &rows)?;
    Ok(Exit::Ok)
}

fn remark_channels(ui: &mut Ui<'_>, channels: &[AlertChannel]) {
    for status in channels {
        if let Some(error) = &status.last_error {
            let (channel, waiting) = (harmless(&status.channel), status.queued);
            ui.remark(format!("note: {channel} does not work, {waiting} waiting: {}", harmless(error)));
        }
    }
}

fn remark_silences(ui: &mut Ui<'_>, silences: usize) {
    match silences {
        0 => {}
        1 => ui.remark("note: one silence is in force; `tf alert list --silences` shows it"),
        many => {
            ui.remark(format!("note: {many} silences are in force; `tf alert list --silences` shows them"));
        }
    }
}
