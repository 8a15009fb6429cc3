//! From a command line to the servers that it asks.

use std::sync::Arc;

use taskflows_api::client::{Client, remedy};

use super::define;
use super::engine::{Asking, Way, ask};
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
}

impl Chosen {
    /// Returns it as it is asked.
    #[must_use]
    pub fn asking<'a>(&'a self, local: &'a App) -> Asking<'a> {
        let name = self.name.clone();
        match &self.remote {
            None => Asking { name, app: Ok(local), way: None },
            Some(Err(error)) => Asking { name, app: Err(error.clone()), way: None },
            Some(Ok((app, client))) => {
                let way: Arc<dyn Way> = Arc::new(ClientWay(client.clone()));
                Asking { name, app: Ok(app), way: Some(way) }
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
    let choices = arguments.global.servers.as_slice();
    let reach = Reach::of(&arguments.verb);
    // It shows what is chosen, and asks nobody.
    if matches!(arguments.verb, Verb::Context) {
        return Ok(Choice::Here);
    }
    reach.check(choices)?;
    match (reach, choices) {
        (Reach::Here, _) | (Reach::One, []) | (_, [ServerChoice::Local]) => return Ok(Choice::Here),
        _ => {}
    }
    // Without servers nothing more is read: one that is alone needs no key.
    let servers = ServersFile::new(&app.data_directory).read()?;
    if choices.is_empty() && servers.is_empty() {
        return Ok(Choice::Here);
    }
    let own = OwnKey::read(app.security_directory.as_deref(), (app.now)())?;
    let registered = Registered { servers, own };
    let selection = registered.select(app, choices)?;
    reach.check_count(&selection)?;
    if selection.is_plainly_local() {
        return Ok(Choice::Here);
    }
    let patience = Patience::of(&arguments.verb);
    let chosen: Vec<Chosen> =
        selection.asked.into_iter().map(|asked| chosen(app, asked, &registered, patience)).collect();
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
    Chosen { name, remote }
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

/// Says why one server did not do what it was asked.
pub(super) fn refused(server: &Asking<'_>, end: End) -> CliError {
    match end {
        End::Failed(error) => error,
        End::Silent(reason) => {
            let error = CliError::new(Exit::Unreachable, format!("{} did not answer: {reason}", server.name));
            let error = error.hint(format!("`tf server test {}` tells more", server.name));
            error.hint_of(remedy(&reason))
        }
        End::Ended(exit) => CliError::new(exit, "it ended before it was asked"),
        End::NothingThere => CliError::new(Exit::NoSuchService, "there is no such service"),
    }
}
