use serde::Serialize;
use taskflows_core::TimeSpan;

use crate::arguments::{Format, Global, TimeSpanArguments};
use crate::output::data;
use crate::ui::harmless;
use crate::{CliError, Exit, Ui};

#[derive(Serialize)]
struct Answer {
    span: String,
    valid: bool,
    /// The length in microseconds; systemd's greatest number for `infinity`.
    micros: Option<u64>,
    normalized: Option<String>,
    error: Option<String>,
}

pub(super) fn timespan(
    ui: &mut Ui<'_>,
    global: &Global,
    arguments: &TimeSpanArguments,
) -> Result<Exit, CliError> {
    let answers: Vec<Answer> = arguments.spans.iter().map(|span| answer(span)).collect();
    match global.output {
        Format::Table | Format::Wide | Format::Name => {
            for answer in &answers {
                let span = harmless(&answer.span);
                match (&answer.error, answer.micros, &answer.normalized) {
                    (None, Some(micros), Some(normalized)) => {
                        writeln!(ui.out, "{span}: {normalized} ({micros} µs)")?;
                    }
                    (error, ..) => writeln!(ui.out, "{span}: invalid: {}", error.as_deref().unwrap_or("?"))?,
                }
            }
        }
        format => data(ui, format, &answers)?,
    }
    Ok(if answers.iter().all(|answer| answer.valid) { Exit::Ok } else { Exit::Usage })
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
        Err(error) => Answer {
            span: text.to_owned(),
            valid: false,
            micros: None,
            normalized: None,
            error: Some(error.reason().to_owned()),
        },
    }
}
