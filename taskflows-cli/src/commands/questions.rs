//! What commands that answer one question a line share.

use std::io::{BufRead, BufReader};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{CliError, Exit, Ui};

/// Why a question has no answer.
#[derive(Serialize)]
pub(super) struct Wrong {
    pub(super) message: String,
    /// The byte of the text at which reading stopped.
    pub(super) offset: Option<usize>,
}

/// Answers one question a line, each with one line of JSON, as soon as it is asked.
///
/// A line that begins with `{` is JSON, which `answer` may get an error for; another is the text itself.
pub(super) fn answer_lines<Q, A>(
    ui: &mut Ui<'_>,
    answer: impl Fn(Result<Q, String>) -> A,
) -> Result<Exit, CliError>
where
    Q: DeserializeOwned + From<String>,
    A: Serialize,
{
    let mut lines = BufReader::new(&mut *ui.input);
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(Exit::Ok);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        let question = match text.starts_with('{') {
            true => serde_json::from_str(text).map_err(|error| format!("not a question: {error}")),
            false => Ok(Q::from(text.to_owned())),
        };
        let json = serde_json::to_string(&answer(question))
            .map_err(|error| CliError::new(Exit::Failed, format!("could not write the answer: {error}")))?;
        writeln!(ui.out, "{json}")?;
        ui.out.flush()?;
    }
}
