//! Which commands ask other servers, how long they wait for them, and how the answers are put in order.

use std::time::Duration;

use crate::arguments::{AlertVerb, EnvVerb, HistorySource, LogSourceArgument};
use crate::commands::{DEFAULT_LINES, DEFAULT_RUNS, DEFAULT_STARTS};
use crate::{CliError, Exit, Verb};

use super::selection::{Selection, ServerChoice};

/// How long a server has to answer what is only looked at, or whether it is there at all.
pub(crate) const LOOK: Duration = Duration::from_secs(10);
/// How long a server has to change something: systemd waits 90 s for a service to stop.
const CHANGE: Duration = Duration::from_secs(120);

/// A run may take as long as it likes; a connection that is dead is found by its keepalive.
const ENDLESS: Duration = Duration::from_secs(7 * 24 * 3600);

/// How many servers a command can ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// As many as there are.
    Many,
    /// One, which is this host where nothing else is said.
    One,
    /// None: it is about this host, or about none.
    Here,
}

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Until the answer is there; `None` is as long as it takes.
    pub(crate) answer: Option<Duration>,
    /// Whether the server is asked first whether it is there, since the answer may take long.
    pub(crate) knocks: bool,
}

/// How rows and lines of several servers are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// One server after the other.
    Servers,
    /// The oldest first; of more, the last ones.
    OldestFirst { newest: Option<usize> },
    /// The next first; of more, the first ones.
    NextFirst { at_most: usize },
    /// The newest first; of more, the first ones.
    NewestFirst { at_most: usize },
}

impl Reach {
    pub(crate) fn of(verb: &Verb) -> Self {
        match verb {
            Verb::Create(_)
            | Verb::Plan(_)
            | Verb::Diff(_)
            | Verb::List(_)
            | Verb::Next(_)
            | Verb::Status(_)
            | Verb::Show(_)
            | Verb::Start(_)
            | Verb::Stop(_)
            | Verb::Restart(_)
            | Verb::Enable(_)
            | Verb::Disable(_)
            | Verb::Remove(_) => Self::Many,
            // Loki has the lines of all hosts.
            Verb::Logs(logs) if logs.source == LogSourceArgument::Journal => Self::Many,
            Verb::History(history) if !history.rebuild && history.source != HistorySource::Loki => Self::Many,
            Verb::Env { verb: EnvVerb::Edit(_) } => Self::One,
            Verb::Env { .. } => Self::Many,
            Verb::Alert { verb: AlertVerb::List(_) } | Verb::Doctor => Self::Many,
            // What systemd and the queue of this host are for.
            Verb::Alert { verb: AlertVerb::Send(_) | AlertVerb::Retry { .. } } => Self::Here,
            Verb::Alert { .. } | Verb::Why(_) | Verb::Run(_) => Self::One,
            _ => Self::Here,
        }
    }

    /// Fails where a command line names servers that its command does not ask.
    ///
    /// # Errors
    /// As said.
    pub(crate) fn check(self, choices: &[ServerChoice]) -> Result<(), CliError> {
        let are_others = choices.iter().any(|choice| *choice != ServerChoice::Local);
        match (self, choices) {
            (Self::Here, _) if are_others => {
                let message = "this command works on this host alone, and asks no other server";
                Err(CliError::new(Exit::Usage, message).hint("leave out -s, or run it there"))
            }
            _ => Ok(()),
        }
    }

    /// Fails where more servers are selected than the command can ask.
    ///
    /// # Errors
    /// As said.
    pub(crate) fn check_count(self, selection: &Selection) -> Result<(), CliError> {
        let names: Vec<&str> = selection.asked.iter().map(|asked| asked.name.as_str()).collect();
        if self == Self::Many || names.len() == 1 {
            return Ok(());
        }
        let message = format!("this command asks one server at a time, and {} are selected", names.len());
        Err(CliError::new(Exit::Usage, message).hint(format!("choose one of {}", names.join(", "))))
    }
}

impl Patience {
    pub(crate) fn of(verb: &Verb) -> Self {
        let look = Self { answer: Some(LOOK), knocks: false };
        let change = Self { answer: Some(CHANGE), knocks: true };
        match verb {
            Verb::Start(start) if start.wait => Self { answer: None, knocks: true },
            Verb::Run(_) => Self { answer: None, knocks: true },
            Verb::Logs(logs) if logs.follow => Self { answer: None, knocks: true },
            Verb::Create(_)
            | Verb::Alert { verb: AlertVerb::Test(_) }
            | Verb::Start(_)
            | Verb::Stop(_)
            | Verb::Restart(_)
            | Verb::Enable(_)
            | Verb::Disable(_)
            | Verb::Remove(_) => change,
            _ => look,
        }
    }
}

impl Patience {
    /// Returns how long one request may take: less than the whole, so that a late answer is still told as such.
    pub(crate) fn request(self) -> Duration {
        self.answer.unwrap_or(ENDLESS)
    }
}

impl Order {
    pub(crate) fn of(verb: &Verb) -> Self {
        match verb {
            Verb::Logs(logs) => {
                let is_bound = logs.since.is_some() || logs.run.is_some();
                Self::OldestFirst { newest: logs.lines.or((!is_bound).then_some(DEFAULT_LINES)) }
            }
            Verb::Next(next) => Self::NextFirst { at_most: next.starts.unwrap_or(DEFAULT_STARTS) },
            Verb::History(history) => Self::NewestFirst { at_most: history.number.unwrap_or(DEFAULT_RUNS) },
            _ => Self::Servers,
        }
    }
}

/// Tells whether the answers of a command are shown as they come, since they have no end.
pub(crate) fn is_endless(verb: &Verb) -> bool {
    matches!(verb, Verb::Logs(logs) if logs.follow)
}
