use std::fs;
use std::net::SocketAddr;

use jiff::Timestamp;
use serde::Serialize;
use taskflows_core::effects::State;

use super::certificate;
use super::place::{self, Place};
use super::security;
use super::start::ask;
use super::unit::{self, NAME};
use crate::arguments::Global;
use crate::output::{Column, Row, Styled, Tone, column, emit, whole, wide};
use crate::{App, CliError, Exit, Ui, show};

/// The line of `tf api status`.
#[derive(Serialize)]
struct StatusRow {
    /// `running`, `starting`, `stopped`, `failed`, `silent` (it runs and does not answer), `not set up`.
    state: &'static str,
    /// Where it takes connections; null where it is not set up.
    address: Option<String>,
    server_id: Option<String>,
    version: Option<String>,
    uptime_seconds: Option<i64>,
    /// How many connections it has.
    clients: Option<usize>,
    memory_bytes: Option<u64>,
    /// Until when its certificate holds; null where it speaks no TLS.
    certificate_expires: Option<Timestamp>,
    #[serde(skip)]
    tone: Tone,
}

impl Row for StatusRow {
    const COLUMNS: &'static [Column] = &[
        column("STATE"),
        whole("ADDRESS", 21),
        column("UP"),
        column("CLIENTS"),
        column("MEMORY"),
        whole("SERVER ID", 16),
        wide("VERSION"),
    ];

    fn cells(&self) -> Vec<Styled> {
        let uptime = self.uptime_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let uptime = uptime.map(|seconds| show::short(std::time::Duration::from_secs(seconds)));
        vec![
            Styled { text: self.state.to_owned(), tone: self.tone },
            self.address.clone().unwrap_or_default().into(),
            uptime.unwrap_or_default().into(),
            self.clients.map(|count| count.to_string()).unwrap_or_default().into(),
            self.memory_bytes.map(show::memory).unwrap_or_default().into(),
            self.server_id.clone().unwrap_or_default().into(),
            self.version.clone().unwrap_or_default().into(),
        ]
    }

    fn name(&self) -> String {
        NAME.to_owned()
    }
}

/// Shows how the API stands.
pub(super) async fn status(ui: &mut Ui<'_>, app: &App, global: &Global) -> Result<Exit, CliError> {
    let place = place::place(app).await?;
    let row = match &place {
        Some(place) => look(app, place).await?,
        None => StatusRow {
            state: "not set up",
            address: None,
            server_id: None,
            version: None,
            uptime_seconds: None,
            clients: None,
            memory_bytes: None,
            certificate_expires: None,
            tone: Tone::Faint,
        },
    };
    emit(ui, global.output, std::slice::from_ref(&row))?;
    if let Some(trouble) = place.as_ref().and_then(|place| certificate::trouble(place, (app.now)())) {
        ui.remark(format!("warning: {}", trouble.text(&app.display)));
    }
    match row.state {
        "running" => Ok(Exit::Ok),
        "silent" => Ok(Exit::Unreachable),
        "not set up" => {
            ui.remark("`tf api start` sets it up.");
            Ok(Exit::NotActive)
        }
        "starting" | "failed" => {
            ui.remark("hint: `tf logs srv-api` shows what it says");
            Ok(Exit::NotActive)
        }
        _ => Ok(Exit::NotActive),
    }
}

async fn look(app: &App, place: &Place) -> Result<StatusRow, CliError> {
    let details = unit::details(app).await?;
    let unit = details.as_ref().map_or(State::Stopped, |details| details.listing.state);
    let health = match unit {
        State::Running => ask(place).await,
        _ => Err(String::new()),
    };
    let (state, tone) = match (unit, health.is_ok()) {
        (State::Running, false) => ("silent", Tone::Bad),
        _ => (unit.as_str(), show::state(unit).tone),
    };
    let health = health.ok().flatten();
    let is_running = unit == State::Running;
    let began = app.services.began(&unit::name()?).await?.filter(|_| is_running);
    // Without an answer that tells it, as by TLS, it is what the server reads.
    let own = || security::server_id(app).ok().filter(|_| is_running).map(|own| own.id);
    Ok(StatusRow {
        state,
        address: Some(place.url()),
        server_id: health.as_ref().map(|health| health.server_id.clone()).or_else(own),
        version: health.map(|health| health.version),
        uptime_seconds: began.map(|began| (app.now)().as_second() - began.at.as_second()),
        clients: is_running.then(|| connections(place.address)),
        memory_bytes: details.and_then(|details| details.memory),
        certificate_expires: certificate::expires(place),
        tone,
    })
}

/// Counts the connections at a port that are open now. Source: proc_net_tcp(5): the second column is the address here, the
/// fourth the state, where 1 is an open one.
fn connections(address: SocketAddr) -> usize {
    let port = format!(":{:04X}", address.port());
    let count = |table: &str| {
        let text = fs::read_to_string(table).unwrap_or_default();
        let is_ours = |line: &&str| {
            let mut words = line.split_whitespace().skip(1);
            let is_here = words.next().is_some_and(|own| own.ends_with(&port));
            is_here && words.nth(1) == Some("01")
        };
        text.lines().skip(1).filter(is_ours).count()
    };
    count("/proc/net/tcp") + count("/proc/net/tcp6")
}
