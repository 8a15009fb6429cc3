//! Rules from what is known of a service to why it ran or did not.

mod missed;
mod now;
mod past;
mod words;

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use self::words::Words;
use super::evidence::{Deed, Evidence};
use super::facts::HostFacts;
use super::history::{Attempt, Ended, attempts};
use super::measure::{Measured, measure};
use crate::TimeSpan;
use crate::effects::State;
use crate::schedule::{CalendarSpec, Zones};

/// Why a service ran or did not.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The time that was asked about; `None` is now.
    pub at: Option<Timestamp>,
    /// The start that was scheduled at or last before it; `None` also where another run is told of.
    pub scheduled: Option<Timestamp>,
    /// The answer in a word.
    pub verdict: Verdict,
    /// The attempt it is about.
    pub attempt: Option<Attempt>,
    /// What its starts depend on, as it is now.
    pub constraints: Vec<Measured>,
    /// The answer in sentences, the most decisive first; never empty.
    pub reasons: Vec<Reason>,
}

/// The answer in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It runs.
    Running,
    /// It ran and ended well, or its end is not known.
    Ran,
    /// It ran and failed.
    Failed,
    /// A start was tried and nothing was started.
    NotStarted,
    /// It did not run, though it was due or would have been.
    Missed,
    /// It did not run, and nothing was due.
    Idle,
    /// It waits for its timer.
    Waiting,
    /// Nothing starts it.
    Off,
    /// That is still to come.
    Coming,
    /// Nobody knows.
    Unknown,
}

/// The assert of a service that runs in a Python environment.
const VENV: &str = "AssertFileIsExecutable=";

impl Verdict {
    /// Returns the word: `running`, `ran`, `failed`, `not-started`, `missed`, `idle`, `waiting`, `off`,
    /// `coming`, `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ran => "ran",
            Self::Failed => "failed",
            Self::NotStarted => "not-started",
            Self::Missed => "missed",
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Off => "off",
            Self::Coming => "coming",
            Self::Unknown => "unknown",
        }
    }
}

/// One sentence of an [`Answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// A stable word for it: `condition`, `assert`, `start-limit`, `merged`, `manager-off`, …
    pub code: &'static str,
    /// A sentence.
    pub message: String,
    /// What to do about it, with the command to type.
    pub remedy: Option<String>,
}

impl Reason {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), remedy: None }
    }

    fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// A start is taken as the one that was scheduled where it began so little later, the timer's own delays
/// apart: the manager may be busy.
const LATE: SignedDuration = SignedDuration::from_secs(2);

/// The journal's time of a start may be so much before the time it was scheduled at.
const EARLY: SignedDuration = SignedDuration::from_millis(500);

/// Says why a service ran, or did not, at `at`, or as it stands at `now`. Times are written in `display`.
pub fn explain(
    evidence: &Evidence,
    host: &HostFacts,
    at: Option<Timestamp>,
    now: Timestamp,
    zones: &Zones,
    display: &TimeZone,
) -> Answer {
    let case = Case {
        evidence,
        host,
        now,
        zones,
        words: Words { display, now },
        attempts: attempts(&evidence.events),
        constraints: evidence.constraints.iter().map(|line| measure(&line.key, &line.value, host)).collect(),
    };
    let mut answer = match at {
        Some(at) => case.explain_past(at),
        None => case.explain_now(),
    };
    if let Some(reason) = &evidence.unreachable {
        let message =
            format!("The systemd manager does not answer, so how it stands is not known: {reason}.");
        answer.reasons.insert(0, Reason::new("manager", message).remedy("tf doctor"));
        if at.is_none() {
            answer.verdict = Verdict::Unknown;
        }
    }
    if let Some(reason) = &evidence.unreadable {
        answer.reasons.push(Reason::new(
            "journal",
            format!("The journal could not be read, so what happened is not known: {reason}."),
        ));
    }
    answer.constraints = case.constraints;
    answer
}

