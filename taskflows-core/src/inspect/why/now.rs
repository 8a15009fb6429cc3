//! Why a service stands as it does now.

use jiff::Timestamp;

use super::super::doctor::words_for;
use super::super::facts::{Linger, Reference};
use super::super::history::Ended;
use super::past::{answer, is_known};
use super::{Answer, Case, Reason, Verdict, words};
use crate::effects::{Next, State};

impl Case<'_> {
    pub(super) fn explain_now(&self) -> Answer {
        let last = self.attempts.last();
        let scheduled = self.scheduled(self.now);
        let missed = scheduled.filter(|time| {
            let newest = last.is_none_or(|last| last.at < *time);
            newest && self.attempt_for(*time).is_none() && self.was_on()
        });
        let timer = self.timer();
        let mut reasons = Vec::new();
        let mut verdict = self.standing();
        reasons.extend(self.failure());
        if let Some(last) = last.filter(|_| verdict != Verdict::Off || self.runs()) {
            reasons.push(self.tell(last));
            if matches!(verdict, Verdict::Waiting | Verdict::Failed) {
                verdict = self.verdict(last);
            }
        }
        if verdict == Verdict::Failed {
            reasons.extend(self.needs());
        }
        // What runs is told first; else what did not run decides.
        let place = usize::from(verdict == Verdict::Running).min(reasons.len());
        reasons.splice(place..place, missed.map(|time| self.told_missed(time)).unwrap_or_default());
        match verdict {
            Verdict::Off => {
                reasons.splice(0..0, timer);
                reasons.extend(last.map(|last| self.tell(last)));
            }
            _ => reasons.extend(timer),
        }
        let is_read = self.evidence.unreadable.is_none();
        if self.attempts.is_empty() && !self.runs() && is_read {
            reasons.push(self.never_ran());
        }
        if self.attempts.is_empty() && self.runs() {
            reasons.insert(0, Reason::new("running", "It runs; the journal does not tell since when."));
        }
        if verdict != Verdict::Failed {
            reasons.extend(self.needs());
        }
        reasons.extend(self.unmet_now());
        reasons.extend(self.drift());
        reasons.extend(self.linger());
        answer(None, scheduled, verdict, last, reasons)
    }

    pub(super) fn never_ran(&self) -> Reason {
        let message = match self.evidence.removed {
            Some(removed) => format!(
                "It has not run since it was installed; another service of its name was removed at {}.",
                self.words.time(removed)
            ),
            None => "The journal tells of no start of it.".to_owned(),
        };
        Reason::new("never-ran", message)
    }

    /// Says why it did not start at `time`, as far as that is known.
    pub(super) fn told_missed(&self, time: Timestamp) -> Vec<Reason> {
        let mut told = self.missed(time);
        // That a new service did not run before it was there is no news.
        if !told.first().is_some_and(|first| is_known(first) && first.code != "timer-new") {
            return Vec::new();
        }
        self.introduce(time, &mut told);
        told
    }

    /// Returns how it stands, before its last attempt is looked at.
    fn standing(&self) -> Verdict {
        match self.evidence.state {
            State::Running | State::Starting | State::Stopping => Verdict::Running,
            State::Failed => Verdict::Failed,
            State::Waiting => Verdict::Waiting,
            State::Stopped if self.evidence.timer.is_some() => Verdict::Off,
            State::Stopped if self.attempts.is_empty() => Verdict::Off,
            State::Stopped => Verdict::Waiting,
        }
    }

    fn was_on(&self) -> bool {
        self.evidence.timer.as_ref().is_some_and(|timer| timer.is_active)
    }

    /// Says when its timer starts it next, or why it will not.
    pub(super) fn timer(&self) -> Vec<Reason> {
        let name = &self.evidence.name;
        let Some(timer) = &self.evidence.timer else {
            let boot = if self.evidence.is_enabled { ", and at boot or login" } else { "" };
            let message = format!(
                "It has no start schedule: it runs when it is started by hand or by another unit{boot}."
            );
            let remedy =
                self.attempts.is_empty().then(|| format!("tf start {name}")).filter(|_| !self.runs());
            return vec![Reason { remedy, ..Reason::new("unscheduled", message) }];
        };
        if self.evidence.unreachable.is_some() {
            return Vec::new();
        }
        let reason = match (timer.is_active, timer.is_enabled) {
            (false, false) => Reason::new("timer-off", "Its timer is off: it was disabled, and does not run.")
                .remedy(format!("tf enable {name}")),
            (false, true) => Reason::new(
                "timer-off",
                "Its timer does not run, though it is enabled: it was stopped, and comes back with the next boot \
                 or login.",
            )
            .remedy(format!("tf start {name} --timers")),
            (true, _) => self.next(timer.next),
        };
        let mut reasons = vec![reason];
        if timer.is_active && !timer.is_enabled {
            let message = "Its timer runs, and is not enabled: after the next boot or login it will be off.";
            reasons.push(Reason::new("not-enabled", message).remedy(format!("tf enable {name}")));
        }
        reasons
    }

    fn next(&self, next: Next) -> Reason {
        match next {
            Next::At(time) if time <= self.now => {
                Reason::new("next", "Its timer is due, and starts it as soon as the manager gets to it.")
            }
            Next::At(time) => {
                let ahead = words::length(time.duration_since(self.now));
                Reason::new(
                    "next",
                    format!("Its timer starts it next at {}, in {ahead}.", self.words.time(time)),
                )
            }
            Next::AfterThisRun => {
                Reason::new("next", "Its timer starts it again a period after this run ends.")
            }
            Next::Never => Reason::new(
                "never",
                "Its timer will never start it again: its times are all in the past, or impossible.",
            )
            .remedy("change its start_schedule and tf create FILE"),
            _ => Reason::new(
                "next",
                "Its timer runs; when it elapses next is not known before the next start.",
            ),
        }
    }

    /// Tells how it stands as failed, where no attempt has told it.
    fn failure(&self) -> Option<Reason> {
        let end = self.evidence.failure.as_ref()?;
        let told = self.attempts.last().is_some_and(|last| !matches!(last.ended, Ended::Open | Ended::Well));
        if told {
            return None;
        }
        let code = if end.result == "start-limit-hit" { "start-limit" } else { "failed" };
        Some(
            Reason::new(code, format!("It stands as failed: {end}."))
                .remedy(format!("tf logs {}", self.evidence.name)),
        )
    }

    /// Says that a start would not be made now.
    fn unmet_now(&self) -> Option<Reason> {
        let told = |directive: &str| match self.attempts.last().map(|last| &last.ended) {
            Some(Ended::Skipped(condition)) => condition == directive,
            Some(Ended::Assert) => directive.starts_with("Assert"),
            _ => false,
        };
        let unmet = self.constraints.iter().find(|one| one.is_met == Some(false) && !told(&one.directive))?;
        let what = if unmet.directive.starts_with("Assert") { "refused" } else { "skipped" };
        let message = format!("A start would be {what} now: {}.", words::measured(unmet));
        Some(Reason::new("constraint", message))
    }

    /// Says what its unit needs on this host that is not there.
    fn needs(&self) -> Vec<Reason> {
        let missing = self.evidence.references.iter();
        let missing = missing.filter_map(|needed| Some((needed, self.host.missing.get(needed)?)));
        let reason = |(needed, how): (&Reference, &String)| {
            let (message, remedy) = words_for(needed, how);
            Reason::new("needs", format!("It {message}.")).remedy(remedy)
        };
        missing.map(reason).collect()
    }

    fn drift(&self) -> Option<Reason> {
        self.evidence.needs_reload.then(|| {
            Reason::new(
                "drift",
                "Its unit files changed since systemd read them, which goes by the old ones.",
            )
            .remedy(format!("{} daemon-reload", self.systemctl()))
        })
    }

    /// Says that it will not run while its user is logged out.
    fn linger(&self) -> Option<Reason> {
        let Linger::Off { user } = &self.host.linger else { return None };
        let starts =
            self.evidence.is_enabled || self.evidence.timer.as_ref().is_some_and(|timer| timer.is_enabled);
        starts.then(|| {
            Reason::new(
                "linger",
                format!("It does not run while {user} is logged out, since lingering is off."),
            )
            .remedy(format!("loginctl enable-linger {user}"))
        })
    }
}
