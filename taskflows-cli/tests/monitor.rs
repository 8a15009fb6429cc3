//! `tf monitor`: what is found is shown, told once to the sink, and remembered.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod host;

use std::sync::atomic::Ordering;

use host::{Host, check};
use jiff::{SignedDuration, Timestamp};
use taskflows_core::monitor::TimerState;

fn hour_ago() -> Timestamp {
    "2026-11-24T11:00:00Z".parse().unwrap()
}

/// A host whose one scheduled service was due an hour ago and did not start.
fn overdue() -> Host {
    let host = Host::with_services();
    host.watch.alter(|facts| {
        for one in &mut facts.services {
            one.timer.calendars = vec!["*-*-* 11:00:00".parse().unwrap()];
        }
    });
    host
}

fn ids(host: &Host) -> Vec<String> {
    let mut told = host.told.told.lock().unwrap();
    told.drain(..)
        .map(|one| format!("{}{}", if one.is_new { "new " } else { "" }, one.finding.id()))
        .collect()
}

#[test]
fn a_missed_run_is_shown_told_and_remembered_until_something_started() {
    let mut host = overdue();
    host.tf("monitor check");
    assert_eq!(ids(&host), ["new nightly-backup/overdue/2026-11-24T11:00:00Z"]);
    host.tf("monitor check --no-fail -o json");
    assert_eq!(ids(&host), ["nightly-backup/overdue/2026-11-24T11:00:00Z"]);
    host.tf("monitor status");
    host.watch
        .alter_closer(|look| look.run_started = hour_ago().checked_add(SignedDuration::from_mins(30)).ok());
    host.tf("monitor check");
    host.tf("monitor check");
    host.tf("monitor status");
    assert_eq!(ids(&host), ["nightly-backup/overdue/2026-11-24T11:00:00Z"]);
    check!(host);
}

#[test]
fn what_was_not_taken_is_told_again() {
    let mut host = overdue();
    host.told.refuses.store(true, Ordering::Relaxed);
    host.tf("monitor check");
    host.told.refuses.store(false, Ordering::Relaxed);
    host.tf("monitor check");
    assert_eq!(ids(&host), ["new nightly-backup/overdue/2026-11-24T11:00:00Z"]);
    check!(host);
}

#[test]
fn services_without_alerts_are_left_alone_unless_all_are_wanted() {
    let mut host = Host::with_services();
    host.watch.alter(|facts| {
        for one in &mut facts.services {
            one.groups = None;
            one.timer.state = TimerState::Dead;
        }
    });
    host.tf("monitor check");
    host.tf("monitor check --all");
    assert_eq!(ids(&host), [""; 0], "of those without alerts nothing is sent");
    check!(host);
}

#[test]
fn what_the_journal_knows_to_have_started_is_not_missed() {
    let mut host = overdue();
    host.inspector.alter_evidence(|evidence| {
        use taskflows_core::inspect::{Deed, Event};
        let deed = Deed::Skipped("ConditionMemory=>=1024".into());
        evidence.events.push(Event { time: hour_ago(), manager: "boot/1".into(), deed });
    });
    host.tf("monitor check");
    assert_eq!(ids(&host), [""; 0]);
    check!(host);
}

#[test]
fn a_look_that_fails_says_so() {
    let mut host = Host::with_services();
    host.manager.fail_next(taskflows_core::effects::ServiceError::NotFound { name: "a".into() });
    host.tf("monitor check");
    host.tf("monitor check --ping-url http://example.org/abc");
    check!(host);
}
