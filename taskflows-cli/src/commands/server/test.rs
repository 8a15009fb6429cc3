use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::Serialize;
use taskflows_api::client::{Client, ClientError, Credentials, remedy};
use taskflows_api::wire::Health;

use super::add::is_id;
use super::file;
use crate::arguments::Global;
use crate::fleet::{Registered, Server, ServerChoice, no_such_server};
use crate::output::{Column, Row, Styled, Tone, column, emit, whole};
use crate::remote::{client, refused};
use crate::ui::{harmless, note_style};
use crate::{App, CliError, Exit, Ui};

/// What anybody who is recognised may ask.
const WHO: &str = "/auth/me";

/// A clock that is off by more is shown as wrong: a third of the time in which a signature is good.
const SKEW: f64 = 100.0;

const ONE_ID: &str = "one of them was cloned from the other, or both are one server";

#[derive(Serialize)]
struct TestRow {
    name: String,
    address: String,
    is_reachable: bool,
    /// Whether the server takes requests that are signed with our key; null where it was not asked.
    is_recognised: Option<bool>,
    /// How far its clock is ahead of ours.
    clock_ahead_seconds: Option<f64>,
    version: Option<String>,
    latency_ms: Option<f64>,
    /// What it says its id is.
    server_id: Option<String>,
    /// What is wrong.
    problem: Option<String>,
    /// What can be done about it.
    hint: Option<String>,
    #[serde(skip)]
    exit: Exit,
}

