use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sd_notify::NotifyState;
use taskflows_api::server::{
    Api, Authority, AuthorityChain, FileAudit, Limits, Listener, PeopleAuthority, Server, SignedAuthority,
};
use taskflows_api::{Access, Host};
use taskflows_security::{PeopleFiles, Watched};
use taskflows_store::{SqliteNonceStore, Store, StoreError};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::host::host;
use super::lock;
use super::register::register;
use super::security;
use super::start::{check, prepare, tls};
use super::warning::warn_of_unsigned;
use crate::arguments::ApiStartArguments;
use crate::commands::audit::audit_log;
use crate::commands::security::security_file;
use crate::error::chain;
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
    lock::take(app)?;
    prepare(ui, app, arguments)?;
    log(app);
    let listeners = listeners(app, arguments.address())?;
    let end = end()?;
    raise_file_limit();
    let store =
        Store::open(&app.data_directory).map_err(|error| CliError::new(Exit::Failed, chain(&error)))?;
    let by_tls = arguments.tls_cert.is_some();
    let server_id = security::server_id(app)?.id;
    register(ui, app, &listeners, by_tls, &server_id);
    let host = host(app, server_id, access(app, &store, by_tls));
    let audit = Arc::new(FileAudit::new(audit_log(app)));
    let api = Api::with(host.clone(), Arc::new(authority(app, &host, &store)?), audit, Limits::default());
    let mut server = Server::new(api);
    if let Some(tls) = tls(arguments)? {
        server = server.with_tls(tls);
    }
    let scheme = if by_tls { "https" } else { "http" };
    for address in listeners.iter().filter_map(Listener::address) {
        ui.remark(format!("The API answers at {scheme}://{address}."));
    }
    warn_of_unsigned(ui, app)?;
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

/// Returns what is known of people and of machines with tokens.
fn access(app: &App, store: &Store, by_tls: bool) -> Access {
    let store = Arc::new(store.clone());
    Access {
        people: Arc::new(PeopleFiles::new(&app.data_directory)),
        sessions: Arc::clone(&store) as _,
        tokens: Arc::clone(&store) as _,
        throttle: store,
        secure_cookies: by_tls,
    }
}

/// Returns who knows who asks: by a signature, a token, or a login; without any only on a host whose owner wants it so.
fn authority(app: &App, host: &Host, store: &Store) -> Result<AuthorityChain, CliError> {
    let failed = |error: StoreError| CliError::new(Exit::Failed, chain(&error));
    let nonces = SqliteNonceStore::open(store).map_err(failed)?;
    let settings = Watched::new(security_file(app)?);
    let signed: Arc<dyn Authority> = Arc::new(SignedAuthority::new(
        settings,
        Arc::new(nonces),
        host.server_id.clone(),
        Arc::clone(&host.now),
    ));
    let people: Arc<dyn Authority> = Arc::new(PeopleAuthority::new(host.clone()));
    Ok(AuthorityChain {
        signed: Some(Arc::clone(&signed)),
        unsigned: Some(signed),
        bearer: Some(Arc::clone(&people)),
        cookie: Some(people),
    })
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
    if let Some(address) = reached.filter(|_| !security::is_signing(app).unwrap_or(false)) {
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
