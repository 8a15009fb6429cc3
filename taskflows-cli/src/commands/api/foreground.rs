use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sd_notify::NotifyState;
use taskflows_api::server::{Api, AuthorityChain, Limits, Listener, LogAudit, Server};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::host::host;
use super::security::Security;
use super::start::{check, prepare, tls};
use crate::arguments::ApiStartArguments;
use crate::{App, CliError, Exit, Ui};

/// What is told unless TASKFLOWS_LOG says otherwise.
const USUAL_LOG: &str = "warn,taskflows_api=info";

/// Serves until it is told to end.
pub(super) async fn serve(
    ui: &mut Ui<'_>,
    app: &App,
    arguments: &ApiStartArguments,
) -> Result<Exit, CliError> {
    check(app, arguments)?;
    prepare(ui, app, arguments)?;
    log(app);
    let listeners = listeners(app, arguments.listen)?;
    let end = end()?;
    raise_file_limit();
    let host = host(app, Security::server_id(app)?);
    let api = Api::with(host, Arc::new(authority(app)), Arc::new(LogAudit), Limits::default());
    let mut server = Server::new(api);
    if let Some(tls) = tls(arguments)? {
        server = server.with_tls(tls);
    }
    let scheme = if arguments.tls_cert.is_some() { "https" } else { "http" };
    for address in listeners.iter().filter_map(Listener::address) {
        ui.remark(format!("The API answers at {scheme}://{address}."));
    }
    let told = sd_notify::notify(&[NotifyState::Ready]);
    if let Err(error) = told {
        ui.remark(format!("note: systemd could not be told: {error}"));
    }
    let alive = sd_notify::watchdog_enabled().map(|silence| tokio::spawn(tell_alive(silence / 3)));
    server.serve(listeners, end).await;
    if let Some(alive) = alive {
        alive.abort();
    }
    Ok(Exit::Ok)
}

/// Returns who knows who asks: what signs, logs in or has a token is added here.
fn authority(_: &App) -> AuthorityChain {
    AuthorityChain::default()
}

/// Returns where connections are taken: where systemd listens for us, else at `address`.
fn listeners(app: &App, address: SocketAddr) -> Result<Vec<Listener>, CliError> {
    let activated = Listener::activated()
        .map_err(|error| CliError::new(Exit::Failed, format!("the sockets of systemd: {error}")))?;
    if activated.is_empty() {
        let listener = Listener::bind(address).map_err(|error| {
            let hint = "`tf api status` shows whether it runs already; `--listen` names another address";
            CliError::new(Exit::Failed, format!("no connections can be taken at {address}: {error}"))
                .hint(hint)
        })?;
        return Ok(vec![listener]);
    }
    let reached = activated.iter().filter_map(Listener::address).find(|address| !address.ip().is_loopback());
    if let Some(address) = reached.filter(|_| !Security::read(app).is_ok_and(|one| one.is_signing())) {
        let text =
            format!("{address} of a socket unit can be reached by others, and requests are not signed");
        return Err(
            CliError::new(Exit::Usage, text).hint("`tf security setup` makes the secret to sign with")
        );
    }
    Ok(activated)
}

/// Returns what waits until the server is to end.
fn end() -> Result<impl Future<Output = ()>, CliError> {
    let failed = |error: io::Error| CliError::new(Exit::Failed, format!("signals: {error}"));
    let mut terminated = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
    })
}

/// Tells systemd that the loop in which requests are served turns.
async fn tell_alive(pause: Duration) {
    loop {
        let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        tokio::time::sleep(pause).await;
    }
}

/// Each connection is a file, and the usual limit is less than the connections that are held.
fn raise_file_limit() {
    let own = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: own.maximum.map(|most| most.min(65_536)).or(Some(65_536)), ..own };
    if wanted.current > own.current {
        // Where it is refused, fewer are held.
        let _ = setrlimit(Resource::Nofile, wanted);
    }
}

/// Writes what happens to stderr, where the journal has it.
fn log(app: &App) {
    let filter = (app.variable)("TASKFLOWS_LOG").and_then(|text| EnvFilter::try_new(text).ok());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new(USUAL_LOG)))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .without_time();
    // Another one is kept, as where tests serve.
    let _ = subscriber.try_init();
}
