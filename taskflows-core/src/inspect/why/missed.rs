//! Why a start that was scheduled was not made.

use jiff::{SignedDuration, Timestamp};

use super::super::evidence::{Deed, Event, ManagerLife};
use super::super::history::{Attempt, Ended};
use super::{Case, Reason};

/// A manager makes up for what was missed within this time from its start.
const CATCH_UP: SignedDuration = SignedDuration::from_mins(2);

impl Case<'_> {
    /// Says why there was no start at `time`, at which one was scheduled.
    pub(super) fn missed(&self, time: Timestamp) -> Vec<Reason> {
        if self.evidence.unreadable.is_some() {
            return vec![Reason::new("unknown", "What became of it is not known.")];
        }
        let off = self.manager_off(time);
        if !off.is_empty() {
            return off;
        }
        let found = self
            .asleep(time)
            .or_else(|| self.timer_off(time))
            .or_else(|| self.merged(time))
            .or_else(|| self.too_old(time));
        vec![found.unwrap_or_else(|| self.unexplained(time))]
    }

    fn unexplained(&self, time: Timestamp) -> Reason {
        let mut after = self.evidence.events.iter().filter(|event| event.time > time);
        let renewed = match after.find(|event| event.deed == Deed::TimerStarted) {
            Some(event) => format!(
                " Its timer was started anew at {}, perhaps for another schedule.",
                self.words.time(event.time)
            ),
            None => String::new(),
        };
        let message = "The journal tells of no start of it, and of nothing that prevented one.";
        Reason::new("unknown", format!("{message}{renewed}"))
            .remedy(format!("tf logs {} --since '{time}'", self.evidence.name))
    }

    /// No manager ran: the machine was off, or nobody was logged in.
    pub(super) fn manager_off(&self, time: Timestamp) -> Vec<Reason> {
        let lives = &self.evidence.managers;
        let covers =
            |life: &&ManagerLife| life.began <= time && life.last_seen.is_none_or(|seen| time <= seen);
        let Some(next) = lives.iter().find(|life| life.began > time) else { return Vec::new() };
        if lives.iter().any(|life| covers(&life)) {
            return Vec::new();
        }
        let Some(before) = lives.iter().rfind(|life| life.began <= time) else { return Vec::new() };
        vec![self.not_running(before, next), self.made_up(next)]
    }

    /// Says why there was no manager between two of them.
    fn not_running(&self, before: &ManagerLife, next: &ManagerLife) -> Reason {
        let until = self.words.time(next.began);
        let from =
            before.last_seen.map(|seen| format!("from {} ", self.words.time(seen))).unwrap_or_default();
        let reason =
            |code, what: &str| Reason::new(code, format!("{what} {from}until {until}, so no timer elapsed."));
        match (before.boot() == next.boot(), before.has_exited) {
            (true, _) => reason(
                "manager-off",
                "Your systemd manager did not run, as after a logout without lingering,",
            )
            .remedy("loginctl enable-linger"),
            (false, false) => reason("machine-off", "The machine was off"),
            (false, true) => {
                reason("machine-off", "The machine was off, or you were logged out without lingering,")
            }
        }
    }

    /// Says whether what was missed was made up for when the manager `next` began.
    fn made_up(&self, next: &ManagerLife) -> Reason {
        let persistent = self.evidence.timer.as_ref().is_some_and(|timer| timer.is_persistent);
        let soon = |one: &&Attempt| {
            let after = one.at.duration_since(next.began);
            one.manager == next.manager && -super::EARLY <= after && after < CATCH_UP
        };
        match (persistent, self.attempts.iter().find(soon)) {
            (true, Some(attempt)) => {
                let when = self.words.time(attempt.at);
                Reason::new(
                    "caught-up",
                    format!("Its schedule is persistent, so the start was made up for at {when}."),
                )
            }
            (true, None) => Reason::new(
                "not-caught-up",
                "Its schedule is persistent, but no start soon after is known; perhaps its timer had never \
                 elapsed before, or was off.",
            ),
            (false, _) => Reason::new(
                "not-persistent",
                "Its schedule is not persistent, so the start was not made up for.",
            )
            .remedy("persistent = true in its start_schedule makes up once for what was missed"),
        }
    }

    /// The machine slept: a timer that falls due meanwhile elapses when it wakes.
    fn asleep(&self, time: Timestamp) -> Option<Reason> {
        let spans = self.evidence.sleeps.iter().filter_map(|sleep| Some((sleep.from, sleep.until?)));
        let (from, until) = spans.into_iter().find(|(from, until)| *from <= time && time <= *until)?;
        let then =
            self.attempts.iter().find(|one| one.at >= until && one.at.duration_since(until) < CATCH_UP);
        let then = match then {
            Some(attempt) => format!(": it started at {}", self.words.time(attempt.at)),
            None => String::new(),
        };
        let (from, until) = (self.words.time(from), self.words.time(until));
        let message = format!(
            "The machine was asleep from {from} until {until}, so its timer elapsed only then{then}."
        );
        Some(Reason::new("asleep", message))
    }

    /// The timer had been stopped, or was not yet there.
    pub(super) fn timer_off(&self, time: Timestamp) -> Option<Reason> {
        let timer = self.evidence.timer.as_ref()?;
        let name = &self.evidence.name;
        let of_timer = |event: &&Event| matches!(event.deed, Deed::TimerStarted | Deed::TimerStopped);
        let mut events = self.evidence.events.iter().filter(of_timer);
        let before = events.clone().rfind(|event| event.time <= time);
        let remedy = if timer.is_active { None } else { Some(format!("tf enable {name}")) };
        let (code, message) = match before.map(|event| (&event.deed, event.time)) {
            Some((Deed::TimerStopped, since)) => (
                "timer-off",
                format!("Its timer was off: it had been stopped at {}.", self.words.time(since)),
            ),
            Some(_) => return None,
            None => {
                let first = events.find(|event| event.deed == Deed::TimerStarted)?;
                if self.evidence.is_cut || self.attempts.iter().any(|one| one.at <= time) {
                    return None;
                }
                let began = self.words.time(first.time);
                ("timer-new", format!("Its timer was not there yet: it was first started at {began}."))
            }
        };
        Some(Reason { remedy, ..Reason::new(code, message) })
    }

    /// An earlier run was still under way: systemd never runs a service twice at once.
    fn merged(&self, time: Timestamp) -> Option<Reason> {
        let index = self.attempts.iter().rposition(|one| one.at < time)?;
        let (earlier, next) = (&self.attempts[index], self.attempts.get(index + 1));
        let sure = self.is_under_way(earlier, time);
        let likely = earlier.ended == Ended::Open && next.is_some_and(|next| self.follows(earlier, next));
        if !earlier.ran() || !sure && !likely {
            return None;
        }
        let began = self.words.time(earlier.at);
        let still = match sure {
            true => "still under way",
            // systemd before 254 writes a good end to no journal.
            false => "probably still under way (the journal does not tell when it ended)",
        };
        let then = match (next, earlier.ended_at) {
            (Some(next), _) => format!("; the next one began at {}", self.words.time(next.at)),
            (None, Some(ended)) => format!("; it ended at {}", self.words.time(ended)),
            (None, None) => "; it still is".to_owned(),
        };
        let message = format!(
            "The run that had begun at {began} was {still}, and systemd never runs a service twice at once{then}."
        );
        Some(Reason::new("merged", message).remedy("a longer period, or a timeout, leaves room for each run"))
    }

    fn is_under_way(&self, attempt: &Attempt, time: Timestamp) -> bool {
        match attempt.ended_at {
            Some(ended) => ended > time,
            None => attempt.seen_until > time || self.attempts.last() == Some(attempt) && self.runs(),
        }
    }

    /// Tells whether `next` looks as if it had waited for the end of `earlier`: it began at no scheduled time,
    /// as a run does for which a start fell due meanwhile.
    fn follows(&self, earlier: &Attempt, next: &Attempt) -> bool {
        let due = self.scheduled(next.at).and_then(|due| self.attempt_for(due));
        earlier.manager == next.manager && (due != Some(next) || self.is_late(next))
    }

    /// Tells whether an attempt began later after its scheduled time than a timer needs.
    fn is_late(&self, attempt: &Attempt) -> bool {
        let slack =
            self.evidence.timer.as_ref().map_or(std::time::Duration::ZERO, |timer| timer.slack.duration());
        let slack = SignedDuration::try_from(slack).unwrap_or_default() + super::EARLY;
        self.scheduled(attempt.at).is_some_and(|due| attempt.at.duration_since(due) > slack)
    }

    /// The journal does not reach back so far.
    fn too_old(&self, time: Timestamp) -> Option<Reason> {
        let first = self.evidence.events.first().map(|event| event.time);
        let began = self.evidence.managers.first().map(|life| life.began);
        let known = self.evidence.removed.or(first.into_iter().chain(began).min());
        if known.is_some_and(|known| known <= time) {
            return None;
        }
        let message = match known {
            Some(known) => format!(
                "What the journal tells of it begins at {}; of {} nothing is known.",
                self.words.time(known),
                self.words.time(time)
            ),
            None => "The journal tells nothing of it at all.".to_owned(),
        };
        Some(Reason::new("too-old", message))
    }
}
