use std::str::FromStr;

use taskflows_core::NamePattern;
use taskflows_core::effects::{Action, Depth, Details, Edits, Effect, Wanted};
use taskflows_core::{
    BuildServiceError, RestartCondition, RestartPolicy, Section, Service, ServiceName, TimeSpan, Watchdog,
};

use super::WHOLE;
use super::place::Place;
use crate::arguments::{Global, ScopeArgument};
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

/// Returns the service that serves so.
pub(super) fn service(app: &App, global: &Global, place: &Place) -> Result<Service, CliError> {
    let mut argv = vec![app.program.as_str().to_owned()];
    if global.scope == ScopeArgument::System {
        argv.extend(["--scope", "system"].map(str::to_owned));
    }
    argv.extend(["api", "start", "--foreground", "--listen"].map(str::to_owned));
    argv.push(place.address.to_string());
    if let Some((certificate, key)) = &place.tls {
        for (flag, file) in [("--tls-cert", certificate), ("--tls-key", key)] {
            argv.extend([flag.to_owned(), file.display().to_string()]);
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
    for (name, value) in &place.variables {
        builder = builder.env(name, value);
    }
    for (key, value) in HARDENING {
        builder = builder.directive(Section::Service, key, value);
    }
    builder.build().map_err(|error: BuildServiceError| {
        CliError::new(Exit::Usage, format!("no unit can be written: {}", crate::error::chain(&error)))
    })
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

/// Returns the name of a socket unit for it, which somebody made by hand; `None` where there is none.
pub(super) async fn hand_made_socket(app: &App) -> Option<String> {
    let socket = format!("taskflows-{NAME}.socket");
    app.inspector.survey().await.unit_directory.join(&socket).exists().then_some(socket)
}

/// Returns how it stands; `None` where it is not installed.
pub(super) async fn details(app: &App) -> Result<Option<Details>, CliError> {
    let pattern = NamePattern::from_str(NAME);
    let pattern = pattern.map_err(|error| CliError::new(Exit::Failed, error.to_string()))?;
    Ok(app.services.details(&[pattern], Depth::Table).await?.pop())
}