/// What comes of it when a timer that is off is enabled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// The start that it would make up for at once.
    pub missed: Option<Timestamp>,
    /// The next start by its calendar.
    pub next: Option<Timestamp>,
}

/// Foretells what the timer of a service does when it is enabled at `now`: a persistent one that has elapsed
/// before starts the service at once where a start fell due since. Source: systemd.timer(5), `Persistent=`.
pub fn outlook(evidence: &Evidence, now: Timestamp, zones: &Zones) -> Outlook {
    let Some(timer) = &evidence.timer else { return Outlook::default() };
    let case = Case {
        evidence,
        host: &HostFacts::default(),
        now,
        zones,
        words: Words { display: &TimeZone::UTC, now },
        attempts: attempts(&evidence.events),
        constraints: Vec::new(),
    };
    let started = evidence.events.iter().filter(|event| event.deed == Deed::TimerStarted);
    let by_timer =
        |one: &&Attempt| case.scheduled(one.at).and_then(|time| case.attempt_for(time)) == Some(*one);
    let elapsed = case.attempts.iter().filter(by_timer).map(|one| one.at);
    // The first start of a timer counts as an elapse.
    let last = elapsed.chain(started.map(|event| event.time)).chain(timer.last).max();
    let due = case.scheduled(now).filter(|_| timer.is_persistent && !timer.is_active);
    let missed = due.zip(last).filter(|(due, last)| due > last).map(|(due, _)| due);
    Outlook { missed, next: case.scheduled_after(now) }
}

/// Returns the last elapse of `spec` that is not after `at`; `None` where there is none in thirty years.
///
/// ```
/// use jiff::tz::TimeZone;
/// use taskflows_core::inspect::last_elapse;
///
/// let last = last_elapse(&"Mon 12:00".parse()?, "2026-11-24T00:00:00Z".parse()?, &TimeZone::UTC);
/// assert_eq!(last, Some("2026-11-23T12:00:00Z".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn last_elapse(spec: &CalendarSpec, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    const MINUTE: i64 = 60;
    const DAY: i64 = 86_400;
    for seconds in [2, MINUTE, 60 * MINUTE, DAY, 40 * DAY, 400 * DAY, 5 * 366 * DAY, 30 * 366 * DAY] {
        // Elapses are looked for strictly after the beginning.
        let Ok(from) = at.checked_sub(SignedDuration::from_secs(seconds)) else { break };
        if let Some(last) = spec.upcoming(from, zone).take_while(|time| *time <= at).last() {
            return Some(last);
        }
    }
    None
}

/// A service under question with everything the rules look at.
struct Case<'a> {
    evidence: &'a Evidence,
    host: &'a HostFacts,
    now: Timestamp,
    zones: &'a Zones,
    words: Words<'a>,
    attempts: Vec<Attempt>,
    constraints: Vec<Measured>,
}

