use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use taskflows_core::effects::{Action, Edits, Effect, Wanted};
use taskflows_core::{
    BuildServiceError, RestartCondition, RestartPolicy, Section, Service, ServiceName, TimeSpan, Watchdog,
};

use super::WHOLE;
use crate::arguments::{ApiStartArguments, Global, ScopeArgument};
use crate::{App, CliError, Exit};

/// The name of the service that is the API.
pub(super) const NAME: &str = "srv-api";
/// How long the server may be silent before it is started again.
const SILENCE: TimeSpan = TimeSpan::from_secs(30);

/// What keeps a server that was taken over from more than its user may. None of it needs a mount namespace, which a user's
/// manager cannot make, and none keeps it from what it is for: unit files, the bus, the journal, container engines.
const HARDENING: [(&str, &str); 7] = [
    ("NoNewPrivileges", "yes"),
    ("LockPersonality", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6 AF_NETLINK"),
    ("SystemCallArchitectures", "native"),
    ("UMask", "0077"),
];

pub(super) fn name() -> Result<ServiceName, CliError> {
    NAME.parse().map_err(|error| CliError::new(Exit::Failed, format!("{error}")))
}

/// Returns the service that serves as `arguments` say.
pub(super) fn service(
    app: &App,
    global: &Global,
    arguments: &ApiStartArguments,
) -> Result<Service, CliError> {
    let mut argv = vec![app.program.as_str().to_owned()];
    if global.scope == ScopeArgument::System {
        argv.extend(["--scope", "system"].map(str::to_owned));
    }
    argv.extend(["api", "start", "--foreground", "--listen"].map(str::to_owned));
    argv.push(arguments.listen.to_string());
    for (flag, file) in [("--tls-cert", &arguments.tls_cert), ("--tls-key", &arguments.tls_key)] {
        if let Some(file) = file {
            argv.extend([flag.to_owned(), absolute(file)?.display().to_string()]);
        }
    }
    let mut builder = Service::builder(NAME)
        .description("The API of this host")
        .start_argv(argv)
        .restart_policy(RestartPolicy::new(RestartCondition::Always))
        .enabled(true);
    if let Some(watchdog) = Watchdog::new(SILENCE) {
        builder = builder.watchdog(watchdog);
    }
    for (key, value) in HARDENING {
        builder = builder.directive(Section::Service, key, value);
    }
    builder.build().map_err(|error: BuildServiceError| {
        CliError::new(Exit::Usage, format!("no unit can be written: {}", crate::error::chain(&error)))
    })
}

/// A unit does not start in the directory of who wrote it.
fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path)
        .map_err(|error| CliError::new(Exit::Usage, format!("`{}`: {error}", path.display())))
}

/// Installs it, and tells whether anything of it changed.
pub(super) async fn install(app: &App, service: Service) -> Result<bool, CliError> {
    let services = [service];
    let wanted = Wanted { edits: Edits::Overwrite, ..Wanted::services(&services) };
    let plan = app.services.install(wanted).await?;
    Ok(!plan.is_empty())
}

/// Performs an action on it.
pub(super) async fn perform(app: &App, action: Action) -> Result<Effect, CliError> {
    let mut performed = app.services.perform(&[name()?], action, WHOLE).await?;
    match performed.pop() {
        Some(done) => Ok(done.result?),
        None => Err(CliError::new(Exit::Failed, "the manager says nothing of the API")),
    }
}

/// Where the installed service takes connections.
pub(super) struct Place {
    pub(super) address: SocketAddr,
    pub(super) by_tls: bool,
}

impl Place {
    pub(super) fn url(&self) -> String {
        let scheme = if self.by_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Where a client of this host asks, which cannot connect to "any address".
    pub(super) fn local(&self) -> SocketAddr {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        address
    }
}

/// Reads the unit; `None` where it is not installed.
pub(super) async fn place(app: &App) -> Result<Option<Place>, CliError> {
    let files = match app.services.files(&name()?).await {
        Ok(files) => files,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let text = files.files.get(&format!("taskflows-{NAME}.service"));
    let start = text.and_then(|text| text.lines().find_map(|line| line.strip_prefix("ExecStart=")));
    let words = start.and_then(|line| shell_words::split(line).ok()).unwrap_or_default();
    let listen = words.iter().skip_while(|word| *word != "--listen").nth(1);
    let address = listen.and_then(|text| text.parse().ok()).ok_or_else(|| {
        CliError::new(Exit::Failed, "the unit of the API does not say where it listens")
            .hint("`tf api start` writes it again")
    })?;
    Ok(Some(Place { address, by_tls: words.iter().any(|word| word == "--tls-cert") }))
}

/// Returns where it listens, or says how it is set up.
pub(super) async fn check_installed(app: &App) -> Result<Place, CliError> {
    place(app).await?.ok_or_else(|| {
        CliError::new(Exit::NoSuchService, "the API is not set up here").hint("`tf api start` does")
    })
}
