use jiff::Timestamp;
use taskflows_api::wire::{WhyAnswer, WhyAttempt, WhyConstraint, WhyReason, WhyTimer};
use taskflows_core::ServiceName;
use taskflows_core::effects::{LogError, LogQuery, Next};
use taskflows_core::inspect::{Answer, Attempt, Ended, Evidence, Questions, TimerEvidence, explain};

use crate::commands::{LAST_LINES, plain_line};
use crate::error::chain;
use crate::{App, CliError};

pub(super) async fn why(app: &App, name: &ServiceName, at: Option<Timestamp>) -> Result<WhyAnswer, CliError> {
    let evidence = app.inspector.evidence(name, at).await?;
    let questions = Questions {
        is_user_scope: evidence.is_user_scope,
        references: evidence.references.clone(),
        ..Questions::default()
    };
    let host = app.host.look(&questions).await;
    let answer = explain(&evidence, &host, at, (app.now)(), &app.zones, &app.display);
    match last_lines(app, &evidence, &answer).await {
        Ok(lines) => Ok(told(&evidence, &answer, lines)),
        Err(error) => Ok(WhyAnswer { unread: Some(chain(&error)), ..told(&evidence, &answer, Vec::new()) }),
    }
}

/// Returns the last lines of the log up to the end of what is told of.
async fn last_lines(app: &App, evidence: &Evidence, answer: &Answer) -> Result<Vec<String>, LogError> {
    // Where the journal tells nothing of the service, neither does its log.
    if evidence.unreadable.is_some() {
        return Ok(Vec::new());
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
    let entries = app.logs.read(&query).await?;
    Ok(entries.iter().map(|entry| plain_line(entry, &app.display, false)).collect())
}

fn told(evidence: &Evidence, answer: &Answer, lines: Vec<String>) -> WhyAnswer {
    let reasons = answer.reasons.iter().map(|reason| WhyReason {
        code: reason.code.to_owned(),
        message: reason.message.clone(),
        remedy: reason.remedy.clone(),
    });
    let constraints = answer.constraints.iter().map(|one| WhyConstraint {
        directive: one.directive.clone(),
        limit: one.limit.clone(),
        now: one.now.clone(),
        is_met: one.is_met,
    });
    WhyAnswer {
        name: evidence.name.to_string(),
        at: answer.at,
        scheduled: answer.scheduled,
        verdict: answer.verdict.as_str().to_owned(),
        attempt: answer.attempt.as_ref().map(attempt_row),
        reasons: reasons.collect(),
        constraints: constraints.collect(),
        timer: evidence.timer.as_ref().map(timer_row),
        lines,
        unread: None,
    }
}

fn attempt_row(attempt: &Attempt) -> WhyAttempt {
    let (result, detail) = match &attempt.ended {
        Ended::Open => ("open", None),
        Ended::Well => ("ok", None),
        Ended::Badly(end) => ("failed", Some(end.to_string())),
        Ended::Skipped(condition) => ("skipped", Some(condition.clone())),
        Ended::Assert => ("assert", None),
        Ended::Dependency => ("dependency", None),
        Ended::Limit => ("start-limit", None),
    };
    WhyAttempt {
        at: attempt.at,
        ended: attempt.ended_at,
        result: result.to_owned(),
        detail,
        is_restart: attempt.is_restart,
    }
}

fn timer_row(timer: &TimerEvidence) -> WhyTimer {
    let next = match timer.next {
        Next::At(time) => Some(time),
        _ => None,
    };
    WhyTimer {
        enabled: timer.is_enabled,
        active: timer.is_active,
        next,
        last: timer.last,
        persistent: timer.is_persistent,
    }
}
