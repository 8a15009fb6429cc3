//! Why a service ran, or did not, at some time.

use jiff::{SignedDuration, Timestamp};

use super::super::history::Attempt;
use super::{Answer, Case, Reason, Verdict};
use crate::effects::Next;

impl Case<'_> {
    pub(super) fn explain_past(&self, at: Timestamp) -> Answer {
        if at > self.now {
            return self.coming(at);
        }
        match self.scheduled(end_of(at)) {
            Some(scheduled) => self.explain_scheduled(at, scheduled),
            None => self.explain_unscheduled(at),
        }
    }

    fn coming(&self, at: Timestamp) -> Answer {
        let when = self.words.time(at);
        // What counts from a run is known to the manager alone.
        let counted = self.evidence.timer.as_ref().and_then(|timer| match timer.next {
            Next::At(time) if timer.is_active => Some(time),
            _ => None,
        });
        let next = self.scheduled_after(self.now).into_iter().chain(counted).min();
        let message = match next {
            Some(next) => {
                format!("{when} is still to come; its next scheduled start is {}.", self.words.time(next))
            }
            None if self.has_periods() => format!(
                "{when} is still to come. Its timer counts from its last run or from a boot, and when it elapses \
                 next is not known."
            ),
            None => format!("{when} is still to come, and no start is scheduled."),
        };
        let mut reasons = vec![Reason::new("coming", message)];
        let is_on = self.evidence.timer.as_ref().is_some_and(|timer| timer.is_active);
        reasons.extend(if is_on { Vec::new() } else { self.timer() });
        answer(Some(at), next, Verdict::Coming, None, reasons)
    }

    fn explain_scheduled(&self, at: Timestamp, scheduled: Timestamp) -> Answer {
        let due = self.attempt_for(scheduled);
        // Who names the second at which it was due asks about that start, whatever else ran then.
        let is_its_second = at.duration_since(scheduled) < SignedDuration::from_secs(1);
        let other = self.under_way(at).filter(|run| !is_its_second && due != Some(run));
        if let Some(run) = other {
            let mut reasons = vec![self.tell(run)];
            reasons.extend(match due {
                Some(attempt) => vec![self.tell(attempt)],
                None => self.told_missed(scheduled),
            });
            return answer(Some(at), None, self.verdict(run), Some(run), reasons);
        }
        // What began within the second at which it was due is what came of that.
        let until = if is_its_second { at } else { end_of(at) };
        if let Some(attempt) = due {
            let mut reasons = vec![self.tell(attempt)];
            reasons.extend(self.others(at, until, Some(attempt)));
            return answer(Some(at), Some(scheduled), self.verdict(attempt), Some(attempt), reasons);
        }
        let mut reasons = self.missed(scheduled);
        let verdict = if reasons.first().is_some_and(is_known) { Verdict::Missed } else { Verdict::Unknown };
        self.introduce(scheduled, &mut reasons);
        reasons.extend(self.others(at, until, None));
        answer(Some(at), Some(scheduled), verdict, None, reasons)
    }

    /// Says first of which start the reasons are.
    pub(super) fn introduce(&self, scheduled: Timestamp, reasons: &mut [Reason]) {
        if let Some(first) = reasons.first_mut() {
            let when = self.words.time(scheduled);
            // Where nothing is known, that it did not start is not known either.
            let missed = if is_known(first) { " and did not start" } else { "" };
            first.message = format!("It was due at {when}{missed}. {}", first.message);
        }
    }

    /// Tells of a time for which no start was scheduled.
    fn explain_unscheduled(&self, at: Timestamp) -> Answer {
        let when = self.words.time(at);
        let off = self.manager_off(at);
        let before = self.attempts.iter().rfind(|one| one.at <= end_of(at));
        let after = self.attempts.iter().find(|one| one.at > end_of(at));
        let mut reasons = Vec::new();
        let none = match self.has_periods() {
            true => "Its timer counts from its last run or from a boot, so no time of day is set for it.",
            false => "No start was scheduled at or before that time.",
        };
        let verdict = match before {
            Some(attempt) if self.covers(attempt, at) => {
                reasons.push(self.tell(attempt));
                self.verdict(attempt)
            }
            _ => {
                // Without a schedule nothing was due, and no period ends while the manager or the timer is off.
                let timer_off = if self.has_periods() { self.timer_off(at) } else { None };
                let kept = self.has_periods() && !(off.is_empty() && timer_off.is_none());
                reasons.extend(off.into_iter().chain(timer_off).take(1));
                reasons.push(Reason::new("unscheduled", format!("It did not run at {when}. {none}")));
                reasons.extend(before.map(|attempt| self.tell(attempt)));
                if kept { Verdict::Missed } else { Verdict::Idle }
            }
        };
        reasons.extend(after.map(|attempt| {
            Reason::new("later", format!("The start after that was at {}.", self.words.time(attempt.at)))
        }));
        if self.attempts.is_empty() && self.evidence.unreadable.is_none() {
            reasons.push(self.never_ran());
        }
        answer(Some(at), None, verdict, before, reasons)
    }

    /// Tells whether an attempt was made at `at`, to the second, or its run was under way.
    fn covers(&self, attempt: &Attempt, at: Timestamp) -> bool {
        self.lasts_until(attempt, at) || at.duration_since(attempt.at) <= super::LATE
    }

    fn lasts_until(&self, attempt: &Attempt, at: Timestamp) -> bool {
        match attempt.ended_at {
            Some(ended) => at <= ended,
            None => self.verdict(attempt) == Verdict::Running || at <= attempt.seen_until,
        }
    }

    /// Returns the run that was under way at `at`, or that began within its second.
    fn under_way(&self, at: Timestamp) -> Option<&Attempt> {
        let last = self.attempts.iter().rfind(|one| one.at <= end_of(at))?;
        (last.ran() && self.lasts_until(last, at)).then_some(last)
    }

    /// Tells of another run that was under way or began between the scheduled time and the one asked about.
    fn others(&self, at: Timestamp, until: Timestamp, told: Option<&Attempt>) -> Option<Reason> {
        let last = self.attempts.iter().rfind(|one| one.at <= until)?;
        (Some(last) != told && self.covers(last, at)).then(|| self.tell(last))
    }
}

/// Returns the end of the second that a time names: lists and logs show no more of a time than that, and what
/// they show is what is asked about.
fn end_of(at: Timestamp) -> Timestamp {
    match at.subsec_nanosecond() {
        0 => at.checked_add(SignedDuration::from_nanos(999_999_999)).unwrap_or(at),
        _ => at,
    }
}

/// Tells whether a reason explains anything.
pub(super) fn is_known(reason: &Reason) -> bool {
    !matches!(reason.code, "unknown" | "too-old")
}

pub(super) fn answer(
    at: Option<Timestamp>,
    scheduled: Option<Timestamp>,
    verdict: Verdict,
    attempt: Option<&Attempt>,
    reasons: Vec<Reason>,
) -> Answer {
    Answer { at, scheduled, verdict, attempt: attempt.cloned(), constraints: Vec::new(), reasons }
}
