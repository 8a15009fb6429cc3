use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use taskflows_core::task::{Attempt, RunRecord, Trigger};
use taskflows_core::{Outcome, Run};

use super::{digits, words};
use crate::output::{Column, Row, Styled, Tone, whole, wide};
use crate::show;
use crate::ui::harmless;

/// A line of `tf history`.
#[derive(Serialize)]
pub(super) struct HistoryRow {
    pub(super) id: String,
    task: String,
    service: Option<String>,
    scheduled: Option<Timestamp>,
    /// RFC 3339 in UTC, as all times here.
    started: Timestamp,
    ended: Option<Timestamp>,
    took_seconds: Option<f64>,
    outcome: &'static str,
    reason: Option<String>,
    /// The exit code, or the name of the signal, where a process ended so that the run failed.
    exit: Option<String>,
    attempts: u32,
    max_attempts: u32,
    trigger: &'static str,
    by: Option<String>,
    retry_of: Option<String>,
    command: Option<Vec<String>>,
    directory: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attempted: Option<Vec<AttemptRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) log: Option<Vec<LogLine>>,
    #[serde(skip)]
    pub(super) shown: Shown,
}

/// What people are shown of it.
pub(super) struct Shown {
    task: String,
    pub(super) started: String,
    pub(super) took: Styled,
    pub(super) outcome: Styled,
    pub(super) by: Styled,
}

/// One attempt of a run.
#[derive(Serialize)]
pub(super) struct AttemptRow {
    number: u32,
    started: Timestamp,
    ended: Timestamp,
    took_seconds: Option<f64>,
    outcome: &'static str,
    reason: Option<String>,
    tail: String,
}

/// A line that was written by a run, or of it.
#[derive(Serialize)]
pub(super) struct LogLine {
    pub(super) time: Timestamp,
    pub(super) origin: &'static str,
    pub(super) priority: u8,
    pub(super) message: String,
}

impl HistoryRow {
    /// Takes a run as it is now; where the terminal is `narrow`, long texts are cut for the table.
    pub(super) fn new(run: &RunRecord, now: Timestamp, zone: &TimeZone, narrow: bool) -> Self {
        let took =
            Run { started: Some(run.started), ended: run.ended, outcome: run.outcome.clone() }.took(now);
        let cut = |text: String, most| if narrow { cut(&text, most) } else { text };
        let shown = Shown {
            task: cut(harmless(&run.task), LONGEST_NAME),
            started: show::past(run.started, now, zone),
            took: took.map_or_else(|| faint("-"), |took| show::length(took).into()),
            outcome: Styled { text: cut(ending(run), LONGEST_REASON), tone: tone(&run.outcome) },
            by: by(&run.trigger),
        };
        Self {
            id: run.id.to_string(),
            task: run.task.clone(),
            service: run.service.as_ref().map(ToString::to_string),
            scheduled: run.scheduled,
            started: run.started,
            ended: run.ended,
            took_seconds: took.map(|took| took.as_secs_f64()),
            outcome: run.outcome.word(),
            reason: reason(&run.outcome, run.error.as_deref()),
            exit: exit(&run.outcome),
            attempts: run.attempts,
            max_attempts: run.max_attempts,
            trigger: run.trigger.word(),
            by: run.trigger.by().map(str::to_owned),
            retry_of: run.trigger.retry_of().map(|of| of.to_string()),
            command: run.command.clone(),
            directory: run.directory.clone(),
            attempted: None,
            log: None,
            shown,
        }
    }

    pub(super) fn count(&self) -> String {
        // Of a run that goes on those are counted that are over; and one it has at least.
        let goes_on = self.outcome == Outcome::Running.word();
        match self.max_attempts {
            0 | 1 if goes_on => "1".to_owned(),
            0 | 1 => self.attempts.to_string(),
            most if goes_on => format!("{} of {most}", self.attempts.saturating_add(1).min(most)),
            most => format!("{} of {most}", self.attempts),
        }
    }
}

