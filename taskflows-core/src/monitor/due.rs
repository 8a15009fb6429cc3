use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::facts::Watched;
use crate::schedule::{CalendarSpec, Zones};

/// The clock of a stamp or of a start may be so much before the time it was due.
const EARLY: SignedDuration = SignedDuration::from_secs(1);

/// Returns the last time at or before `at` at which one of `calendars` elapsed.
pub fn last_due(calendars: &[CalendarSpec], at: Timestamp, zones: &Zones) -> Option<Timestamp> {
    let before = at.checked_add(SignedDuration::from_micros(1)).ok()?;
    let last = |spec: &CalendarSpec| spec.previous_before(before, &zones.resolve(spec).ok()?);
    calendars.iter().filter_map(last).max()
}

/// Returns the first time after `at` at which one of `calendars` elapses.
pub(super) fn next_due(calendars: &[CalendarSpec], at: Timestamp, zones: &Zones) -> Option<Timestamp> {
    calendars.iter().filter_map(|spec| spec.next_after(at, &zones.resolve(spec).ok()?)).min()
}

/// Adds the delays that a timer may have by itself to the grace.
pub(super) fn wait(slack: Duration, grace: Duration) -> SignedDuration {
    let both = slack.saturating_add(grace);
    SignedDuration::try_from(both).unwrap_or(SignedDuration::MAX)
}

/// Tells whether anything started for the time `due` or after it, or ran at that time.
pub(super) fn covers(watched: &Watched, due: Timestamp) -> bool {
    let from = due.checked_sub(EARLY).unwrap_or(due);
    let closer = watched.closer.as_ref();
    let triggers = [watched.timer.stamp, closer.and_then(|one| one.last_trigger)];
    let run = closer.and_then(|one| one.run_started.map(|started| (started, one.run_ended)));
    let kept = watched.runs.iter().map(|run| (run.started, run.ended));
    watched.is_running
        || triggers.into_iter().flatten().any(|time| time >= from)
        || kept.chain(run).any(|(started, ended)| started >= from || ended.is_some_and(|end| end >= from))
}
