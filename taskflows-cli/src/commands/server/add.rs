use taskflows_api::client::{Client, Credentials};
use taskflows_api::wire::Health;

use super::file;
use crate::arguments::ServerAddArguments;
use crate::fleet::{Registered, Server, Servers};
use crate::remote::refused;
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui};

/// Registers a server. It is asked for its id first, so that what is signed for it is worth nothing elsewhere.
pub(super) async fn add(
    ui: &mut Ui<'_>,
    app: &App,
    arguments: &ServerAddArguments,
) -> Result<Exit, CliError> {
    let (name, address) = (&arguments.name, &arguments.address);
    let mut server = Server::new(address.clone(), (app.now)());
    server.groups = arguments.group.clone();
    server.groups.sort();
    server.groups.dedup();
    server.ca_file = ca_file(arguments)?;
    let registered = Registered::read(app)?;
    check_new(&registered.servers, name, &server)?;
    let health = if arguments.offline { None } else { Some(ask(name, &server).await?) };
    server.server_id = health.as_ref().map(|health| health.server_id.clone());
    let is_own = registered.known(app).is_own(&server);
    file(app).change(|servers| {
        // Somebody else may have added it meanwhile.
        check_new(servers, name, &server)?;
        servers.insert(name.clone(), server);
        Ok(())
    })?;
    match health {
        None => ui.remark(format!(
            "Added {name} at {address}, which was not asked; `tf server test {name}` asks for its id and keeps it."
        )),
        Some(health) => {
            let Health { hostname, server_id, version, .. } = health;
            let (hostname, id, version) = (harmless(&hostname), harmless(&server_id), harmless(&version));
            ui.remark(format!("Added {name} at {address}: host {hostname}, taskflows {version}, id {id}."));
        }
    }
    if is_own {
        ui.remark("It is this host, which commands do not ask through its API.");
    }
    Ok(Exit::Ok)
}

/// Returns the file of certificates by its whole path, since commands run elsewhere.
fn ca_file(arguments: &ServerAddArguments) -> Result<Option<std::path::PathBuf>, CliError> {
    let Some(path) = &arguments.ca_file else { return Ok(None) };
    path.canonicalize()
        .map(Some)
        .map_err(|error| CliError::new(Exit::Usage, format!("could not read {}: {error}", path.display())))
}

/// Fails where the server is registered already.
fn check_new(servers: &Servers, name: &str, server: &Server) -> Result<(), CliError> {
    let error = |message| Err(CliError::new(Exit::Failed, message));
    if let Some(before) = servers.get(name) {
        let message = format!("`{name}` is registered already, at {}", before.address);
        return error(message).map_err(|error| error.hint(format!("`tf server remove {name}` forgets it")));
    }
    for (other, before) in servers {
        if before.address == server.address {
            return error(format!("{} is registered already, as `{other}`", server.address));
        }
        if before.server_id.is_some() && before.server_id == server.server_id {
            let id = harmless(before.server_id.as_deref().unwrap_or_default());
            let message = format!("{} has the id of `{other}` at {}: {id}", server.address, before.address);
            let hint = format!(
                "where it is the same server, `tf server remove {other}` first; where it was cloned from that, give it an \
                 id of its own: `systemd-machine-id-setup` after `rm /etc/machine-id`, then `tf api restart` there"
            );
            return error(message).map_err(|error| error.hint(hint));
        }
    }
    Ok(())
}

async fn ask(name: &str, server: &Server) -> Result<Health, CliError> {
    let base = server.address.base();
    let client = Client::trusting(name, &base, Credentials::None, server.ca_file.as_deref());
    let client = client.map_err(|error| refused(&error))?;
    let health = client.health().await.map_err(|error| {
        let error = refused(&error);
        match error.exit {
            Exit::Unreachable if error.hint.is_none() => {
                error.hint("does `tf api start` run there? `--offline` adds it without asking")
            }
            _ => error,
        }
    })?;
    match is_id(&health.server_id) {
        true => Ok(health),
        false => Err(CliError::new(
            Exit::Failed,
            format!("{name} did not tell its id, so it is no server of taskflows"),
        )),
    }
}

/// Tells whether a text may be the id of a server: it is kept, and shown to people.
pub(super) fn is_id(text: &str) -> bool {
    (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
