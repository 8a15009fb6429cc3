//! What answers for another server: a part of the composition root, beside `app.rs`.

mod unasked;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use taskflows_api::client::{
    Client, ClientError, Credentials, RemoteDefiner, RemoteDesk, RemoteEnvironments, RemoteLogReader,
    RemoteRuns, RemoteServiceManager,
};
use taskflows_api::ports::Desk;
use taskflows_api::wire::RunSource;
use taskflows_core::effects::{EnvironmentStore, LogReader, RunHistory, RunStore, ServiceManager};

use self::unasked::Unasked;
use crate::fleet::{Closed, OwnKey, Registered, Server, ServerChoice, Way};
use crate::{App, CliError, Exit};

/// What answers for another server.
struct Adapters {
    services: Arc<dyn ServiceManager>,
    logs: Arc<dyn LogReader>,
    runs: Arc<dyn RunStore>,
    journal_runs: Arc<dyn RunHistory>,
    environments: Arc<dyn EnvironmentStore>,
    desk: Arc<dyn Desk>,
}

impl Adapters {
    fn of(client: &Client, user: Option<String>) -> Self {
        let of = |source| RemoteRuns::new(client.clone(), source);
        Self {
            services: Arc::new(RemoteServiceManager::new(client.clone()).for_user(user)),
            logs: Arc::new(RemoteLogReader::new(client.clone())),
            runs: Arc::new(of(RunSource::Store)),
            journal_runs: Arc::new(of(RunSource::Journal)),
            environments: Arc::new(RemoteEnvironments::new(client.clone())),
            desk: Arc::new(RemoteDesk(client.clone())),
        }
    }
}

impl App {
    /// Returns what a command works with that asks `server` by `client`, and shows what it learns as on this host.
    #[must_use]
    pub fn remote(local: &Self, server: &str, client: &Client) -> Self {
        let adapters = Adapters::of(client, user(local));
        let unasked = Arc::new(Unasked);
        Self {
            server: Some(server.to_owned()),
            definer: Some(Arc::new(RemoteDefiner(client.clone()))),
            desk: Some(adapters.desk),
            services: adapters.services,
            logs: adapters.logs,
            runs: adapters.runs,
            journal_runs: adapters.journal_runs,
            environments: adapters.environments,
            retention: local.retention,
            // Nothing of this is looked at for another server; what would be kept stays there.
            data_directory: local.data_directory.clone(),
            security_directory: None,
            tools: Arc::clone(&unasked) as _,
            inspector: Arc::clone(&unasked) as _,
            watch: Arc::clone(&unasked) as _,
            feed: Arc::clone(&unasked) as _,
            monitor_sink: Arc::clone(&unasked) as _,
            host: unasked,
            linger_hint: None,
            home: None,
            program: local.program.clone(),
            tells_data_directory: local.tells_data_directory,
            zones: local.zones.clone(),
            variable: Arc::clone(&local.variable),
            explore: local.explore.clone(),
            grafana_api_key: local.grafana_api_key.clone(),
            loki: local.loki.clone(),
            fluent_bit: local.fluent_bit.clone(),
            deadman_url: local.deadman_url.clone(),
            host_name: server.to_owned(),
            display: local.display.clone(),
            now: Arc::clone(&local.now),
            editor: local.editor.clone(),
            unreachable_hint: format!("`tf server test {server}` tells more"),
            permission_hint: format!("`tf server test {server}` tells whether it knows your key"),
            systemctl: local.systemctl,
        }
    }
}

/// Makes a client of a server, which signs with the keys of this host.
///
/// # Errors
/// When there is no key, or a file of certificates cannot be read.
pub(crate) fn client(
    local: &App,
    name: &str,
    server: &Server,
    registered: &Registered,
) -> Result<Client, CliError> {
    let Registered { servers, own } = registered;
    let Some(key) = own.keys.first().cloned() else {
        let message = "there is no key by which other servers would know who asks";
        return Err(CliError::new(Exit::Permission, message)
            .hint("`tf security set-secret -` takes the one that they have"));
    };
    let server_id = server.server_id.clone().unwrap_or_default();
    let credentials = Credentials::Signed { key, server_id };
    let client = Client::trusting(name, &server.address.base(), credentials, server.ca_file.as_deref())
        .map_err(|error| refused(&error))?;
    let directory = local.security_directory.clone();
    let keys = move || {
        let own = OwnKey::read(directory.as_deref(), Timestamp::now());
        own.map(|own| own.keys).unwrap_or_default()
    };
    let known = servers.iter().filter(|(other, _)| *other != name);
    let ids = known.filter_map(|(other, server)| Some((server.server_id.clone()?, other.clone())));
    let others = ids.collect();
    Ok(client.with_keys(keys).with_others(others).with_user(&user(local).unwrap_or_default()))
}

/// Returns who runs this command, as they say.
fn user(local: &App) -> Option<String> {
    let names = ["SUDO_USER", "USER", "LOGNAME"].into_iter();
    names.filter_map(|name| (local.variable)(name)).find(|name| !name.is_empty())
}

/// Returns what a command reports where a server does not do what it was asked.
pub(crate) fn refused(error: &ClientError) -> CliError {
    let exit = match error.status() {
        _ if error.is_unreachable() => Exit::Unreachable,
        _ if matches!(error, ClientError::Unidentified { .. } | ClientError::Impostor { .. }) => {
            Exit::Permission
        }
        _ if error.code() == Some("no-api") => Exit::Failed,
        Some(401 | 403) => Exit::Permission,
        Some(404) => Exit::NoSuchService,
        _ => Exit::Failed,
    };
    let told = CliError::new(exit, error.to_string());
    let hint = match error.code() {
        _ if error.is_unreachable() => return told.hint_of(error.remedy()),
        None => match error {
            ClientError::Unidentified { server } => return told.hint(identify(server)),
            ClientError::Impostor { other, .. } => {
                let hint = format!(
                    "ask it by its name, `-s {other}`; `tf server list -o wide` shows addresses and ids"
                );
                return told.hint(hint);
            }
            ClientError::Malformed { .. } => Some(NO_API),
            _ => None,
        },
        Some("no-api") => Some(NO_API),
        Some("clock-skew") => Some("set the clocks right: `timedatectl` tells how they are kept"),
        Some("other-server") => Some("if that is meant, `tf server remove` it and `tf server add` it again"),
        Some("not-recognised") => Some("is its secret the same as that of this host? `tf security status`"),
        _ => None,
    };
    told.hint_of(hint)
}

const NO_API: &str =
    "is that the address and port of a server of taskflows? `tf api status` there tells them";

/// Says how the id of a server becomes known.
fn identify(server: &str) -> String {
    match server.parse::<ServerChoice>() {
        Ok(ServerChoice::Address(_)) => {
            format!("`tf server add NAME {server}` asks for its id once, shows it and keeps it")
        }
        _ => format!("`tf server test {server}` asks for its id, shows it and keeps it"),
    }
}

/// The way to a server by its client.
pub(crate) struct ClientWay(pub(crate) Client);

#[async_trait]
impl Way for ClientWay {
    async fn open(&self, knocks: bool) -> Result<(), Closed> {
        let closed = |error: ClientError| match error {
            ClientError::Unreachable { reason, .. } => Closed::Silent(reason),
            other => Closed::Refused(refused(&other)),
        };
        self.0.learn_id().await.map_err(closed)?;
        match knocks {
            true => self.0.health().await.map(drop).map_err(closed),
            false => Ok(()),
        }
    }

    fn trouble(&self) -> Option<String> {
        self.0.trouble()
    }
}
