//! From a command line to the servers that it asks.

use std::sync::Arc;

use taskflows_api::client::{Client, remedy};
use taskflows_core::NamePattern;

use super::define;
use super::engine::{Asking, Way, ask};
use super::narrow::{changes_own, servers, wanted};
use super::own_key::OwnKey;
use super::reach::{Patience, Reach};
use super::registry::{Servers, ServersFile};
use super::selection::{Asked, Known, Selection, ServerChoice};
use super::verdict::End;
use crate::commands::execute;
use crate::remote::{ClientWay, client};
use crate::{App, Arguments, CliError, Exit, Ui, Verb};

/// Whom a command asks.
#[derive(Debug)]
pub enum Choice {
    /// This host alone.
    Here,
    /// One other server, whose answer needs no name beside it.
    One(Box<Chosen>),
    /// Several, or whatever a pattern or a group stands for now.
    Several(Vec<Chosen>),
}

/// A server that was chosen, and what answers for it.
#[derive(Debug)]
pub struct Chosen {
    name: String,
    /// `None` is this host.
    remote: Option<Result<(App, Client), CliError>>,
    /// Which of the patterns of the command are for it; `None` is all of them.
    meant: Option<Vec<NamePattern>>,
}

impl Chosen {
    /// Returns it as it is asked.
    #[must_use]
    pub fn asking<'a>(&'a self, local: &'a App) -> Asking<'a> {
        let (name, meant) = (self.name.clone(), self.meant.clone());
        match &self.remote {
            None => Asking { name, app: Ok(local), way: None, meant },
            Some(Err(error)) => Asking { name, app: Err(error.clone()), way: None, meant },
            Some(Ok((app, client))) => {
                let way: Arc<dyn Way> = Arc::new(ClientWay(client.clone()));
                Asking { name, app: Ok(app), way: Some(way), meant }
            }
        }
    }
}

/// The servers that are registered, and what this host knows of itself.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) servers: Servers,
    pub(crate) own: OwnKey,
}

impl Registered {
    pub(crate) fn read(app: &App) -> Result<Self, CliError> {
        let servers = ServersFile::new(&app.data_directory).read()?;
        let own = OwnKey::read(app.security_directory.as_deref(), (app.now)())?;
        Ok(Self { servers, own })
    }

    pub(crate) fn select(&self, app: &App, choices: &[ServerChoice]) -> Result<Selection, CliError> {
        self.known(app).select(choices)
    }

    pub(crate) fn known<'a>(&'a self, app: &'a App) -> Known<'a> {
        Known { servers: &self.servers, own_id: self.own.server_id.as_deref(), own_name: &app.host_name }
    }
}

/// Finds out whom a command line asks.
///
/// # Errors
/// When it names servers that the command cannot ask, or none that there is.
pub fn choose(app: &App, arguments: &Arguments) -> Result<Choice, CliError> {
    let choices = choices(arguments);
    let choices = choices.as_slice();
    let (named, _) = servers(&arguments.verb);
    let reach = Reach::of(&arguments.verb);
    // It shows what is chosen, and asks nobody.
    if matches!(arguments.verb, Verb::Context) {
        return Ok(Choice::Here);
    }
    reach.check(choices)?;
    match (reach, choices) {
        (Reach::Here, _) | (Reach::One, []) => return Ok(Choice::Here),
        (_, [ServerChoice::Local]) if named.iter().all(|server| **server == ServerChoice::Local) => {
            return Ok(Choice::Here);
        }
        // What answers for a server is changed on that server: this one is meant.
        (_, []) if changes_own(&arguments.verb) => return Ok(Choice::Here),
        _ => {}
    }
    // Without servers nothing more is read: one that is alone needs no key.
    let servers = ServersFile::new(&app.data_directory).read()?;
    if choices.is_empty() && servers.is_empty() && named.is_empty() {
        return Ok(Choice::Here);
    }
    let own = OwnKey::read(app.security_directory.as_deref(), (app.now)())?;
    let registered = Registered { servers, own };
    let selection = registered.select(app, choices)?;
    reach.check_count(&selection)?;
    let meant = meant(app, &registered, &selection, &arguments.verb)?;
    if selection.is_plainly_local() {
        return Ok(Choice::Here);
    }
    let patience = Patience::of(&arguments.verb);
    let chosen: Vec<Chosen> = selection
        .asked
        .into_iter()
        .zip(meant)
        .map(|(asked, meant)| Chosen { meant, ..chosen(app, asked, &registered, patience) })
        .collect();
    match <[Chosen; 1]>::try_from(chosen) {
        Ok([one]) if selection.is_one => Ok(Choice::One(Box::new(one))),
        Ok(one) => Ok(Choice::Several(one.into())),
        Err(several) => Ok(Choice::Several(several)),
    }
}

fn chosen(app: &App, asked: Asked, registered: &Registered, patience: Patience) -> Chosen {
    let Asked { name, server, .. } = asked;
    let remote = server.map(|server| {
        let client = client(app, &name, &server, registered)?.with_deadline(patience.request());
        Ok((App::remote(app, &name, &client), client))
    });
    Chosen { name, remote, meant: None }
}

