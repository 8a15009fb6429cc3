use std::time::Duration;

use jiff::Timestamp;
use taskflows_core::Outcome;

use super::facts::{MissedReason, NextStep, RunFacts};
use super::mask::mask;
use super::words::{exit_in_words, length};
use crate::{Component, Field, Link, Message, MessageState, SendOn, Severity, Tone};

/// How many of the last lines of a log go along.
const LOG_LINES: usize = 15;

/// How much of an error stands in the message itself.
const MOST_ERROR: usize = 5_000;

/// Tells that a run begins.
pub fn started(facts: &RunFacts) -> Message {
    begin(facts, SendOn::Start, Severity::Info, format!("{} started", facts.service), facts.started)
}

/// Tells that an attempt failed.
pub fn attempt_failed(facts: &RunFacts) -> Message {
    let which = facts.attempt.map(|(attempt, of)| format!(", attempt {attempt} of {of}")).unwrap_or_default();
    let title = format!("{} failed{which}: {}", facts.service, cause(facts));
    let mut message = begin(facts, SendOn::Error, Severity::Error, title, facts.ended);
    with_error(&mut message, facts);
    with_log(&mut message, &facts.log, &facts.secrets);
    message
}

/// Tells that a run is over.
pub fn finished(facts: &RunFacts) -> Message {
    let (word, severity) = match facts.outcome {
        Outcome::Succeeded => ("finished", Severity::Info),
        _ => ("failed", Severity::Error),
    };
    let took = facts.took().map(|took| format!(" after {}", length(took))).unwrap_or_default();
    let title = match facts.outcome {
        Outcome::Succeeded => format!("{} {word}{took}", facts.service),
        _ => format!("{} {word}{took}: {}", facts.service, cause(facts)),
    };
    let mut message = begin(facts, SendOn::Finish, severity, title, facts.ended);
    with_error(&mut message, facts);
    if let Some(result) = &facts.result {
        message.fields.push(field("Result", mask(result, &facts.secrets).into_owned()));
    }
    message
}

/// Tells that a run failed, with all its attempts.
pub fn failed(facts: &RunFacts) -> Message {
    let title = format!("{} failed: {}", facts.service, cause(facts));
    let mut message = begin(facts, SendOn::Failed, Severity::Error, title, facts.ended);
    message.state = MessageState::Firing;
    with_error(&mut message, facts);
    with_log(&mut message, &facts.log, &facts.secrets);
    message
}

/// Tells that what failed or was missed runs well again.
pub fn recovered(facts: &RunFacts) -> Message {
    let title = format!("{} runs well again", facts.service);
    let mut message = begin(facts, SendOn::Recovered, Severity::Info, title, facts.ended);
    message.state = MessageState::Resolved;
    message
}

/// Tells that a condition kept a run from starting.
pub fn skipped(facts: &RunFacts) -> Message {
    let why = facts.error.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let title = format!("{} was skipped{why}", facts.service);
    begin(facts, SendOn::Skipped, Severity::Info, title, facts.scheduled.or(facts.started))
}

/// Tells that a run takes, or took, an unusual time; `now` where it runs still.
pub fn slow(facts: &RunFacts, now: Timestamp) -> Message {
    let until = facts.ended.unwrap_or(now);
    let took = facts.started.and_then(|started| Duration::try_from(until.duration_since(started)).ok());
    let usual = facts.usual.map(|usual| format!(" (usually {})", length(usual))).unwrap_or_default();
    let took = took.unwrap_or_default();
    let title = match (facts.ended, facts.usual) {
        (None, _) => format!("{} has been running for {}{usual}", facts.service, length(took)),
        (Some(_), Some(usually)) if took < usually => {
            format!("{} took only {}{usual}", facts.service, length(took))
        }
        (Some(_), _) => format!("{} took {}{usual}", facts.service, length(took)),
    };
    begin(facts, SendOn::Slow, Severity::Warning, title, Some(until))
}

/// Tells that a run did not take place.
pub fn missed(facts: &RunFacts, reason: &MissedReason, now: Timestamp) -> Message {
    let name = &facts.service;
    let time = |time: &Timestamp| clock(*time, facts);
    let late = |due: &Timestamp| length(Duration::try_from(now.duration_since(*due)).unwrap_or_default());
    let title = match reason {
        MissedReason::Overdue { due } => format!("{name} did not run: due {}, {} ago", time(due), late(due)),
        MissedReason::HostWasOff { due, .. } => {
            format!("{name} did not run: {} was off at {}", facts.host, time(due))
        }
        MissedReason::TimerIsDead => format!("{name} will not run: its timer does not run"),
        MissedReason::TimerIsDisabled => {
            format!("{name} will not run after a restart: its timer is disabled")
        }
        MissedReason::TimerIsGone => format!("{name} will not run: its timer is gone"),
        MissedReason::NeverAgain => format!("{name} will never run again: its timer has no time left"),
    };
    let mut message = begin(facts, SendOn::Missed, Severity::Error, title, Some(now));
    message.state = MessageState::Firing;
    let remedy = match reason {
        MissedReason::TimerIsDead | MissedReason::TimerIsDisabled => Some(format!("tf enable {name}")),
        MissedReason::TimerIsGone => Some("tf create with its definition".to_owned()),
        _ => None,
    };
    message.fields.extend(remedy.map(|remedy| field("To mend it", remedy)));
    if let MissedReason::HostWasOff { back, .. } = reason {
        message.fields.push(field("Host back", time(back)));
    }
    message.fields.push(field("To see why", format!("tf why {name}")));
    message
}

