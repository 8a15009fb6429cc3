use jiff::Timestamp;
use serde::Serialize;
use taskflows_core::effects::{LogQuery, Next};
use taskflows_core::inspect::{Answer, Attempt, Ended, Evidence, Questions, TimerEvidence, explain};

use super::log_lines::plain_line;
use super::logs::past;
use super::status::LAST_LINES;
use crate::arguments::{Format, Global, WhyArguments};
use crate::error::chain;
use crate::output::data;
use crate::select::no_such_service;
use crate::ui::harmless;
use crate::{App, CliError, Exit, Ui, show};

/// How far the sentences are set in.
const INDENT: usize = 2;

#[derive(Serialize)]
struct AnswerRow<'a> {
    name: &'a str,
    /// The time that was asked about; null is now.
    at: Option<Timestamp>,
    /// The start that was scheduled at or last before it; null also where another run is told of.
    scheduled: Option<Timestamp>,
    verdict: &'static str,
    attempt: Option<AttemptRow>,
    reasons: Vec<ReasonRow<'a>>,
    constraints: Vec<ConstraintRow<'a>>,
    timer: Option<TimerRow>,
    /// The last lines of its log, of the time that was asked about.
    lines: Vec<String>,
}

#[derive(Serialize)]
struct AttemptRow {
    at: Timestamp,
    ended: Option<Timestamp>,
    /// `open`, `ok`, `failed`, `skipped`, `assert`, `dependency`, `start-limit`.
    result: &'static str,
    /// How it failed, or which condition was not met.
    detail: Option<String>,
    is_restart: bool,
}

#[derive(Serialize)]
struct ReasonRow<'a> {
    code: &'static str,
    message: &'a str,
    remedy: Option<&'a str>,
}

#[derive(Serialize)]
struct ConstraintRow<'a> {
    directive: &'a str,
    limit: &'a str,
    now: Option<&'a str>,
    is_met: Option<bool>,
}

#[derive(Serialize)]
struct TimerRow {
    enabled: bool,
    active: bool,
    next: Option<Timestamp>,
    last: Option<Timestamp>,
    persistent: bool,
}

/// Says why a service ran or did not.
pub(super) async fn why(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    why: &WhyArguments,
) -> Result<Exit, CliError> {
    let at = why.at.as_deref().map(|text| past(app, text)).transpose()?;
    let evidence = match app.inspector.evidence(&why.service, at).await {
        Err(error) if error.is_not_found() => return Err(no_such_service(app, why.service.as_str()).await),
        other => other?,
    };
    let questions = Questions {
        is_user_scope: evidence.is_user_scope,
        references: evidence.references.clone(),
        ..Questions::default()
    };
    let host = app.host.look(&questions).await;
    let answer = explain(&evidence, &host, at, (app.now)(), &app.zones, &app.display);
    let lines = last_lines(ui, app, &evidence, &answer).await;
    match global.output {
        Format::Table | Format::Wide => show_answer(ui, app, &evidence, &answer, &lines)?,
        Format::Name => writeln!(ui.out, "{}", evidence.name)?,
        format => data(ui, format, &[row(&evidence, &answer, lines)])?,
    }
    Ok(Exit::Ok)
}

/// Returns the last lines of the log up to the end of what is told of.
async fn last_lines(ui: &mut Ui<'_>, app: &App, evidence: &Evidence, answer: &Answer) -> Vec<String> {
    // Where the journal tells nothing of the service, neither does its log.
    if evidence.unreadable.is_some() {
        return Vec::new();
    }
    let until = answer.at.map(|at| {
        let seen = answer.attempt.as_ref().map(|attempt| attempt.ended_at.unwrap_or(attempt.seen_until));
        let told = seen.map_or(at, |seen| seen.max(at));
        told.checked_add(jiff::SignedDuration::from_secs(1)).unwrap_or(told)
    });
    let query = LogQuery {
        services: vec![evidence.name.clone()],
        lines: Some(LAST_LINES),
        since: evidence.removed,
        until,
        ..LogQuery::default()
    };
    match app.logs.read(&query).await {
        Ok(entries) => entries.iter().map(|entry| plain_line(entry, &app.display, false)).collect(),
        Err(error) => {
            ui.remark(format!("note: its log could not be read: {}", chain(&error)));
            Vec::new()
        }
    }
}

fn show_answer(
    ui: &mut Ui<'_>,
    app: &App,
    evidence: &Evidence,
    answer: &Answer,
    lines: &[String],
) -> Result<(), CliError> {
    let about =
        answer.at.and(answer.scheduled).map(|time| format!(" (due {})", show::full(time, &app.display)));
    let verdict = answer.verdict.as_str().replace('-', " ");
    writeln!(ui.out, "{}: {verdict}{}", evidence.name, about.unwrap_or_default())?;
    for reason in &answer.reasons {
        let text = show::wrapped(&harmless(&reason.message), INDENT, ui.width);
        writeln!(ui.out, "{text}")?;
        if let Some(remedy) = &reason.remedy {
            writeln!(ui.out, "{}fix: {}", " ".repeat(2 * INDENT), harmless(remedy))?;
        }
    }
    if !lines.is_empty() {
        writeln!(ui.out)?;
    }
    for line in lines {
        writeln!(ui.out, "{line}")?;
    }
    Ok(())
}

fn row<'a>(evidence: &'a Evidence, answer: &'a Answer, lines: Vec<String>) -> AnswerRow<'a> {
    let reasons = answer.reasons.iter().map(|reason| ReasonRow {
        code: reason.code,
        message: &reason.message,
        remedy: reason.remedy.as_deref(),
    });
    let constraints = answer.constraints.iter().map(|one| ConstraintRow {
        directive: &one.directive,
        limit: &one.limit,
        now: one.now.as_deref(),
        is_met: one.is_met,
    });
    AnswerRow {
        name: evidence.name.as_str(),
        at: answer.at,
        scheduled: answer.scheduled,
        verdict: answer.verdict.as_str(),
        attempt: answer.attempt.as_ref().map(attempt_row),
        reasons: reasons.collect(),
        constraints: constraints.collect(),
        timer: evidence.timer.as_ref().map(timer_row),
        lines,
    }
}

fn attempt_row(attempt: &Attempt) -> AttemptRow {
    let (result, detail) = match &attempt.ended {
        Ended::Open => ("open", None),
        Ended::Well => ("ok", None),
        Ended::Badly(end) => ("failed", Some(end.to_string())),
        Ended::Skipped(condition) => ("skipped", Some(condition.clone())),
        Ended::Assert => ("assert", None),
        Ended::Dependency => ("dependency", None),
        Ended::Limit => ("start-limit", None),
    };
    AttemptRow { at: attempt.at, ended: attempt.ended_at, result, detail, is_restart: attempt.is_restart }
}

fn timer_row(timer: &TimerEvidence) -> TimerRow {
    let next = match timer.next {
        Next::At(time) => Some(time),
        _ => None,
    };
    TimerRow {
        enabled: timer.is_enabled,
        active: timer.is_active,
        next,
        last: timer.last,
        persistent: timer.is_persistent,
    }
}
