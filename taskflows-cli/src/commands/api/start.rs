use std::fs;
use std::io;
use std::time::Duration;

use serde_json::{Map, Value};
use taskflows_api::client::{Client, Credentials};
use taskflows_api::server::Tls;
use taskflows_api::wire::Health;
use taskflows_core::effects::{Action, Effect};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::lock;
use super::security::{self, ServerId};
use super::unit::{self, Place};
use super::warning::warn_of_unsigned;
use crate::arguments::{ApiStartArguments, Global};
use crate::error::chain;
use crate::{App, CliError, Exit, Ui, own_file};

/// How long it has to answer once systemd says that it runs.
const SOON: Duration = Duration::from_secs(10);
const UI_FILE: &str = "ui_config.json";

/// Installs the service, starts it, and waits until it answers.
pub(super) async fn start(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &ApiStartArguments,
) -> Result<Exit, CliError> {
    check(app, arguments)?;
    lock::check(app).await?;
    prepare(ui, app, arguments)?;
    let is_changed = unit::install(app, unit::service(app, global, arguments)?).await?;
    if unit::perform(app, Action::Start).await? == Effect::AlreadyRunning && is_changed {
        unit::perform(app, Action::Restart).await?;
    }
    tell(ui, app).await?;
    warn_of_unsigned(ui, app)?;
    if let Some(hint) = &app.linger_hint {
        ui.remark(format!("note: {hint}"));
    }
    Ok(Exit::Ok)
}

/// Restarts it and waits until it answers.
pub(super) async fn restart(ui: &mut Ui<'_>, app: &App) -> Result<Exit, CliError> {
    unit::check_installed(app).await?;
    unit::perform(app, Action::Restart).await?;
    tell(ui, app).await?;
    Ok(Exit::Ok)
}

async fn tell(ui: &mut Ui<'_>, app: &App) -> Result<(), CliError> {
    let place = unit::check_installed(app).await?;
    wait(&place).await?;
    ui.remark(format!("The API answers at {}.", place.url()));
    Ok(())
}

/// Refuses what would open this host to others, or could not be served.
pub(super) fn check(app: &App, arguments: &ApiStartArguments) -> Result<(), CliError> {
    if !arguments.listen.ip().is_loopback() && !security::is_signing(app)? {
        let text = format!("{} can be reached by others, and requests are not signed", arguments.listen);
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
        enable_ui(app).map_err(|error| {
            let path = app.data_directory.join(UI_FILE);
            CliError::new(Exit::Failed, format!("`{}`: {error}", path.display()))
        })?;
        ui.remark("note: that the web page is wanted is kept; this version has none yet");
    }
    Ok(())
}

fn enable_ui(app: &App) -> io::Result<()> {
    let directory = &app.data_directory;
    own_file::make_directory(directory)?;
    let _held = own_file::lock(&directory.join(format!("{UI_FILE}.lock")))?;
    let path = directory.join(UI_FILE);
    let mut keys: Map<String, Value> = match fs::exists(&path)? {
        true => serde_json::from_str(&own_file::read(&path)?)?,
        false => Map::new(),
    };
    keys.insert("enabled".to_owned(), Value::from(true));
    own_file::replace(directory, UI_FILE, &Value::from(keys).to_string())
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
    if place.by_tls {
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