/// Adds the last lines of a log, without what looks like a secret.
pub fn with_log(message: &mut Message, lines: &[String], secrets: &[String]) {
    let from = lines.len().saturating_sub(LOG_LINES);
    if lines.is_empty() {
        return;
    }
    // As one text, since a key may take several lines.
    let text = lines[from..].join("\n");
    let title = match lines.len() - from {
        1 => "The last line of its log:".to_owned(),
        count => format!("The last {count} lines of its log:"),
    };
    message.body.push(Component::Text { text: title, tone: Tone::Neutral });
    message.body.push(Component::Code { text: mask(&text, secrets).into_owned(), language: None });
}

fn begin(facts: &RunFacts, on: SendOn, severity: Severity, title: String, at: Option<Timestamp>) -> Message {
    let mut message = Message {
        severity,
        title: mask(&title, &facts.secrets).into_owned(),
        dedup_key: Some(format!("{}/{}", facts.host, facts.service)),
        mentions: facts.mentions.clone(),
        at,
        fields: fields(facts),
        ..Message::default()
    };
    let labels = [("service", facts.service.clone()), ("host", facts.host.clone()), ("kind", on.to_string())];
    message.labels.extend(labels.map(|(key, value)| (key.to_owned(), value)));
    if let (SendOn::Error, Some((attempt, _))) = (on, facts.attempt) {
        message.labels.insert("attempt".to_owned(), attempt.to_string());
    }
    message.labels.extend(facts.run.map(|run| ("run".to_owned(), run.to_string())));
    if let (Some(explore), Some(started)) = (&facts.explore, facts.started) {
        let until = facts.ended.or(at).unwrap_or(started);
        let url = explore.run(&facts.service, started, until);
        message.links.push(Link { text: "Log in Grafana".to_owned(), url });
    }
    message
}

fn fields(facts: &RunFacts) -> Vec<Field> {
    let mut fields = vec![field("Service", facts.service.clone()), field("Host", facts.host.clone())];
    if let Some((attempt, of)) = facts.attempt.filter(|(_, of)| *of > 1) {
        fields.push(field("Attempt", format!("{attempt} of {of}")));
    }
    if let Some(started) = facts.started {
        let late = facts.scheduled.and_then(|due| Duration::try_from(started.duration_since(due)).ok());
        let late = late.filter(|late| *late >= Duration::from_secs(1));
        let late = late.map(|late| format!(" ({} late)", length(late))).unwrap_or_default();
        fields.push(field("Started", format!("{}{late}", clock(started, facts))));
    }
    if let Some(due) = facts.scheduled {
        fields.push(field("Scheduled", clock(due, facts)));
    }
    if let Some(took) = facts.took() {
        let usual = facts.usual.map(|usual| format!(" (usually {})", length(usual))).unwrap_or_default();
        fields.push(field("Took", format!("{}{usual}", length(took))));
    }
    match facts.next {
        Some(NextStep::Attempt(wait)) => fields.push(field("Next attempt", format!("in {}", length(wait)))),
        Some(NextStep::Run(at)) => fields.push(field("Next run", clock(at, facts))),
        Some(NextStep::Nothing) => fields.push(field("Next run", "none by itself".to_owned())),
        None => {}
    }
    if let Some(run) = facts.run {
        // Enough to find it by, as with commits.
        fields.push(field("Run", run.to_string().chars().take(8).collect()));
    }
    fields
}

fn cause(facts: &RunFacts) -> String {
    match (&facts.outcome, &facts.error) {
        (Outcome::Failed(end), Some(error)) if end.result == "error" => first_line(error),
        (outcome, _) => exit_in_words(outcome),
    }
}

