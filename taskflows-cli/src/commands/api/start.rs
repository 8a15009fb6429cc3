use std::io;
use std::net::TcpListener;
use std::time::Duration;

use jiff::Timestamp;
use taskflows_api::client::{Client, Credentials};
use taskflows_api::server::Tls;
use taskflows_api::wire::Health;
use taskflows_core::effects::{Action, LogOrigin, LogQuery, State};
use taskflows_security::PeopleFiles;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::certificate;
use super::lock;
use super::place::{Installed, Place, check_installed, damaged, installed};
use super::security::{self, ServerId};
use super::unit;
use super::warning::warn_of_unsigned;
use crate::arguments::{ApiStartArguments, Global};
use crate::error::chain;
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui};

/// How long it has to answer once systemd says that it runs.
const SOON: Duration = Duration::from_secs(10);
/// So many of its last lines tell why it does not run.
const LAST_LINES: usize = 4;
/// The journal has a line a moment after it was written: so long is waited for the first.
const JOURNAL_DELAY: Duration = Duration::from_secs(1);

/// Installs the service, starts it, and waits until it answers.
pub(super) async fn start(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &ApiStartArguments,
) -> Result<Exit, CliError> {
    let before = match installed(app).await? {
        Installed::Yes(place) => Some(place),
        // What it listened at and whether it spoke TLS is not known: nothing is put in its place unasked.
        Installed::Damaged if arguments.listen.is_none() => return Err(damaged()),
        Installed::No | Installed::Damaged => None,
    };
    let place = Place::wanted(app, arguments, before.as_ref())?;
    lock::check(app, before.as_ref().is_some_and(|before| before.data() == place.data())).await?;
    let state = check_place(app, &place, before.as_ref()).await?;
    prepare(ui, app, &ApiStartArguments { enable_ui: arguments.enable_ui, ..place.arguments() })?;
    let is_changed = unit::install(app, unit::service(app, global, &place)?).await?;
    if let Some(before) = &before {
        place.changes(before).into_iter().chain(place.kept(arguments)).for_each(|text| ui.remark(text));
    }
    if is_changed || state != Some(State::Running) {
        launch(app, &place).await?;
    }
    tell(ui, app, &place).await?;
    warn_of_unsigned(ui, app)?;
    if let Some(hint) = &app.linger_hint {
        ui.remark(format!("note: {hint}"));
    }
    Ok(Exit::Ok)
}

/// Restarts it and waits until it answers. What it could not start with is told while the one that runs goes on.
pub(super) async fn restart(ui: &mut Ui<'_>, app: &App) -> Result<Exit, CliError> {
    let place = check_installed(app).await?;
    check_place(app, &place, Some(&place)).await?;
    launch(app, &place).await?;
    tell(ui, app, &place).await?;
    Ok(Exit::Ok)
}

/// Starts it, or starts it anew; fails with its last lines where it does not run then.
async fn launch(app: &App, place: &Place) -> Result<(), CliError> {
    let began = (app.now)();
    let failed = match unit::perform(app, Action::Restart).await {
        Ok(_) => match wait(place).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        },
        Err(error) => error,
    };
    match failed.exit {
        Exit::Failed | Exit::TimedOut | Exit::Unreachable => Err(with_lines(app, began, failed).await),
        _ => Err(failed),
    }
}

/// Adds what the server wrote last to the reason for which it does not run.
async fn with_lines(app: &App, began: Timestamp, mut error: CliError) -> CliError {
    let Ok(name) = unit::name() else { return error };
    let query = LogQuery { services: vec![name], since: Some(began), ..LogQuery::default() };
    let until = Instant::now() + JOURNAL_DELAY;
    let lines = loop {
        let entries = app.logs.read(&query).await.unwrap_or_default();
        let own = entries.iter().filter(|entry| entry.origin == LogOrigin::Process);
        let lines: Vec<String> = own.map(|entry| harmless(&entry.message)).collect();
        if !lines.is_empty() || Instant::now() >= until {
            break lines;
        }
        sleep(JOURNAL_DELAY / 10).await;
    };
    for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
        error.message.push_str("\n  ");
        error.message.push_str(line);
    }
    let again =
        "systemd tries again by itself; `tf api stop` ends that, `tf logs srv-api` shows what it says";
    error.hint(again)
}

