use jiff::{SignedDuration, Timestamp};

use super::due::{covers, last_due, next_due};
use super::facts::{MonitorFacts, TimerState, Watched};
use super::finding::{Finding, MissedReason, Settled, Trouble};
use super::memory::{Memory, Standing};
use super::slow::slow;
use crate::inspect::{Deed, Evidence};
use crate::schedule::Zones;

/// A timer that is enabled is started so soon after its manager at most.
const WITH_MANAGER: SignedDuration = SignedDuration::from_mins(2);

/// Judges every service: what is wrong, whether it was told before or not, and what was and no longer is.
///
/// `memory` is that of the last look after [`Memory::wake`]. Those services of which
/// [`is_suspect`](super::is_suspect) says so were looked at closer; the others are in order.
pub fn judge(facts: &MonitorFacts, memory: &Memory, now: Timestamp, zones: &Zones) -> Vec<Finding> {
    let mut findings = Vec::new();
    for watched in &facts.services {
        Case { watched, facts, memory, now, zones }.add(&mut findings);
    }
    let is_watched = |one: &&Standing| facts.services.iter().any(|watched| watched.service == one.service);
    let gone =
        memory.standing.iter().filter(|one| !is_watched(one)).map(|one| settled(one, Settled::Removed));
    findings.extend(gone);
    findings
}

/// Tells whether the journal knows of a start at `due` or after it, even of one that was refused.
pub fn has_started_since(evidence: &Evidence, due: Timestamp) -> bool {
    let from = due.checked_sub(SignedDuration::from_secs(1)).unwrap_or(due);
    let is_start = |deed: &Deed| {
        use Deed::{AssertFailed, DependencyFailed, LimitHit, Skipped, Started, Starting};
        matches!(deed, Starting | Started | Skipped(_) | AssertFailed | DependencyFailed | LimitHit)
    };
    evidence.events.iter().any(|event| event.time >= from && is_start(&event.deed))
}

fn settled(one: &Standing, how: Settled) -> Finding {
    Finding::Settled { service: one.service.clone(), trouble: one.trouble.clone(), how }
}

struct Case<'a> {
    watched: &'a Watched,
    facts: &'a MonitorFacts,
    memory: &'a Memory,
    now: Timestamp,
    zones: &'a Zones,
}

