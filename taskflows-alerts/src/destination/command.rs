use serde::{Deserialize, Serialize};

#[cfg(feature = "command")]
mod group;
#[cfg(feature = "command")]
mod notifier;

/// A program that is told by JSON on its standard input.
///
/// The JSON is that of a webhook; `TASKFLOWS_ALERT_KEY` is the same for each attempt. Exit code 0 means that the message
/// is where it belongs, 75 (`EX_TEMPFAIL`) that another attempt may work, any other that none will.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program and its arguments; no shell takes part.
    pub command: Vec<String>,
}

impl Command {
    /// Names a program with its arguments.
    pub fn new<A: Into<String>>(command: impl IntoIterator<Item = A>) -> Self {
        Self { command: command.into_iter().map(Into::into).collect() }
    }
}
