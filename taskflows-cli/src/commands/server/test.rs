use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::Serialize;
use taskflows_api::client::{Client, ClientError, Credentials};
use taskflows_api::wire::Health;

use super::no_such;
use crate::arguments::Global;
use crate::fleet::{OwnKey, Registered, Server};
use crate::output::{Column, Row, Styled, Tone, column, emit, whole};
use crate::remote::{client, refused};
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui};

/// What anybody who is recognised may ask.
const WHO: &str = "/auth/me";

/// A clock that is off by more is shown as wrong: a third of the time in which a signature is good.
const SKEW: f64 = 100.0;

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
    /// What is wrong.
    problem: Option<String>,
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
    names: &[String],
) -> Result<Exit, CliError> {
    let registered = Registered::read(app)?;
    if let Some(name) = names.iter().find(|name| !registered.servers.contains_key(*name)) {
        return Err(no_such(&registered.servers, name));
    }
    let wanted = registered.servers.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
    let rows = join_all(wanted.map(|(name, server)| ask(app, name, server, &registered.own))).await;
    if rows.is_empty() {
        ui.remark("No servers are registered. `tf server add NAME ADDRESS` registers one.");
    }
    emit(ui, global.output, &rows)?;
    let first = rows.first().map_or(Exit::Ok, |row| row.exit);
    Ok(if rows.iter().all(|row| row.exit == first) { first } else { Exit::Partial })
}

async fn ask(app: &App, name: &str, server: &Server, own: &OwnKey) -> TestRow {
    let mut row = TestRow {
        name: name.to_owned(),
        address: server.address.to_string(),
        is_reachable: false,
        is_recognised: None,
        clock_ahead_seconds: None,
        version: None,
        latency_ms: None,
        problem: None,
        exit: Exit::Ok,
    };
    if let Err(error) = tested(app, name, server, own, &mut row).await {
        row.exit = error.exit;
        row.problem = Some(error.message);
    }
    row
}

async fn tested(
    app: &App,
    name: &str,
    server: &Server,
    own: &OwnKey,
    row: &mut TestRow,
) -> Result<(), CliError> {
    let base = server.address.base();
    let open = Client::trusting(name, &base, Credentials::None, server.ca_file.as_deref());
    let open = open.map_err(|error| refused(&error))?;
    let health = open.health().await.map_err(|error| match error {
        ClientError::Unreachable { reason, .. } => CliError::new(Exit::Unreachable, reason),
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
    if server.server_id.as_ref().is_some_and(|known| *known != server_id) {
        let message = "it is another server than the one that was registered";
        return Err(CliError::new(Exit::Permission, message));
    }
    let signed = client(app, name, server, own)?;
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

/// Returns how far the clock of a server is ahead, which told its time about half way through the request.
fn ahead(app: &App, time: jiff::Timestamp, took: Duration) -> f64 {
    let ahead = time.duration_since((app.now)()).as_secs_f64() + took.as_secs_f64() / 2.0;
    (ahead * 10.0).round() / 10.0
}
