//! What happened to a service, and what is told of it.

use std::time::Duration;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::inspect::{Deed, Event, Evidence};
use crate::schedule::Zones;

fn at(text: &str) -> Timestamp {
    let (day, time) = text.split_once(' ').unwrap_or(("25", text));
    format!("2026-11-{day}T{time}Z").parse().unwrap()
}

fn zones() -> Zones {
    Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC)
}

/// A service that runs at 02:00, installed on the 20th, whose manager came up on the 21st. It is looked at closer.
struct Story {
    facts: MonitorFacts,
    memory: Memory,
}

fn nightly() -> Story {
    let watched = Watched {
        service: "backup".parse().unwrap(),
        groups: None,
        rules: WatchRules::default(),
        timer: TimerWatch {
            has_file: true,
            is_linked: true,
            state: TimerState::Waiting,
            changed: Some(at("20 12:00:00")),
            calendars: vec!["*-*-* 02:00".parse().unwrap()],
            slack: Duration::from_millis(1),
            ..TimerWatch::default()
        },
        is_running: false,
        closer: Some(CloserLook {
            active_since: Some(at("21 08:00:01")),
            last_trigger: Some(at("24 02:00:00")),
            ..CloserLook::default()
        }),
        runs: Vec::new(),
    };
    Story {
        facts: MonitorFacts {
            manager_began: Some(at("21 08:00:00")),
            clocks: Clocks::default(),
            services: vec![watched],
        },
        memory: Memory { last_look: Some(at("00:59:30")), ..Memory::default() },
    }
}

impl Story {
    fn with(mut self, change: impl FnOnce(&mut Watched)) -> Self {
        change(&mut self.facts.services[0]);
        self
    }

    fn timer(self, change: impl FnOnce(&mut TimerWatch)) -> Self {
        self.with(|watched| change(&mut watched.timer))
    }

    fn closer(self, change: impl FnOnce(&mut CloserLook)) -> Self {
        self.with(|watched| change(watched.closer.as_mut().unwrap()))
    }

    /// The manager, and the timer with it, came up then.
    fn booted(mut self, time: &str) -> Self {
        self.facts.manager_began = Some(at(time));
        self.closer(|closer| {
            closer.active_since = Some(at(time).checked_add(SignedDuration::from_secs(1)).unwrap());
            closer.last_trigger = None;
        })
    }

    /// Says what is told at `now`, and remembers it.
    fn look(&mut self, now: &str) -> Vec<String> {
        let (now, zones) = (at(now), zones());
        self.memory = std::mem::take(&mut self.memory).wake(self.facts.clocks, now);
        let findings = judge(&self.facts, &self.memory, now, &zones);
        let told = findings.iter().map(|finding| match finding {
            Finding::Trouble { trouble, .. } if finding.is_new(now) => format!("new {trouble}"),
            Finding::Trouble { trouble, .. } => format!("still {trouble}"),
            Finding::Settled { trouble, how, .. } => format!("{} {trouble}", how.as_str()),
        });
        let told = told.collect();
        self.memory = std::mem::take(&mut self.memory).after(&self.facts, &findings, now);
        told
    }
}

#[track_caller]
fn check(mut story: Story, now: &str, told: &[&str]) {
    assert_eq!(story.look(now), told, "at {now}");
}

const OVERDUE: &str = "new overdue/2026-11-25T02:00:00Z";

#[test]
fn what_is_due_and_does_not_start_is_told_when_the_grace_is_over() {
    check(nightly(), "02:04:59", &[]);
    check(nightly(), "02:05:01", &[OVERDUE]);
    check(nightly().with(|one| one.rules.missed_after = Duration::from_secs(60)), "02:01:01", &[OVERDUE]);
    check(nightly().timer(|timer| timer.slack = Duration::from_secs(3600)), "03:04:59", &[]);
    check(nightly().closer(|closer| closer.slack = Some(Duration::from_secs(3600))), "03:04:59", &[]);
}