/// Adds the whole of an error of which the title has the first line at most.
fn with_error(message: &mut Message, facts: &RunFacts) {
    let Some(error) = facts.error.as_deref().filter(|error| !error.trim().is_empty()) else { return };
    if !message.title.ends_with(error) {
        let text: String = mask(error, &facts.secrets).chars().take(MOST_ERROR).collect();
        message.body.push(Component::Text { text, tone: Tone::Bad });
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.chars().take(200).collect()
}

fn field(name: &str, value: String) -> Field {
    Field { name: name.to_owned(), value }
}

fn clock(time: Timestamp, facts: &RunFacts) -> String {
    time.to_zoned(facts.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use taskflows_core::grafana::Explore;
    use taskflows_core::{ExitKind, RunEnd};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_658_400 + second).unwrap()
    }

    fn facts() -> RunFacts {
        let mut facts = RunFacts::new("backup", "web1");
        facts.run = Some("0123456789abcdef0123456789abcdef".parse().unwrap());
        facts.attempt = Some((3, 3));
        facts.scheduled = Some(at(0));
        facts.started = Some(at(2));
        facts.ended = Some(at(75));
        facts.usual = Some(Duration::from_secs(900));
        let exit = Some(ExitKind::Exited(137));
        facts.outcome = Outcome::Failed(RunEnd { result: "exit-code".into(), exit, is_preparation: false });
        facts.next = Some(NextStep::Run(at(86_400)));
        facts.log = (1..=20).map(|line| format!("line {line} password=x{line}")).collect();
        facts.explore = Some(Explore::new("https://grafana.example.org"));
        facts
    }

    fn value<'m>(message: &'m Message, name: &str) -> &'m str {
        let found = message.fields.iter().find(|field| field.name == name);
        &found.unwrap_or_else(|| panic!("no field {name} in {message:?}")).value
    }

    #[test]
    fn a_failure_tells_what_is_needed() {
        let message = failed(&facts());
        assert_eq!(
            message.title,
            "backup failed: killed (SIGKILL), often for lack of memory (exit code 137)"
        );
        assert_eq!(message.state, MessageState::Firing);
        for (name, text) in [
            ("Host", "web1"),
            ("Attempt", "3 of 3"),
            ("Started", "2026-11-26 02:00:02 UTC (2s late)"),
            ("Scheduled", "2026-11-26 02:00:00 UTC"),
            ("Took", "1min 13s (usually 15min)"),
            ("Next run", "2026-11-27 02:00:00 UTC"),
            ("Run", "01234567"),
        ] {
            assert_eq!(value(&message, name), text);
        }
        assert_eq!(message.labels["run"], "0123456789abcdef0123456789abcdef");
        let url = &message.links[0].url;
        assert!(url.contains(&(at(2).as_millisecond() - 60_000).to_string()), "{url}");
        let Some(Component::Code { text, .. }) = message.body.last() else { panic!("{message:?}") };
        assert_eq!(text.lines().count(), 15);
        assert!(text.starts_with("line 6 password=****\n"), "{text}");
        assert!(!text.contains("=x"), "{text}");
    }

    #[test]
    fn an_error_of_a_function_is_the_cause_and_its_rest_stands_below() {
        let mut facts = facts();
        facts.outcome = Outcome::Failed(RunEnd { result: "error".into(), exit: None, is_preparation: false });
        facts.error = Some("no such table\n  while reading token=abc".into());
        let message = attempt_failed(&facts);
        assert_eq!(message.title, "backup failed, attempt 3 of 3: no such table");
        let Component::Text { text, .. } = &message.body[0] else { panic!("{message:?}") };
        assert_eq!(text, "no such table\n  while reading token=****");
    }

    #[test]
    fn a_missed_run_says_when_it_was_due_and_what_to_do() {
        let facts = RunFacts::new("backup", "web1");
        let message = missed(&facts, &MissedReason::Overdue { due: at(0) }, at(600));
        assert_eq!(message.title, "backup did not run: due 2026-11-26 02:00:00 UTC, 10min ago");
        let message = missed(&facts, &MissedReason::TimerIsDead, at(600));
        assert_eq!(value(&message, "To mend it"), "tf enable backup");
    }

    #[test]
    fn an_unusual_time_is_told_beside_the_usual_one() {
        let mut facts = facts();
        assert_eq!(slow(&facts, at(80)).title, "backup took only 1min 13s (usually 15min)");
        facts.ended = None;
        let title = "backup has been running for 1h (usually 15min)";
        assert_eq!(slow(&facts, at(3602)).title, title);
    }

    #[test]
    fn the_start_and_the_end_are_told() {
        let mut facts = facts();
        assert_eq!(started(&facts).title, "backup started");
        facts.outcome = Outcome::Succeeded;
        facts.result = Some("42 rows".into());
        let message = finished(&facts);
        assert_eq!(
            (message.title.as_str(), value(&message, "Result")),
            ("backup finished after 1min 13s", "42 rows")
        );
        assert_eq!(recovered(&facts).state, MessageState::Resolved);
    }
}
