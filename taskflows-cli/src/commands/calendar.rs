use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use taskflows_core::schedule::Preview;

use super::logs::instant;
use super::questions::{Wrong, answer_lines};
use crate::arguments::{CalendarArguments, Format, Global};
use crate::output::data;
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui, show};

/// So many elapses are shown where nothing else is asked for.
const DEFAULT_ELAPSES: usize = 5;

/// More elapses than these are a mistake, which would only fill memory.
const MOST_ELAPSES: usize = 10_000;

/// One question of `--stdin`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    expr: String,
    tz: Option<String>,
    base_time: Option<String>,
    n: Option<usize>,
}

impl From<String> for Question {
    fn from(expr: String) -> Self {
        Self { expr, ..Self::default() }
    }
}

#[derive(Serialize)]
struct Answer {
    expr: String,
    valid: bool,
    normalized: Option<String>,
    /// RFC 3339 in UTC, to the microsecond.
    next: Vec<Timestamp>,
    error: Option<Wrong>,
}

/// What holds for every question that does not say otherwise.
struct Defaults {
    base: Timestamp,
    zone: Option<TimeZone>,
    elapses: usize,
}

pub(super) fn calendar(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &CalendarArguments,
) -> Result<Exit, CliError> {
    let zone = arguments.tz.as_deref().map(|name| app.zones.named(name)).transpose();
    let zone = zone.map_err(|error| CliError::new(Exit::Usage, format!("--tz: {error}")))?;
    let base = arguments.base_time.as_deref().map(|text| instant(app, text)).transpose()?;
    let defaults = Defaults {
        base: base.unwrap_or_else(|| (app.now)()),
        zone,
        elapses: arguments.iterations.unwrap_or(DEFAULT_ELAPSES).min(MOST_ELAPSES),
    };
    if arguments.stdin {
        return answer_lines(ui, |question| asked(app, &defaults, question));
    }
    let answers: Vec<Answer> =
        arguments.expressions.iter().map(|expression| answer(app, &defaults, expression)).collect();
    match global.output {
        Format::Table | Format::Wide | Format::Name => {
            for (index, one) in answers.iter().enumerate() {
                if index > 0 {
                    writeln!(ui.out)?;
                }
                show_answer(ui, app, &defaults, one)?;
            }
        }
        format => data(ui, format, &answers)?,
    }
    Ok(if answers.iter().all(|answer| answer.valid) { Exit::Ok } else { Exit::Usage })
}

fn asked(app: &App, defaults: &Defaults, question: Result<Question, String>) -> Answer {
    let question = match question {
        Ok(question) => question,
        Err(message) => return refused("", message, None),
    };
    let zone = match question.tz.as_deref().map(|name| app.zones.named(name)).transpose() {
        Ok(zone) => zone.or_else(|| defaults.zone.clone()),
        Err(error) => return refused(&question.expr, format!("tz: {error}"), None),
    };
    let base = match question.base_time.as_deref().map(|text| instant(app, text)).transpose() {
        Ok(base) => base.unwrap_or(defaults.base),
        Err(error) => return refused(&question.expr, format!("base_time: {error}"), None),
    };
    let elapses = question.n.unwrap_or(defaults.elapses).min(MOST_ELAPSES);
    answer(app, &Defaults { base, zone, elapses }, &question.expr)
}

fn refused(expression: &str, message: String, offset: Option<usize>) -> Answer {
    let error = Some(Wrong { message, offset });
    Answer { expr: expression.to_owned(), valid: false, normalized: None, next: Vec::new(), error }
}

fn answer(app: &App, defaults: &Defaults, expression: &str) -> Answer {
    let Defaults { base, zone, elapses } = defaults;
    match Preview::of(expression, &app.zones, zone.as_ref(), *base, *elapses) {
        Ok(preview) => Answer {
            expr: expression.to_owned(),
            valid: true,
            normalized: Some(preview.normalized),
            next: preview.next,
            error: None,
        },
        Err(error) => refused(expression, error.message, error.offset),
    }
}

fn show_answer(ui: &mut Ui<'_>, app: &App, defaults: &Defaults, answer: &Answer) -> Result<(), CliError> {
    writeln!(ui.out, "{}", harmless(&answer.expr))?;
    if let Some(error) = &answer.error {
        if let Some(offset) = error.offset {
            let before = answer.expr.get(..offset).unwrap_or_default();
            writeln!(ui.out, "{}^", " ".repeat(harmless(before).chars().count()))?;
        }
        writeln!(ui.out, "     invalid: {}", error.message)?;
        return Ok(());
    }
    writeln!(ui.out, "  normalized: {}", answer.normalized.as_deref().unwrap_or_default())?;
    if answer.next.is_empty() {
        writeln!(ui.out, "        next: never")?;
    }
    for (index, time) in answer.next.iter().enumerate() {
        let title = if index == 0 { "next:" } else { "" };
        let zone = defaults.zone.as_ref().unwrap_or(&app.display);
        writeln!(ui.out, "  {title:>11} {}", show::full(*time, zone))?;
    }
    Ok(())
}
