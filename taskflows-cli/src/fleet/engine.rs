//! One command on several servers at once.

use std::cell::RefCell;
use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use taskflows_core::{NamePattern, ServiceName};
use tokio::time::timeout;

use super::gathered::{Gathered, Kept, Live, LiveRemarks, Shared};
use super::merge;
use super::narrow::{narrowed, wanted, with_patterns};
use super::opening::Opening;
use super::reach::{LOOK, Order, Patience, is_endless};
use super::verdict::{self, End};
use crate::arguments::{EnvVerb, Format, Global, Wanted, patterns};
use crate::commands::{Reading, carry_out, check_format, execute_verb};
use crate::select::is_meant;
use crate::ui::Out;
use crate::{App, Arguments, CliError, Exit, Ui, Verb};

/// The greatest standard input that is kept for several servers, in bytes.
const LARGEST_INPUT: u64 = 16 << 20;

/// Why a server cannot be asked.
#[derive(Debug)]
pub enum Closed {
    /// There was no answer: `connection refused`.
    Silent(String),
    /// It is not asked, or what it answered is no answer.
    Refused(CliError),
}

/// The way to a server, beside what it is asked.
#[async_trait]
pub trait Way: Send + Sync {
    /// Makes sure that requests can be made; where it `knocks`, that the server is there.
    ///
    /// # Errors
    /// Why it cannot be asked.
    async fn open(&self, knocks: bool) -> Result<(), Closed>;

    /// Returns why the last request had no answer; `None` where it had one.
    fn trouble(&self) -> Option<String>;
}

/// A server that is asked.
pub struct Asking<'a> {
    /// Its name.
    pub name: String,
    /// What answers for it, or why nothing can.
    pub app: Result<&'a App, CliError>,
    /// The way to it; `None` is this host.
    pub way: Option<Arc<dyn Way>>,
    /// Which of the patterns of the command are for it; `None` is all of them.
    pub meant: Option<Vec<NamePattern>>,
}

impl Asking<'_> {
    /// Returns those of the patterns of a command that may be for it.
    pub(super) fn patterns(&self, wanted: &[Wanted]) -> Vec<NamePattern> {
        self.meant.clone().unwrap_or_else(|| patterns(wanted))
    }
}

impl fmt::Debug for Asking<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a server answered.
pub(super) struct Answer {
    pub(super) server: String,
    pub(super) gathered: Gathered,
    pub(super) status: Vec<u8>,
    pub(super) end: End,
}