async fn tell(ui: &mut Ui<'_>, app: &App, place: &Place) -> Result<(), CliError> {
    wait(place).await?;
    ui.remark(format!("The API answers at {}.", place.url()));
    if let Some(trouble) = certificate::trouble(place, (app.now)()) {
        ui.remark(format!("warning: {}", trouble.text(&app.display)));
    }
    Ok(())
}

/// Refuses what it could not be served with, before anything is changed; returns how it stands.
async fn check_place(app: &App, place: &Place, before: Option<&Place>) -> Result<Option<State>, CliError> {
    check(app, &place.arguments())?;
    let state = unit::details(app).await?.map(|details| details.listing.state);
    // What listens there now may be the server itself.
    let is_own = state == Some(State::Running)
        && before.is_some_and(|before| before.address.port() == place.address.port());
    if !is_own {
        match check_free(place) {
            // It may be systemd that listens there for it.
            Err(error) if unit::hand_made_socket(app).await.is_none() => return Err(error),
            _ => {}
        }
    }
    Ok(state)
}

fn check_free(place: &Place) -> Result<(), CliError> {
    TcpListener::bind(place.address).map(drop).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "`ss -ltnp` shows what listens there; `--listen` names another address"
            }
            _ => "`--listen` names another address",
        };
        let text = format!("no connections can be taken at {}: {error}", place.address);
        CliError::new(Exit::Failed, text).hint(hint)
    })
}

/// Refuses what would open this host to others, or could not be served.
pub(super) fn check(app: &App, arguments: &ApiStartArguments) -> Result<(), CliError> {
    let address = arguments.address();
    let is_signing = security::is_signing(app)?;
    if !address.ip().is_loopback() && !is_signing {
        let text = format!("{address} can be reached by others, and requests are not signed");
        return Err(
            CliError::new(Exit::Usage, text).hint("`tf security setup` makes the secret to sign with")
        );
    }
    tls(arguments).map(drop)
}

/// Reads the certificate, where one is given.
pub(super) fn tls(arguments: &ApiStartArguments) -> Result<Option<Tls>, CliError> {
    let Some((certificate, key)) = arguments.tls_cert.as_ref().zip(arguments.tls_key.as_ref()) else {
        return Ok(None);
    };
    Tls::load(certificate, key).map(Some).map_err(|error| CliError::new(Exit::Usage, chain(&error)))
}

/// Keeps what the server reads when it starts.
pub(super) fn prepare(ui: &mut Ui<'_>, app: &App, arguments: &ApiStartArguments) -> Result<(), CliError> {
    if let ServerId { id, is_replaced: true } = security::server_id(app)? {
        ui.remark(format!(
            "note: security.json came from another machine with its server id; this host has one of its own \
             now, {id}. Where it was registered before, `tf server remove` it and `tf server add` it again"
        ));
    }
    if arguments.enable_ui {
        if PeopleFiles::new(&app.data_directory).enable()? {
            ui.remark("Logins to the API of this host are on; `tf api setup-ui` lets somebody log in.");
        }
        ui.remark("note: this version has no web page");
    }
    Ok(())
}

/// Waits until it answers.
pub(super) async fn wait(place: &Place) -> Result<(), CliError> {
    let until = Instant::now() + SOON;
    loop {
        let reason = match ask(place).await {
            Ok(_) => return Ok(()),
            Err(reason) => reason,
        };
        if Instant::now() >= until {
            let text = format!("the API does not answer at {}: {reason}", place.url());
            return Err(CliError::new(Exit::Unreachable, text).hint("`tf logs srv-api` shows what it says"));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Asks how it is. By TLS it is only connected to: its certificate is for those who call it by its name.
pub(super) async fn ask(place: &Place) -> Result<Option<Health>, String> {
    let local = place.local();
    if place.tls.is_some() {
        let connected = timeout(Duration::from_secs(2), TcpStream::connect(local)).await;
        return match connected {
            Ok(Ok(_)) => Ok(None),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer".to_owned()),
        };
    }
    let client = Client::new("this host", &format!("http://{local}"), Credentials::None);
    let client = client.map_err(|error| error.to_string())?.with_deadline(Duration::from_secs(2));
    client.get("/health").await.map(Some).map_err(|error| error.to_string())
}