#[test]
fn what_started_is_not_missed_whatever_started_it() {
    let late = Some(at("02:03:00"));
    check(nightly().closer(|closer| closer.last_trigger = late), "09:00:00", &[]);
    check(nightly().timer(|timer| timer.stamp = late), "09:00:00", &[]);
    check(nightly().closer(|closer| closer.run_started = late), "09:00:00", &[]);
    let run = PastRun { started: at("02:03:00"), ended: None, is_good: false };
    check(nightly().with(|one| one.runs = vec![run]), "09:00:00", &[]);
    // It did not start at 02:00 since the run before went on until 02:30, or goes on still.
    let long = |closer: &mut CloserLook| {
        (closer.run_started, closer.run_ended) = (Some(at("01:00:00")), Some(at("02:30:00")));
    };
    check(nightly().closer(long), "09:00:00", &[]);
    check(nightly().with(|one| one.is_running = true), "09:00:00", &[]);
}

#[test]
fn what_was_installed_or_started_after_the_time_is_not_missed() {
    check(nightly().timer(|timer| timer.changed = Some(at("02:00:01"))), "09:00:00", &[]);
    check(nightly().closer(|closer| closer.active_since = Some(at("02:30:00"))), "09:00:00", &[]);
}

#[test]
fn a_drop_in_that_moves_the_time_counts() {
    let noon = Some(vec!["*-*-* 12:00".parse().unwrap()]);
    let story = nightly().closer(|closer| {
        closer.calendars = noon;
        closer.last_trigger = Some(at("24 12:00:00"));
    });
    check(story, "09:00:00", &[]);
}

#[test]
fn a_missed_run_stands_until_something_started() {
    let mut story = nightly();
    assert_eq!(story.look("02:05:01"), [OVERDUE]);
    assert_eq!(story.look("02:06:01"), ["still overdue/2026-11-25T02:00:00Z"]);
    // The next one is missed as well: it is the same trouble, told once.
    assert_eq!(story.look("26 02:10:00"), ["still overdue/2026-11-25T02:00:00Z"]);
    let mut story = story.closer(|closer| closer.run_started = Some(at("26 09:00:00")));
    assert_eq!(story.look("26 09:01:00"), ["well overdue/2026-11-25T02:00:00Z"]);
    assert_eq!(story.look("26 09:02:00"), [""; 0]);
}

#[test]
fn a_host_that_was_off_misses_what_it_does_not_make_up_for() {
    let off = "new host-off/2026-11-25T02:00:00Z";
    let mut story = nightly().booted("08:00:00");
    assert_eq!(story.look("08:00:30"), [off]);
    assert_eq!(story.look("08:01:30"), ["still host-off/2026-11-25T02:00:00Z"]);
    let mut story = story.closer(|closer| closer.last_trigger = Some(at("26 02:00:00")));
    assert_eq!(story.look("26 02:00:30"), ["well host-off/2026-11-25T02:00:00Z"]);
    // The monitor looked after the time, and all was well then; or it never looked, and nobody knows.
    let mut story = nightly().booted("08:00:00");
    story.memory.last_look = Some(at("02:30:00"));
    check(story, "08:00:30", &[]);
    let mut story = nightly().booted("08:00:00");
    story.memory.last_look = None;
    check(story, "08:00:30", &[]);
}

#[test]
fn a_persistent_timer_gets_the_grace_to_make_up_for_what_it_missed() {
    let persistent = || {
        nightly().booted("08:00:00").timer(|timer| {
            timer.is_persistent = true;
            timer.stamp = Some(at("24 02:00:00"));
        })
    };
    check(persistent(), "08:00:30", &[]);
    check(persistent(), "08:05:02", &["new host-off/2026-11-25T02:00:00Z"]);
    check(persistent().timer(|timer| timer.stamp = Some(at("08:00:02"))), "09:00:00", &[]);
    check(persistent().timer(|timer| timer.stamp = None), "09:00:00", &[]);
    // Switched on by hand at noon: what was before is not missed.
    check(persistent().closer(|closer| closer.active_since = Some(at("12:00:00"))), "13:00:00", &[]);
}

#[test]
fn a_timer_that_is_dead_though_enabled_is_told_and_one_that_was_switched_off_is_not() {
    let dead = |story: Story| story.timer(|timer| timer.state = TimerState::Dead);
    check(dead(nightly()), "12:00:00", &["new timer-dead"]);
    let off = dead(nightly()).timer(|timer| timer.is_linked = false);
    check(off, "12:00:00", &[]);
    // It is just being installed, or the manager just came up.
    check(dead(nightly()).timer(|timer| timer.changed = Some(at("11:59:00"))), "12:00:00", &[]);
    check(dead(nightly().booted("11:59:00")), "12:00:00", &[]);
}