impl Case<'_> {
    fn add(&self, findings: &mut Vec<Finding>) {
        let missed = self.missed().map(Trouble::Missed);
        let slow = slow(self.watched, self.memory, self.now);
        let before: Vec<&Standing> = self.memory.of(&self.watched.service).collect();
        for trouble in [missed.as_ref(), slow.as_ref()].into_iter().flatten() {
            let known = before.iter().find(|one| is_same(&one.trouble, trouble));
            findings.push(Finding::Trouble {
                service: self.watched.service.clone(),
                trouble: trouble.clone(),
                since: known.map_or(self.now, |one| one.since),
            });
        }
        for one in before {
            let now = if matches!(one.trouble, Trouble::Slow { .. }) { &slow } else { &missed };
            let how = match now {
                Some(trouble) if is_same(trouble, &one.trouble) => continue,
                Some(Trouble::Missed(_)) => Settled::Replaced,
                _ if self.is_off() => Settled::SwitchedOff,
                _ => Settled::Well,
            };
            findings.push(settled(one, how));
        }
    }

    fn missed(&self) -> Option<MissedReason> {
        let timer = &self.watched.timer;
        if !timer.has_file {
            return Some(MissedReason::TimerIsGone);
        }
        match (timer.is_linked, timer.is_active()) {
            (false, false) => self.was_lost_with_a_restart().then_some(MissedReason::TimerIsDisabled),
            (true, false) => {
                self.is_settled_since(self.facts.manager_began).then_some(MissedReason::TimerIsDead)
            }
            (is_linked, true) => self.lost_run().or_else(|| self.never_again()).or_else(|| {
                let is_new = !self.is_settled_since(None);
                (!is_linked && !is_new).then_some(MissedReason::TimerIsDisabled)
            }),
        }
    }

    /// Tells whether the service is switched off: neither linked nor active.
    fn is_off(&self) -> bool {
        !self.watched.timer.is_linked && !self.watched.timer.is_active()
    }

    /// Of a timer that was told to run without a link: it was not switched off, the restart did that.
    fn was_lost_with_a_restart(&self) -> bool {
        let told = Trouble::Missed(MissedReason::TimerIsDisabled);
        let mut before = self.memory.of(&self.watched.service);
        before
            .any(|one| one.trouble == told && self.facts.manager_began.is_some_and(|began| began > one.since))
    }

    /// Tells whether the grace is over since the timer was written or linked, and since `also`.
    fn is_settled_since(&self, also: Option<Timestamp>) -> bool {
        self.watched.timer.changed.max(also).is_some_and(|since| self.is_over(since))
    }

    /// Tells whether a start that was to be made at `since` is overdue by now. After a sleep or a change of the clock
    /// it is not, for the same time again.
    fn is_over(&self, since: Timestamp) -> bool {
        let from = self.memory.unsettled.map_or(since, |seen| seen.max(since));
        from.checked_add(self.watched.wait()).is_ok_and(|until| until < self.now)
    }

    /// Returns a run that did not take place in its time.
    fn lost_run(&self) -> Option<MissedReason> {
        let closer = self.watched.closer.as_ref()?;
        if let Some(known) = self.known_loss() {
            return known;
        }
        if let Some(due) = closer.next_period.filter(|_| self.watched.timer.state == TimerState::Waiting)
            && self.is_over(due)
            && !covers(self.watched, due)
        {
            return Some(MissedReason::Overdue { due });
        }
        let before = self.now.checked_sub(self.watched.wait()).ok()?;
        let due = last_due(self.watched.calendars(), before, self.zones)?;
        if self.watched.timer.changed? >= due || covers(self.watched, due) {
            return None;
        }
        let active_since = closer.active_since?;
        if active_since <= due {
            return self.is_over(due).then_some(MissedReason::Overdue { due });
        }
        self.was_off(due, active_since)
    }

    /// Returns the lost run that was told, while nothing was started since; `None` where none was told.
    fn known_loss(&self) -> Option<Option<MissedReason>> {
        let lost = |one: &Standing| match &one.trouble {
            Trouble::Missed(reason) => one.trouble.lost_run().map(|due| (*reason, due, one.since)),
            Trouble::Slow { .. } => None,
        };
        let (reason, due, since) = self.memory.of(&self.watched.service).find_map(lost)?;
        let is_mended = self.watched.timer.changed.is_none_or(|changed| changed > since);
        // Where it was mended, it is judged anew.
        if is_mended || covers(self.watched, due) { None } else { Some(Some(reason)) }
    }

    /// Judges a start that was due before the timer was there.
    fn was_off(&self, due: Timestamp, active_since: Timestamp) -> Option<MissedReason> {
        let back = self.facts.manager_began?;
        // One that was started later was off by itself, as somebody wanted it.
        if active_since.duration_since(back) > WITH_MANAGER {
            return None;
        }
        let is_known = match (self.watched.timer.is_persistent, self.watched.timer.stamp) {
            // Without a stamp it is the timer's first life, in which there is nothing to make up for.
            (true, stamp) => stamp.is_some() && self.is_over(active_since),
            (false, _) => self.memory.last_look.is_some_and(|last| last < due),
        };
        is_known.then_some(MissedReason::HostWasOff { due, back })
    }

    /// Tells of a timer that had no time left when it was written. One whose times are over did what it was to do.
    fn never_again(&self) -> Option<MissedReason> {
        let (timer, calendars) = (&self.watched.timer, self.watched.calendars());
        let is_over = timer.state == TimerState::Elapsed && !timer.has_periods && !calendars.is_empty();
        let changed = timer.changed.filter(|_| is_over && self.is_settled_since(None))?;
        if next_due(calendars, self.now, self.zones).is_some() {
            return None;
        }
        let last = last_due(calendars, self.now, self.zones);
        // The stamp is as old as the timer's first start, so a newer one than the file tells of no run.
        let ran = |due: Timestamp| {
            let stamp = timer.stamp.is_some_and(|stamp| due <= stamp && stamp < changed);
            stamp || self.watched.runs.iter().any(|run| run.started >= due)
        };
        let is_in_vain = last.is_none_or(|due| due <= changed && !ran(due));
        is_in_vain.then_some(MissedReason::NeverAgain)
    }
}

/// Tells whether two troubles of a service are one: how long a run has taken meanwhile does not matter.
fn is_same(a: &Trouble, b: &Trouble) -> bool {
    match (a, b) {
        (Trouble::Missed(a), Trouble::Missed(b)) => a == b,
        (Trouble::Slow { started: a, is_over: x, .. }, Trouble::Slow { started: b, is_over: y, .. }) => {
            (a, x) == (b, y)
        }
        _ => false,
    }
}
