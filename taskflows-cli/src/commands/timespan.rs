use serde::{Deserialize, Serialize};
use taskflows_core::TimeSpan;

use super::questions::{Wrong, answer_lines};
use crate::arguments::{Format, Global, TimeSpanArguments};
use crate::output::data;
use crate::ui::harmless;
use crate::{CliError, Exit, Ui};

/// One question of `--stdin`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    span: String,
}

impl From<String> for Question {
    fn from(span: String) -> Self {
        Self { span }
    }
}

#[derive(Serialize)]
struct Answer {
    span: String,
    valid: bool,
    /// The length in microseconds; systemd's greatest number for `infinity`.
    micros: Option<u64>,
    normalized: Option<String>,
    error: Option<Wrong>,
}

pub(super) fn timespan(
    ui: &mut Ui<'_>,
    global: &Global,
    arguments: &TimeSpanArguments,
) -> Result<Exit, CliError> {
    if arguments.stdin {
        return answer_lines(ui, |question: Result<Question, String>| match question {
            Ok(question) => answer(&question.span),
            Err(message) => refused("", message, None),
        });
    }
    let answers: Vec<Answer> = arguments.spans.iter().map(|span| answer(span)).collect();
    match global.output {
        Format::Table | Format::Wide | Format::Name => {
            for answer in &answers {
                let span = harmless(&answer.span);
                match (&answer.error, answer.micros, &answer.normalized) {
                    (None, Some(micros), Some(normalized)) => {
                        writeln!(ui.out, "{span}: {normalized} ({micros} µs)")?;
                    }
                    (error, ..) => {
                        let message = error.as_ref().map_or("?", |error| error.message.as_str());
                        writeln!(ui.out, "{span}: invalid: {message}")?;
                    }
                }
            }
        }
        format => data(ui, format, &answers)?,
    }
    Ok(if answers.iter().all(|answer| answer.valid) { Exit::Ok } else { Exit::Usage })
}

fn refused(span: &str, message: String, offset: Option<usize>) -> Answer {
    let error = Some(Wrong { message, offset });
    Answer { span: span.to_owned(), valid: false, micros: None, normalized: None, error }
}

fn answer(text: &str) -> Answer {
    let known = |micros: u64, normalized: String| Answer {
        span: text.to_owned(),
        valid: true,
        micros: Some(micros),
        normalized: Some(normalized),
        error: None,
    };
    // A service cannot hold it: without a limit is without the key. systemd's own commands take it.
    if text.trim() == "infinity" {
        return known(u64::MAX, "infinity".to_owned());
    }
    match text.parse::<TimeSpan>() {
        Ok(span) => known(span.micros(), span.to_string()),
        Err(error) => refused(text, error.reason().to_owned(), Some(error.offset())),
    }
}