#[test]
fn a_dead_timer_is_well_when_it_runs_and_off_when_it_is_switched_off() {
    let mut story = nightly().timer(|timer| timer.state = TimerState::Dead);
    assert_eq!(story.look("01:00:00"), ["new timer-dead"]);
    let mut story = story.timer(|timer| timer.state = TimerState::Waiting);
    assert_eq!(story.look("01:01:00"), ["well timer-dead"]);
    let mut story = story.timer(|timer| timer.state = TimerState::Dead);
    assert_eq!(story.look("01:02:00"), ["new timer-dead"]);
    let mut story = story.timer(|timer| timer.is_linked = false);
    assert_eq!(story.look("01:03:00"), ["switched-off timer-dead"]);
    assert_eq!(story.look("01:04:00"), [""; 0]);
}

#[test]
fn a_timer_that_runs_without_a_link_is_lost_with_a_restart() {
    let mut story = nightly().timer(|timer| timer.is_linked = false);
    assert_eq!(story.look("01:00:00"), ["new timer-disabled"]);
    let mut story = story.booted("01:30:00").timer(|timer| timer.state = TimerState::Dead);
    assert_eq!(story.look("01:31:00"), ["still timer-disabled"]);
    // Told, and then switched off without a restart: that was meant.
    let mut story = nightly().timer(|timer| timer.is_linked = false);
    assert_eq!(story.look("01:00:00"), ["new timer-disabled"]);
    let mut story = story.timer(|timer| timer.state = TimerState::Dead);
    assert_eq!(story.look("01:01:00"), ["switched-off timer-disabled"]);
}

#[test]
fn a_file_that_is_gone_is_told_and_a_service_that_is_gone_is_forgotten() {
    let mut story = nightly().timer(|timer| timer.has_file = false);
    assert_eq!(story.look("01:00:00"), ["new timer-gone"]);
    story.facts.services.clear();
    assert_eq!(story.look("01:01:00"), ["removed timer-gone"]);
}

#[test]
fn one_trouble_takes_the_place_of_another() {
    let mut story = nightly();
    assert_eq!(story.look("02:05:01"), [OVERDUE]);
    let mut story = story.timer(|timer| timer.state = TimerState::Dead);
    assert_eq!(story.look("02:06:01"), ["new timer-dead", "replaced overdue/2026-11-25T02:00:00Z"]);
}

#[test]
fn a_machine_that_slept_or_whose_clock_was_set_gets_the_grace_anew() {
    let asleep = Clocks { slept_micros: 3_600_000_000, booted_micros: 0 };
    let set = Clocks { slept_micros: 0, booted_micros: 3_600_000_000 };
    for clocks in [asleep, set] {
        let mut story = nightly();
        story.look("01:59:30");
        story.facts.clocks = clocks;
        assert_eq!(story.look("06:00:00"), [""; 0]);
        assert_eq!(story.look("06:04:00"), [""; 0]);
        assert_eq!(story.look("06:05:01"), [OVERDUE]);
    }
    // The clock went back over the last look.
    let mut story = nightly();
    story.memory.last_look = Some(at("26 00:00:00"));
    assert_eq!(story.look("02:06:00"), [""; 0]);
    assert_eq!(story.look("02:11:01"), [OVERDUE]);
}

#[test]
fn a_period_is_overdue_as_the_manager_counts_it() {
    let period = |next: &str| {
        let next = Some(at(next));
        nightly()
            .timer(|timer| {
                timer.calendars.clear();
                timer.has_periods = true;
            })
            .closer(|closer| closer.next_period = next)
    };
    check(period("02:00:00"), "02:04:00", &[]);
    check(period("02:00:00"), "02:05:01", &[OVERDUE]);
    check(period("09:00:00"), "02:05:01", &[]);
    // It counts from the end of a run that goes on, or waits for its first start.
    check(period("02:00:00").timer(|timer| timer.state = TimerState::Running), "09:00:00", &[]);
    check(period("02:00:00").with(|one| one.is_running = true), "09:00:00", &[]);
    check(period("02:00:00").timer(|timer| timer.state = TimerState::Elapsed), "09:00:00", &[]);
}