impl Row for TestRow {
    const COLUMNS: &'static [Column] = &[
        column("NAME"),
        column("ADDRESS"),
        whole("KEY", 8),
        whole("CLOCK", 7),
        column("VERSION"),
        whole("LATENCY", 7),
        column("PROBLEM"),
    ];

    fn cells(&self) -> Vec<Styled> {
        let faint = || Styled { text: "-".to_owned(), tone: Tone::Faint };
        let told = |text: &str, tone| Styled { text: text.to_owned(), tone };
        let key = match self.is_recognised {
            Some(true) => told("accepted", Tone::Good),
            Some(false) => told("refused", Tone::Bad),
            None => faint(),
        };
        let clock = self.clock_ahead_seconds.map_or_else(faint, |ahead| {
            told(&format!("{ahead:+.1} s"), if ahead.abs() > SKEW { Tone::Bad } else { Tone::Plain })
        });
        vec![
            self.name.as_str().into(),
            self.address.as_str().into(),
            key,
            clock,
            self.version.as_deref().map_or_else(faint, |version| harmless(version).into()),
            self.latency_ms.map_or_else(faint, |ms| format!("{ms:.1} ms").into()),
            self.problem.as_deref().map_or_else(|| "".into(), |problem| told(&harmless(problem), Tone::Bad)),
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// Asks servers, all at once, each for as long as it has to answer.
pub(super) async fn test(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    choices: &[ServerChoice],
) -> Result<Exit, CliError> {
    let registered = Registered::read(app)?;
    let wanted = wanted(&registered, choices)?;
    let asked = wanted.iter().map(|(name, server)| ask(app, name, server, &registered));
    let mut rows = join_all(asked).await;
    tell_twins(&wanted, &mut rows);
    keep_ids(ui, app, &wanted, &rows)?;
    if rows.is_empty() {
        ui.remark("No servers are registered. `tf server add NAME ADDRESS` registers one.");
    }
    emit(ui, global.output, &rows)?;
    for row in &rows {
        if let Some(hint) = &row.hint {
            let cyan = note_style();
            ui.remark(format!("{}: {cyan}hint{cyan:#}: {hint}", row.name));
        }
    }
    let first = rows.first().map_or(Exit::Ok, |row| row.exit);
    Ok(if rows.iter().all(|row| row.exit == first) { first } else { Exit::Partial })
}

/// Returns the servers that are to be asked, this host as well where it is registered.
fn wanted(registered: &Registered, choices: &[ServerChoice]) -> Result<Vec<(String, Server)>, CliError> {
    let servers = &registered.servers;
    if choices.is_empty() {
        return Ok(servers.clone().into_iter().collect());
    }
    let one = |choice: &ServerChoice| match choice {
        ServerChoice::Address(address) => {
            let known = servers.iter().find(|(_, server)| server.address == *address);
            let known = known.map(|(name, server)| (name.clone(), server.clone()));
            let unknown = || (address.to_string(), Server::new(address.clone(), jiff::Timestamp::UNIX_EPOCH));
            Ok(known.unwrap_or_else(unknown))
        }
        ServerChoice::Name(name) | ServerChoice::Glob(name) | ServerChoice::Group(name) => servers
            .get(name)
            .map(|server| (name.clone(), server.clone()))
            .ok_or_else(|| no_such_server(servers, name)),
        ServerChoice::Local => Err(no_such_server(servers, "local")),
    };
    choices.iter().map(one).collect()
}

fn is_twin(row: &TestRow, other: &TestRow) -> bool {
    row.name != other.name && row.server_id.is_some() && row.server_id == other.server_id
}

/// Tells of servers that tell one id when they are asked first: neither is relied on.
fn tell_twins(wanted: &[(String, Server)], rows: &mut [TestRow]) {
    let twin = |row: &TestRow| rows.iter().find(|other| is_twin(row, other)).map(|other| other.name.clone());
    let twins: Vec<Option<String>> = rows.iter().map(twin).collect();
    for ((row, twin), (_, server)) in rows.iter_mut().zip(twins).zip(wanted) {
        if let Some(twin) = twin.filter(|_| server.server_id.is_none()) {
            row.problem = Some(format!("it has the id of `{twin}`"));
            row.hint = Some(ONE_ID.to_owned());
            row.exit = Exit::Permission;
        }
    }
}

/// Keeps the ids of servers that were never asked before, and shows them: from now on requests are signed for these.
fn keep_ids(
    ui: &mut Ui<'_>,
    app: &App,
    wanted: &[(String, Server)],
    rows: &[TestRow],
) -> Result<(), CliError> {
    let has_twin = |row: &TestRow| rows.iter().any(|other| is_twin(row, other));
    let told =
        wanted.iter().zip(rows).filter(|((_, server), row)| server.server_id.is_none() && !has_twin(row));
    let told: Vec<(&str, &str)> =
        told.filter_map(|((name, _), row)| Some((name.as_str(), row.server_id.as_deref()?))).collect();
    if told.is_empty() {
        return Ok(());
    }
    let kept = file(app).change(|servers| {
        let mut kept = Vec::new();
        for (name, id) in told {
            let is_taken = servers.values().any(|other| other.server_id.as_deref() == Some(id));
            if let Some(server) =
                servers.get_mut(name).filter(|server| server.server_id.is_none() && !is_taken)
            {
                server.server_id = Some(id.to_owned());
                server.last_updated = Some((app.now)().to_string());
                kept.push((name, id));
            }
        }
        Ok(kept)
    })?;
    for (name, id) in kept {
        ui.remark(format!("Kept the id of {name}: {id}."));
    }
    Ok(())
}

async fn ask(app: &App, name: &str, server: &Server, registered: &Registered) -> TestRow {
    let mut row = TestRow {
        name: name.to_owned(),
        address: server.address.to_string(),
        is_reachable: false,
        is_recognised: None,
        clock_ahead_seconds: None,
        version: None,
        latency_ms: None,
        server_id: None,
        problem: None,
        hint: None,
        exit: Exit::Ok,
    };
    if let Err(error) = tested(app, name, server, registered, &mut row).await {
        row.exit = error.exit;
        row.problem = Some(error.message);
        row.hint = error.hint;
    }
    row
}

async fn tested(
    app: &App,
    name: &str,
    server: &Server,
    registered: &Registered,
    row: &mut TestRow,
) -> Result<(), CliError> {
    let base = server.address.base();
    let open = Client::trusting(name, &base, Credentials::None, server.ca_file.as_deref());
    let open = open.map_err(|error| refused(&error))?;
    let health = open.health().await.map_err(|error| match error {
        ClientError::Unreachable { reason, .. } => {
            let hint = remedy(&reason);
            CliError::new(Exit::Unreachable, reason).hint_of(hint)
        }
        other => refused(&other),
    })?;
    // The second one has the connection already.
    let asked = Instant::now();
    let Health { server_id, version, time, .. } = open.health().await.map_or(health, |again| again);
    let took = asked.elapsed();
    row.is_reachable = true;
    row.latency_ms = Some(took.as_secs_f64() * 1000.0);
    row.version = Some(version);
    row.clock_ahead_seconds = Some(ahead(app, time, took));
    if !is_id(&server_id) {
        return Err(CliError::new(Exit::Failed, "it did not tell its id, so it is no server of taskflows"));
    }
    row.server_id = Some(server_id.clone());
    check_id(name, server, &server_id, registered)?;
    // Whoever else has this id learns from it that somebody asked who they are, and nothing more.
    let mut server = server.clone();
    server.server_id = Some(server_id);
    let signed = client(app, name, &server, registered)?;
    let told = signed.get::<serde_json::Value>(WHO).await;
    row.is_recognised = match &told {
        Ok(_) => Some(true),
        Err(error) => match error.status() {
            Some(401) => Some(false),
            Some(403) => Some(true),
            _ => None,
        },
    };
    told.map(drop).map_err(|error| refused(&error))
}

/// Fails where a server tells another id than before, or that of another server.
fn check_id(name: &str, server: &Server, id: &str, registered: &Registered) -> Result<(), CliError> {
    if let Some(known) = server.server_id.as_ref().filter(|known| *known != id) {
        let message =
            format!("it is another server than the one that was registered: its id is {id}, not {known}");
        let hint = format!("if that is meant, `tf server remove {name}` and `tf server add {name}` again");
        return Err(CliError::new(Exit::Permission, message).hint(hint));
    }
    let has_it =
        |(other, server): &(&String, &Server)| *other != name && server.server_id.as_deref() == Some(id);
    match registered.servers.iter().find(has_it) {
        None => Ok(()),
        Some((other, _)) => {
            Err(CliError::new(Exit::Permission, format!("it has the id of `{other}`")).hint(ONE_ID))
        }
    }
}

/// Returns how far the clock of a server is ahead, which told its time about half way through the request.
fn ahead(app: &App, time: jiff::Timestamp, took: Duration) -> f64 {
    let ahead = time.duration_since((app.now)()).as_secs_f64() + took.as_secs_f64() / 2.0;
    // A clock that is behind by nothing is not shown as `-0.0`.
    (ahead * 10.0).round() / 10.0 + 0.0
}