/// Runs one command on each of `servers` at once, and shows what they answer as one result. What is read for it is read on
/// this host, that of `local`, and once.
pub async fn run_on_servers(
    ui: &mut Ui<'_>,
    local: &App,
    servers: &[Asking<'_>],
    arguments: &Arguments,
) -> Exit {
    let result = on_servers(ui, local, servers, arguments).await;
    crate::run::end(ui, result)
}

async fn on_servers(
    ui: &mut Ui<'_>,
    local: &App,
    servers: &[Asking<'_>],
    arguments: &Arguments,
) -> Result<Exit, CliError> {
    let (global, verb) = (&arguments.global, &arguments.verb);
    check_format(verb, global.output)?;
    if let Some(reading) = super::define::reading(ui, local, verb)? {
        let command = Command { global, input: &[], verb, reading: Some(&reading) };
        return super::define::on_servers(ui, local, servers, command, &reading).await;
    }
    let input = input_for_all(ui, verb)?;
    let command = Command { global, input: &input, verb, reading: None };
    match verb {
        Verb::Remove(remove) if !remove.selector.dry_run => {
            super::remove::remove(ui, servers, command, remove).await
        }
        _ => {
            let verbs = verbs(servers, verb).await;
            run(ui, servers, command, verbs).await
        }
    }
}

/// A command as each server gets it.
#[derive(Clone, Copy)]
pub(super) struct Command<'a> {
    pub(super) global: &'a Global,
    pub(super) verb: &'a Verb,
    pub(super) input: &'a [u8],
    /// The definitions that it is about.
    pub(super) reading: Option<&'a Reading<'a>>,
}

/// Reads the standard input where the command takes it, since it can be read once alone.
fn input_for_all(ui: &mut Ui<'_>, verb: &Verb) -> Result<Vec<u8>, CliError> {
    let is_stdin = |path: &std::path::PathBuf| path.as_os_str() == "-";
    let takes = match verb {
        Verb::Env { verb: EnvVerb::Create(create) } => create.what.file.as_ref().is_some_and(is_stdin),
        _ => false,
    };
    let mut input = Vec::new();
    if takes {
        let read = (&mut *ui.input).take(LARGEST_INPUT + 1).read_to_end(&mut input);
        read.map_err(|error| CliError::new(Exit::Failed, format!("could not read stdin: {error}")))?;
    }
    Ok(input)
}

/// What becomes of a command on one server.
pub(super) enum Turn {
    /// It runs as it stands on the command line.
    AsTold,
    /// It runs for what the server has of the services that are selected.
    Narrowed(Box<Verb>),
    /// It does not run.
    Over(End),
}

/// Looks which server has which of the services that a command selects.
pub(super) async fn verbs(servers: &[Asking<'_>], verb: &Verb) -> Vec<Turn> {
    let wanted = wanted(verb);
    if wanted.is_empty() {
        return servers.iter().map(|_| Turn::AsTold).collect();
    }
    let names = names(servers, wanted).await;
    let found: Vec<Vec<ServiceName>> =
        names.iter().map(|names| names.as_ref().map_or_else(|_| Vec::new(), Vec::clone)).collect();
    let may: Vec<Vec<NamePattern>> = servers.iter().map(|server| server.patterns(wanted)).collect();
    let narrowed = narrowed(&may, &found);
    let turn = |(names, meant): (Result<Vec<ServiceName>, End>, Vec<NamePattern>)| match names {
        Err(end) => Turn::Over(end),
        Ok(_) if meant.is_empty() => Turn::Over(End::NothingThere),
        Ok(_) => with_patterns(verb, meant).map_or(Turn::AsTold, |verb| Turn::Narrowed(Box::new(verb))),
    };
    names.into_iter().zip(narrowed).map(turn).collect()
}

/// Returns which services each server has of those that are selected.
pub(super) async fn names(servers: &[Asking<'_>], wanted: &[Wanted]) -> Vec<Result<Vec<ServiceName>, End>> {
    let look = Patience { answer: Some(LOOK), knocks: false };
    let one = async |server: &Asking<'_>| {
        let patterns = server.patterns(wanted);
        // No pattern at all would be every service.
        if patterns.is_empty() {
            return Ok(Vec::new());
        }
        let mut names = ask(server, look, async |app: &App| Ok(app.services.names(&patterns).await?)).await?;
        names.retain(|name| is_meant(&patterns, name));
        Ok(names)
    };
    join_all(servers.iter().map(one)).await
}

/// Runs a command on each server that it is the turn of, shows the answers and returns how it ends.
pub(super) async fn run(
    ui: &mut Ui<'_>,
    servers: &[Asking<'_>],
    command: Command<'_>,
    turns: Vec<Turn>,
) -> Result<Exit, CliError> {
    let is_endless = is_endless(command.verb);
    let answers = match is_endless {
        true => follow(ui, servers, command, turns).await?,
        false => gather(ui, servers, command, turns).await,
    };
    if !is_endless {
        merge::show(ui, command.global.output, Order::of(command.verb), &answers)?;
    }
    merge::show_remarks(ui, &answers)?;
    verdict::tell(ui, answers)
}

/// How the results of each server are written.
#[derive(Clone, Copy)]
struct Look {
    width: Option<u16>,
    colour: bool,
    quiet: bool,
}

impl Look {
    fn of(ui: &Ui<'_>) -> Self {
        Self { width: ui.width, colour: ui.colour, quiet: ui.quiet }
    }
}

/// Runs a command on each server and keeps what they answer.
pub(super) async fn gather(
    ui: &Ui<'_>,
    servers: &[Asking<'_>],
    command: Command<'_>,
    turns: Vec<Turn>,
) -> Vec<Answer> {
    let look = Look::of(ui);
    let one = async |(server, turn): (&Asking<'_>, Turn)| {
        let (mut out, mut status) = (Kept::default(), Vec::new());
        let end = take_turn(server, command, turn, look, &mut out, &mut status).await;
        Answer { server: server.name.clone(), gathered: out.0, status, end }
    };
    join_all(servers.iter().zip(turns).map(one)).await
}

/// Runs a command on each server and shows what they write as it comes.
async fn follow(
    ui: &mut Ui<'_>,
    servers: &[Asking<'_>],
    command: Command<'_>,
    turns: Vec<Turn>,
) -> Result<Vec<Answer>, CliError> {
    let look = Look::of(ui);
    let width = servers.iter().map(|server| server.name.chars().count()).max().unwrap_or_default();
    let is_raw = command.global.output == Format::Raw;
    let shared: Shared<'_, '_> = RefCell::new(ui);
    let opening = Opening::new(servers.len());
    let one = async |(server, turn): (&Asking<'_>, Turn)| {
        let mut out = Live::new(&shared, &opening, &server.name, width, is_raw);
        let mut status = LiveRemarks { shared: &shared, server: &server.name, line: Vec::new() };
        let mut end = take_turn(server, command, turn, look, &mut out, &mut status).await;
        if let Err(error) = out.flush() {
            end = End::Failed(error.into());
        }
        // Those who watch the others learn at once that this one is gone.
        if let End::Silent(reason) = &end {
            let _ = writeln!(status, "no more answers: {reason}");
        }
        Answer { server: server.name.clone(), gathered: Gathered::default(), status: Vec::new(), end }
    };
    let order = Order::of(command.verb);
    let mut all = std::pin::pin!(join_all(servers.iter().zip(turns).map(one)));
    let answers = tokio::select! {
        answers = &mut all => Ok(answers),
        () = opening.settled() => Err(()),
    };
    opening.open(&shared, order)?;
    match answers {
        Ok(answers) => Ok(answers),
        Err(()) => Ok(all.await),
    }
}

async fn take_turn(
    server: &Asking<'_>,
    command: Command<'_>,
    turn: Turn,
    look: Look,
    out: &mut dyn Out,
    status: &mut dyn Write,
) -> End {
    let verb = match &turn {
        Turn::Over(_) => None,
        Turn::AsTold => Some(command.verb),
        Turn::Narrowed(verb) => Some(&**verb),
    };
    let Some(verb) = verb else {
        return match turn {
            Turn::Over(end) => end,
            _ => End::NothingThere,
        };
    };
    let mut input = command.input;
    let work = async |app: &App| {
        let Look { width, colour, quiet } = look;
        let mut ui = Ui { out, status, input: &mut input, width, colour, interactive: false, quiet };
        match command.reading {
            Some(reading) => carry_out(&mut ui, app, command.global, verb, reading).await,
            None => execute_verb(&mut ui, app, command.global, verb).await,
        }
    };
    ask(server, Patience::of(verb), work).await.map_or_else(|end| end, End::Ended)
}

/// Does `work` with what answers for a server, for as long as the server is waited for.
pub(super) async fn ask<T>(
    server: &Asking<'_>,
    patience: Patience,
    work: impl AsyncFnOnce(&App) -> Result<T, CliError>,
) -> Result<T, End> {
    let app = *server.app.as_ref().map_err(|error| End::Failed(error.clone()))?;
    let Some(way) = &server.way else {
        return work(app).await.map_err(|error| End::Failed(app.advise(error)));
    };
    let silent = |limit: Duration| move |_| End::Silent(format!("no answer within {} s", limit.as_secs()));
    let opened = async {
        let opened = timeout(LOOK, way.open(patience.knocks)).await.map_err(silent(LOOK))?;
        opened.map_err(|closed| match closed {
            Closed::Silent(reason) => End::Silent(reason),
            Closed::Refused(error) => End::Failed(error),
        })
    };
    let worked = async {
        work(app).await.map_err(|error| match way.trouble() {
            Some(reason) if error.exit == Exit::Unreachable || error.exit == Exit::TimedOut => {
                End::Silent(reason)
            }
            _ => End::Failed(app.advise(error)),
        })
    };
    match patience {
        Patience { answer: Some(limit), knocks: false } => {
            let both = async {
                opened.await?;
                worked.await
            };
            timeout(limit, both).await.map_err(silent(limit))?
        }
        Patience { answer: Some(limit), knocks: true } => {
            opened.await?;
            timeout(limit, worked).await.map_err(silent(limit))?
        }
        Patience { answer: None, .. } => {
            opened.await?;
            worked.await
        }
    }
}