#[test]
fn a_schedule_that_is_over_is_told_only_if_it_was_in_vain() {
    let once = |time: &str, changed: &str| {
        let (spec, changed) = (format!("2026-11-{time} UTC").parse().unwrap(), Some(at(changed)));
        nightly().timer(|timer| {
            (timer.state, timer.changed) = (TimerState::Elapsed, changed);
            timer.calendars = vec![spec];
        })
    };
    check(once("19 02:00:00", "20 12:00:00"), "09:00:00", &["new never-again"]);
    check(once("19 02:00:00", "08:56:00"), "09:00:00", &[]);
    check(once("24 02:00:00", "20 12:00:00"), "09:00:00", &[]);
    // Its file was written again after it had run.
    let again = once("19 02:00:00", "20 12:00:00").timer(|timer| timer.stamp = Some(at("19 02:00:00")));
    check(again, "09:00:00", &[]);
    // The stamp of a timer that never ran is of its first start.
    let first = once("19 02:00:00", "20 12:00:00").timer(|timer| timer.stamp = Some(at("20 12:00:01")));
    check(first, "09:00:00", &["new never-again"]);
}

#[test]
fn times_that_the_clocks_skip_or_show_twice_are_due_as_they_elapse() {
    let berlin = |last: &str| {
        let last: Timestamp = last.parse().unwrap();
        let mut story = nightly().timer(|timer| {
            timer.calendars = vec!["*-*-* 02:30 Europe/Berlin".parse().unwrap()];
            timer.changed = Some("2026-01-01T00:00:00Z".parse().unwrap());
        });
        story.memory.last_look = None;
        story.closer(|closer| {
            closer.active_since = Some("2026-01-01T00:00:00Z".parse().unwrap());
            closer.last_trigger = Some(last);
        })
    };
    let look =
        |story: Story, now: &str| judge(&story.facts, &story.memory, now.parse().unwrap(), &zones()).len();
    // On 29 March there is no 02:30; on 25 October there are two, of which the first counts.
    assert_eq!(look(berlin("2026-03-28T01:30:00Z"), "2026-03-29T12:00:00Z"), 0);
    assert_eq!(look(berlin("2026-03-28T01:30:00Z"), "2026-03-30T00:36:00Z"), 1);
    assert_eq!(look(berlin("2026-10-25T00:30:00Z"), "2026-10-25T12:00:00Z"), 0);
    assert_eq!(look(berlin("2026-10-24T00:30:00Z"), "2026-10-25T00:36:00Z"), 1);
}

/// Good runs that took so many seconds, the newest first, one each day from the 24th.
fn runs(took: &[i64]) -> Vec<PastRun> {
    let run = |(day, took): (usize, &i64)| {
        let started = at("24 02:00:00").checked_sub(SignedDuration::from_hours(24 * day as i64)).unwrap();
        let ended = started.checked_add(SignedDuration::from_secs(*took)).unwrap();
        PastRun { started, ended: Some(ended), is_good: true }
    };
    took.iter().enumerate().map(run).collect()
}

#[test]
fn a_run_that_takes_far_longer_than_usual_is_told_once_and_settled_with_its_end() {
    let running = |took: &[i64]| {
        let runs = runs(took);
        nightly().with(|one| (one.is_running, one.runs) = (true, runs)).closer(|closer| {
            closer.run_started = Some(at("02:00:00"));
        })
    };
    let slow = "new slow/2026-11-25T02:00:00Z";
    // Three times ten minutes; a minute more than ten seconds; four runs say nothing.
    check(running(&[600; 5]), "02:30:00", &[]);
    check(running(&[600; 5]), "02:30:01", &[slow]);
    check(running(&[10; 5]), "02:01:10", &[]);
    check(running(&[10; 5]), "02:01:11", &[slow]);
    check(running(&[10; 4]), "09:00:00", &[]);
    let limit = Some(Duration::from_secs(7200));
    check(running(&[10; 5]).with(|one| one.rules.slow_after = limit), "03:59:00", &[]);
    check(running(&[]).with(|one| one.rules.slow_after = limit), "04:00:01", &[slow]);

    let mut story = running(&[600; 5]);
    assert_eq!(story.look("02:31:00"), [slow]);
    assert_eq!(story.look("02:32:00"), ["still slow/2026-11-25T02:00:00Z"]);
    let over = PastRun { started: at("02:00:00"), ended: Some(at("02:40:00")), is_good: true };
    let mut story = story.with(|one| {
        one.is_running = false;
        one.runs.insert(0, over);
    });
    assert_eq!(story.look("02:41:00"), ["well slow/2026-11-25T02:00:00Z"]);
    assert_eq!(story.look("02:42:00"), [""; 0]);
}