impl AttemptRow {
    pub(super) fn new(attempt: &Attempt) -> Self {
        Self {
            number: attempt.number,
            started: attempt.started,
            ended: attempt.ended,
            took_seconds: took(attempt).map(|took| took.as_secs_f64()),
            outcome: attempt.outcome.word(),
            reason: reason(&attempt.outcome, attempt.error.as_deref()),
            tail: attempt.tail.clone(),
        }
    }
}

/// Returns how long an attempt took.
pub(super) fn took(attempt: &Attempt) -> Option<std::time::Duration> {
    attempt.ended.duration_since(attempt.started).try_into().ok()
}

fn faint(text: &str) -> Styled {
    Styled { text: text.to_owned(), tone: Tone::Faint }
}

/// Says what started a run: `timer`, `manual (ada)`, `retry of 1111aaaa`.
fn by(trigger: &Trigger) -> Styled {
    match trigger {
        Trigger::Manual(Some(user)) => format!("manual ({})", harmless(user)).into(),
        Trigger::Retry(of) => format!("retry of {}", digits(*of)).into(),
        Trigger::Unknown => faint("-"),
        known => known.word().into(),
    }
}

fn tone(outcome: &Outcome) -> Tone {
    match outcome {
        Outcome::Failed(_) | Outcome::Interrupted | Outcome::Unknown => Tone::Bad,
        Outcome::Running => Tone::Busy,
        Outcome::Skipped => Tone::Faint,
        _ => Tone::Plain,
    }
}

/// Says what went wrong, in one line.
pub(super) fn reason(outcome: &Outcome, error: Option<&str>) -> Option<String> {
    let end = match outcome {
        Outcome::Failed(end) => Some(end.to_string()),
        _ => None,
    };
    error.map(|error| harmless(error.lines().next().unwrap_or_default())).or(end)
}

fn exit(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Failed(end) => end.exit.map(|exit| exit.to_string()),
        Outcome::Succeeded => Some("0".to_owned()),
        _ => None,
    }
}

/// Says how a run ended, and how many attempts that took: `ok (2 tries)`, `failed: exit code 3`.
fn ending(run: &RunRecord) -> String {
    let words = words(&run.outcome, run.error.as_deref());
    match run.attempts {
        0 | 1 => words,
        tries => {
            let (word, rest) = words.split_at(run.outcome.word().len());
            format!("{word} ({tries} tries){rest}")
        }
    }
}

fn copy(styled: &Styled) -> Styled {
    Styled { text: styled.text.clone(), tone: styled.tone }
}

/// So many characters of a reason stand in a table; a run by itself is shown with all of it.
const LONGEST_REASON: usize = 56;

/// So many characters of a name do.
const LONGEST_NAME: usize = 36;

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}\u{2026}", &text[..at]),
        None => text.to_owned(),
    }
}

impl Row for HistoryRow {
    const COLUMNS: &'static [Column] = &[
        whole("STARTED", 18),
        whole("TASK", 14),
        whole("TOOK", 6),
        whole("OUTCOME", 11),
        whole("BY", 6),
        whole("RUN", 8),
        wide("TRIES"),
        wide("SERVICE"),
        wide("COMMAND"),
    ];

    fn cells(&self) -> Vec<Styled> {
        let command = self.command.as_ref().map(|command| harmless(&shell_words::join(command)));
        vec![
            self.shown.started.as_str().into(),
            self.shown.task.as_str().into(),
            copy(&self.shown.took),
            copy(&self.shown.outcome),
            copy(&self.shown.by),
            self.id.chars().take(8).collect::<String>().into(),
            self.count().into(),
            self.service.as_deref().unwrap_or("-").into(),
            command.unwrap_or_else(|| "-".to_owned()).into(),
        ]
    }

    fn name(&self) -> String {
        self.id.clone()
    }

    fn time(&self) -> Option<Timestamp> {
        Some(self.started)
    }
}