/// Returns whom a command line names: by `-s`, or before each of its services.
fn choices(arguments: &Arguments) -> Vec<ServerChoice> {
    let told = &arguments.global.servers;
    match servers(&arguments.verb) {
        (servers, true) if told.is_empty() => {
            let mut choices: Vec<ServerChoice> = Vec::new();
            for server in servers {
                if !choices.contains(server) {
                    choices.push(server.clone());
                }
            }
            choices
        }
        _ => told.clone(),
    }
}

/// Returns for each server that is asked which patterns are for it, where a server stands before any of them.
fn meant(
    app: &App,
    registered: &Registered,
    selection: &Selection,
    verb: &Verb,
) -> Result<Vec<Option<Vec<NamePattern>>>, CliError> {
    let (named, _) = servers(verb);
    if named.is_empty() {
        return Ok(selection.asked.iter().map(|_| None).collect());
    }
    let name_of = |choice: &ServerChoice| -> Result<String, CliError> {
        let one = registered.select(app, std::slice::from_ref(choice))?.asked.into_iter().next();
        let name = one.map(|asked| asked.name).unwrap_or_default();
        match selection.asked.iter().any(|asked| asked.name == name) {
            true => Ok(name),
            false => {
                let message =
                    format!("a service of {name} is named, which is not among the servers that are asked");
                Err(CliError::new(Exit::Usage, message)
                    .hint("leave out -s, or the server before the service"))
            }
        }
    };
    for server in named {
        name_of(server)?;
    }
    let mut patterns: Vec<(Option<String>, NamePattern)> = Vec::new();
    for one in wanted(verb) {
        patterns.push((one.server.as_ref().map(name_of).transpose()?, one.what.clone()));
    }
    let of = |name: &String| {
        let own = patterns.iter().filter(|(server, _)| server.as_ref().is_none_or(|server| server == name));
        Some(own.map(|(_, pattern)| pattern.clone()).collect())
    };
    Ok(selection.asked.iter().map(|asked| of(&asked.name)).collect())
}

/// Runs one command on one other server to its exit code, and reports what went wrong.
pub async fn run_on_one(ui: &mut Ui<'_>, local: &App, server: &Asking<'_>, arguments: &Arguments) -> Exit {
    let result = on_one(ui, local, server, arguments).await;
    crate::run::end(ui, result)
}

async fn on_one(
    ui: &mut Ui<'_>,
    local: &App,
    server: &Asking<'_>,
    arguments: &Arguments,
) -> Result<Exit, CliError> {
    if let Some(reading) = define::reading(ui, local, &arguments.verb)? {
        return define::on_one(ui, local, server, arguments, &reading).await;
    }
    let work = async |app: &App| execute(ui, app, arguments).await;
    ask(server, Patience::of(&arguments.verb), work).await.map_err(|end| refused(server, end))
}

/// Commands that ask other servers, as hints name them.
const ASKING: [&str; 20] = [
    "alert", "create", "diff", "disable", "doctor", "enable", "env", "history", "list", "logs", "next",
    "plan", "remove", "restart", "run", "show", "start", "status", "stop", "why",
];

/// Says of commands in a hint which server is meant: the same without it would ask every server.
fn hint_on(hint: &str, server: &str) -> String {
    let is_asking = |text: &str| {
        let mut words = text.split(' ');
        words.next() == Some("tf") && words.next().is_some_and(|verb| ASKING.contains(&verb))
    };
    let mut parts: Vec<String> = hint.split('`').map(str::to_owned).collect();
    for part in parts.iter_mut().skip(1).step_by(2).filter(|part| is_asking(part) && !part.contains(" -s ")) {
        part.push_str(&format!(" -s {server}"));
    }
    parts.join("`")
}

/// Says why one server did not do what it was asked.
pub(super) fn refused(server: &Asking<'_>, end: End) -> CliError {
    match end {
        End::Failed(error) if server.way.is_none() => error,
        End::Failed(error) => {
            let hint = error.hint.as_deref().map(|hint| hint_on(hint, &server.name));
            error.hint_of(hint)
        }
        End::Silent(reason) => {
            let error = CliError::new(Exit::Unreachable, format!("{} did not answer: {reason}", server.name));
            let error = error.hint(format!("`tf server test {}` tells more", server.name));
            error.hint_of(remedy(&reason))
        }
        End::Ended(exit) => CliError::new(exit, "it ended before it was asked"),
        End::NothingThere => CliError::new(Exit::NoSuchService, "there is no such service"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_the_server_that_was_asked() {
        for (hint, expected) in [
            (
                "`tf logs web -f` follows it, `tf stop web` ends it",
                "`tf logs web -f -s web1` follows it, `tf stop web -s web1` ends it",
            ),
            ("`tf server test web1` tells more", "`tf server test web1` tells more"),
            ("`tf list -s web1` shows it; set `TF`", "`tf list -s web1` shows it; set `TF`"),
            ("add --yes", "add --yes"),
        ] {
            assert_eq!(hint_on(hint, "web1"), expected);
        }
    }
}