#[test]
fn a_run_that_took_an_unusual_time_is_told_once_when_it_is_over() {
    let over = |took: i64, others: i64, is_good: bool| {
        let ended = at("02:00:00").checked_add(SignedDuration::from_secs(took)).unwrap();
        let last = PastRun { started: at("02:00:00"), ended: Some(ended), is_good };
        let runs = std::iter::once(last).chain(runs(&[others; 6])).collect();
        let mut story = nightly().with(|one| one.runs = runs);
        story.memory.last_look = Some(at("02:00:30"));
        story
    };
    let slow = "new slow/2026-11-25T02:00:00Z";
    for (took, others, is_good, told) in [
        (59, 600, true, Some(slow)),
        (61, 600, true, None),
        (1801, 600, true, Some(slow)),
        (1801, 600, false, None),
        // Half a minute is where it begins to matter.
        (31, 20, true, None),
    ] {
        let mut story = over(took, others, is_good);
        assert_eq!(story.look("03:00:00"), told.into_iter().collect::<Vec<_>>(), "{took} of {others}");
        assert_eq!(story.look("03:01:00"), [""; 0], "{took} of {others}");
    }
    // It was over at the last look, or the monitor never looked.
    let mut story = over(59, 600, true);
    story.memory.last_look = Some(at("02:59:30"));
    check(story, "03:00:00", &[]);
    let mut story = over(59, 600, true);
    story.memory.last_look = None;
    check(story, "03:00:00", &[]);
}

#[test]
fn what_files_tell_as_being_in_order_is_not_looked_at_closer() {
    let suspect = |story: Story| {
        let watched = Watched { closer: None, ..story.facts.services[0].clone() };
        is_suspect(&watched, &story.memory, at("02:06:00"), &zones())
    };
    assert!(suspect(nightly()));
    assert!(!suspect(nightly().timer(|timer| timer.stamp = Some(at("02:00:00")))));
    assert!(!suspect(nightly().timer(|timer| timer.changed = Some(at("02:01:00")))));
    assert!(!suspect(nightly().timer(|timer| timer.state = TimerState::Dead)));
    assert!(suspect(nightly().with(|one| one.is_running = true)));
    assert!(suspect(nightly().timer(|timer| timer.has_periods = true)));
}

#[test]
fn memory_is_kept_as_text() {
    let mut story = nightly();
    story.look("02:06:00");
    let text = serde_json::to_string(&story.memory).unwrap();
    assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), story.memory);
    assert_eq!(serde_json::from_str::<Memory>("{}").unwrap(), Memory::default());
}

#[test]
fn the_journal_knows_of_starts_that_were_refused() {
    let manager = std::sync::Arc::new(crate::testing::FakeServiceManager::default());
    let service = crate::Service::builder("a").start_command("true").build().unwrap();
    crate::testing::ready(crate::effects::ServiceManager::install(
        &*manager,
        crate::effects::Wanted::services(&[service]),
    ))
    .unwrap();
    let inspector = crate::testing::FakeInspector::over(manager);
    let name = "a".parse().unwrap();
    let mut evidence: Evidence =
        crate::testing::ready(crate::effects::Inspector::evidence(&inspector, &name, None)).unwrap();
    assert!(!has_started_since(&evidence, at("02:00:00")));
    let deed = Deed::Skipped("ConditionMemory=>=1024".into());
    evidence.events = vec![Event { time: at("02:00:00"), manager: "boot/1".into(), deed }];
    assert!(has_started_since(&evidence, at("02:00:00")));
    assert!(!has_started_since(&evidence, at("02:10:00")));
}