impl Case<'_> {
    /// Returns the last scheduled start at or before `at`.
    fn scheduled(&self, at: Timestamp) -> Option<Timestamp> {
        let calendars = self.evidence.timer.as_ref()?.calendars.iter();
        calendars.filter_map(|spec| last_elapse(spec, at, &self.zones.resolve(spec).ok()?)).max()
    }

    /// Returns the first scheduled start after `at`.
    fn scheduled_after(&self, at: Timestamp) -> Option<Timestamp> {
        let calendars = self.evidence.timer.as_ref()?.calendars.iter();
        calendars.filter_map(|spec| spec.next_after(at, &self.zones.resolve(spec).ok()?)).min()
    }

    /// Returns the attempt that was made for the start that was scheduled at `time`.
    fn attempt_for(&self, time: Timestamp) -> Option<&Attempt> {
        let slack = self.evidence.timer.as_ref().map_or(Duration::ZERO, |timer| timer.slack.duration());
        let slack = SignedDuration::try_from(slack).unwrap_or_default() + LATE;
        let from = time.checked_sub(EARLY).unwrap_or(time);
        let mut until = time.checked_add(slack).unwrap_or(Timestamp::MAX);
        if let Some(next) = self.scheduled_after(time) {
            until = until.min(next.checked_sub(EARLY).unwrap_or(next));
        }
        // What a manager does that began only later makes up for it.
        let began_later = |one: &Attempt| {
            self.evidence.managers.iter().any(|life| life.manager == one.manager && life.began > time)
        };
        let fits = |one: &&Attempt| !one.is_restart && from <= one.at && one.at <= until && !began_later(one);
        self.attempts.iter().find(fits)
    }

    fn systemctl(&self) -> &'static str {
        if self.evidence.is_user_scope { "systemctl --user" } else { "systemctl" }
    }

    fn runs(&self) -> bool {
        matches!(self.evidence.state, State::Running | State::Starting | State::Stopping)
    }

    /// Returns the verdict for an attempt.
    fn verdict(&self, attempt: &Attempt) -> Verdict {
        let is_last = self.attempts.last() == Some(attempt);
        match &attempt.ended {
            Ended::Open if is_last && self.runs() => Verdict::Running,
            Ended::Open | Ended::Well => Verdict::Ran,
            Ended::Badly(_) => Verdict::Failed,
            _ => Verdict::NotStarted,
        }
    }

    /// Says of an attempt what started it and what became of it.
    fn tell(&self, attempt: &Attempt) -> Reason {
        let (name, began) = (&self.evidence.name, self.words.time(attempt.at));
        let by = self.started_by(attempt);
        match &attempt.ended {
            Ended::Skipped(condition) => self.unmet(
                "condition",
                format!("The start at {began}, {by}, was skipped, since a condition was not met"),
                Some(condition.as_str()),
            ),
            Ended::Assert => self.unmet(
                "assert",
                format!("The start at {began}, {by}, was refused, since an assert was not met"),
                None,
            ),
            Ended::Dependency => Reason::new(
                "dependency",
                format!("The start at {began}, {by}, failed, since a unit it requires could not be started."),
            )
            .remedy(format!("tf show {name} (Requires=, BindsTo=, Requisite=) and tf why of those")),
            Ended::Limit => Reason::new(
                "start-limit",
                format!(
                    "The start at {began} was refused: it had been started too often in a short time (start \
                     limit), and systemd starts it no more until that is reset or the time has passed."
                ),
            )
            .remedy(format!(
                "mend the cause (tf logs {name}), then: {} reset-failed taskflows-{name}.service",
                self.systemctl()
            )),
            Ended::Badly(end) if end.is_preparation || end.result == "resources" => {
                Reason::new("failed", format!("The start at {began}, {by}, failed: {end}."))
                    .remedy(format!("tf logs {name}"))
            }
            Ended::Badly(end) => Reason::new(
                "failed",
                format!("It ran from {began}, {by}, and failed {}: {end}.", self.lasted(attempt)),
            )
            .remedy(format!("tf logs {name}")),
            Ended::Well => Reason::new(
                "ran",
                format!("It ran from {began}, {by}, and ended well {}.", self.lasted(attempt)),
            ),
            Ended::Open if self.verdict(attempt) == Verdict::Running => {
                Reason::new("running", format!("It runs since {began}, {by}."))
            }
            Ended::Open => {
                Reason::new("ran", format!("It ran from {began}, {by}; no failure of it is known."))
            }
        }
    }

    fn lasted(&self, attempt: &Attempt) -> String {
        let ended = attempt.ended_at.unwrap_or(attempt.seen_until);
        format!("after {}", words::length(ended.duration_since(attempt.at)))
    }

    /// Ends a sentence about an attempt with what is asked of the host and what it offers now.
    fn unmet(&self, code: &'static str, sentence: String, condition: Option<&str>) -> Reason {
        let prefix = if code == "assert" { "Assert" } else { "Condition" };
        let of_kind: Vec<&Measured> =
            self.constraints.iter().filter(|one| one.directive.starts_with(prefix)).collect();
        let named: Vec<&Measured> = match condition {
            Some(condition) => of_kind.into_iter().filter(|one| one.directive == condition).collect(),
            // systemd does not say which; those that are not met now tell most.
            None if of_kind.iter().any(|one| one.is_met == Some(false)) => {
                of_kind.into_iter().filter(|one| one.is_met == Some(false)).collect()
            }
            None => of_kind,
        };
        let told = match (named.is_empty(), condition) {
            (false, _) => named.into_iter().map(words::measured).collect::<Vec<_>>().join("; "),
            (true, Some(condition)) if !condition.is_empty() => condition.to_owned(),
            _ => "which one is not known".to_owned(),
        };
        let remedy = match told.contains(VENV) {
            true => "make its Python environment there, or change the `environment` of its definition",
            false => "wait until it is met, or change its system_load_constraints",
        };
        Reason::new(code, format!("{sentence}: {told}.")).remedy(remedy)
    }

    /// Says what made an attempt, as far as it is known: `by its timer`.
    fn started_by(&self, attempt: &Attempt) -> String {
        let timer = || format!("taskflows-{}.timer", self.evidence.name);
        let is_last = self.attempts.iter().rfind(|one| one.ran()) == Some(attempt);
        let told = self.evidence.trigger.as_ref().filter(|_| is_last && attempt.ran());
        if attempt.is_restart {
            return "by its restart policy".to_owned();
        }
        match told {
            Some(trigger) if trigger.unit == timer() => return "by its timer".to_owned(),
            Some(trigger) => return format!("by {}", trigger.unit),
            None => {}
        }
        let follows = |time: Timestamp| {
            let after = attempt.at.duration_since(time);
            -EARLY <= after && after <= LATE
        };
        if self.evidence.timer.as_ref().and_then(|timer| timer.last).is_some_and(follows)
            || self.scheduled(attempt.at).and_then(|time| self.attempt_for(time)) == Some(attempt)
            || self.is_after_period(attempt)
        {
            return "by its timer".to_owned();
        }
        let booted = |life: &super::ManagerLife| life.manager == attempt.manager && follows(life.began);
        let comes_with_it = self.evidence.is_enabled || self.evidence.timer.is_some();
        match comes_with_it && self.evidence.managers.iter().any(booted) {
            true => "at the start of the manager".to_owned(),
            // The journal does not tell what a start was asked for by.
            false if self.has_periods() => "by its timer or by hand (which of them is not known)".to_owned(),
            false => "by hand or by another unit".to_owned(),
        }
    }

    /// Tells whether its timer counts from a boot, a start or an end.
    fn has_periods(&self) -> bool {
        self.evidence.timer.as_ref().is_some_and(|timer| timer.has_periods)
    }

    /// Tells whether an attempt was made when a period since the run before it was over.
    fn is_after_period(&self, attempt: &Attempt) -> bool {
        let Some(timer) = &self.evidence.timer else { return false };
        let Some(before) = self.attempts.iter().rfind(|one| one.at < attempt.at && one.ran()) else {
            return false;
        };
        let slack = SignedDuration::try_from(timer.slack.duration()).unwrap_or_default() + LATE;
        let fits = |base: Timestamp, span: &TimeSpan| {
            let after = attempt.at.duration_since(base);
            let span = SignedDuration::try_from(span.duration()).unwrap_or(SignedDuration::MAX);
            span.saturating_sub(EARLY) <= after && after <= span.saturating_add(slack)
        };
        before.manager == attempt.manager
            && (timer.after_start.iter().any(|span| fits(before.at, span))
                || before.ended_at.is_some_and(|end| timer.after_finish.iter().any(|span| fits(end, span))))
    }
}

#[cfg(test)]
mod tests;
