use jiff::tz::TimeZoneDatabase;

use super::super::evidence::*;
use super::super::facts::*;
use super::*;
use crate::effects::Next;
use crate::{ExitKind, RunEnd, TimeSpan};

/// Seconds after this are the times of the tests; it is twelve o'clock.
const NOON: &str = "2026-11-24T12:00:00Z";

fn at(second: i64) -> Timestamp {
    let noon: Timestamp = NOON.parse().unwrap();
    noon.checked_add(SignedDuration::from_secs(second)).unwrap()
}

/// A service of every minute that is idle at 12:05:30, and whose manager has run since eleven.
fn evidence() -> Evidence {
    Evidence {
        name: "a".parse().unwrap(),
        is_user_scope: true,
        unreachable: None,
        state: State::Waiting,
        is_enabled: false,
        needs_reload: false,
        timer: Some(TimerEvidence {
            is_enabled: true,
            is_active: true,
            next: Next::At(at(360)),
            last: None,
            calendars: vec!["*:0/1".parse().unwrap()],
            has_periods: false,
            after_start: Vec::new(),
            after_finish: Vec::new(),
            is_persistent: true,
            slack: TimeSpan::from_micros(1_000),
        }),
        constraints: Vec::new(),
        references: Vec::new(),
        failure: None,
        trigger: None,
        events: vec![event(-3600, Deed::TimerStarted)],
        managers: vec![life("b/1", -3600, None)],
        sleeps: Vec::new(),
        unreadable: None,
        is_cut: false,
        removed: None,
    }
}

fn event(second: i64, deed: Deed) -> Event {
    Event { time: at(second), manager: "b/1".into(), deed }
}

fn life(manager: &str, began: i64, last_seen: Option<i64>) -> ManagerLife {
    let last_seen = last_seen.map(at);
    ManagerLife { manager: manager.into(), began: at(began), has_exited: false, last_seen }
}

fn run(from: i64, to: i64) -> [Event; 2] {
    [event(from, Deed::Starting), event(to, Deed::Succeeded)]
}

fn with(change: impl FnOnce(&mut Evidence)) -> Evidence {
    let mut changed = evidence();
    change(&mut changed);
    changed
}

/// Expects these reasons, `code: message` in part, in order.
#[track_caller]
fn check(evidence: &Evidence, second: Option<i64>, verdict: Verdict, expected: &[&str]) -> Answer {
    let host = HostFacts { memory: Some(4 << 30), cpus: Some(2), ..HostFacts::default() };
    check_on(&host, evidence, second, verdict, expected)
}

#[track_caller]
fn check_on(
    host: &HostFacts,
    evidence: &Evidence,
    second: Option<i64>,
    verdict: Verdict,
    expected: &[&str],
) -> Answer {
    let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
    let answer = explain(evidence, host, second.map(at), at(330), &zones, &TimeZone::UTC);
    let told: Vec<String> =
        answer.reasons.iter().map(|reason| format!("{}: {}", reason.code, reason.message)).collect();
    assert_eq!((answer.verdict, told.len()), (verdict, expected.len()), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.contains(expected), "{told:?} is not about {expected:?}");
        assert!(told.ends_with('.'), "{told:?} is no sentence");
    }
    answer
}

#[test]
fn what_runs_is_told_with_what_started_it() {
    let mut running = with(|evidence| {
        evidence.state = State::Running;
        evidence.events.push(event(300, Deed::Starting));
    });
    let next = "next: Its timer starts it next at 12:06:00 UTC, in 30s";
    check(&running, None, Verdict::Running, &["running: It runs since 12:05:00 UTC, by its timer", next]);
    running.trigger = Some(Trigger { unit: "other.path".into(), at: None });
    check(&running, None, Verdict::Running, &["running: It runs since 12:05:00 UTC, by other.path", next]);
    running.trigger = None;
    running.events[1].time = at(310);
    check(
        &running,
        None,
        Verdict::Running,
        &["It runs since 12:05:10 UTC, by hand or by another unit", next],
    );
    running.events.pop();
    running.timer = None;
    check(&running, None, Verdict::Running, &["running: It runs; the journal does not tell", "unscheduled"]);
}

#[test]
fn the_last_run_is_told_with_its_end() {
    let mut evidence = with(|evidence| evidence.events.extend(run(300, 303)));
    let answer = check(
        &evidence,
        None,
        Verdict::Ran,
        &["ran: It ran from 12:05:00 UTC, by its timer, and ended well after 3s", "next"],
    );
    assert_eq!(answer.scheduled, Some(at(300)));
    evidence.state = State::Failed;
    evidence.events.truncate(2);
    evidence.events.push(event(301, Deed::Exited(ExitKind::Exited(3))));
    evidence.events.push(event(301, Deed::Failed("exit-code".into())));
    check(&evidence, None, Verdict::Failed, &["and failed after 1s: exit code 3", "next"]);
}

#[test]
fn a_start_that_was_skipped_is_told_with_the_value_now() {
    let directive =
        |key: &str, value: &str| Directive { section: "Unit".into(), key: key.into(), value: value.into() };
    let mut evidence = with(|evidence| {
        evidence.constraints =
            vec![directive("ConditionCPUs", ">=8"), directive("AssertMemory", ">=9999999999999")];
        evidence.events.push(event(300, Deed::Skipped("ConditionCPUs=>=8".into())));
    });
    let answer = check(
        &evidence,
        None,
        Verdict::NotStarted,
        &[
            "condition: The start at 12:05:00 UTC, by its timer, was skipped, since a condition was not met: \
             ConditionCPUs=>=8 asks for at least 8 processors, and this host has 2 processors.",
            "next",
            "constraint: A start would be refused now: AssertMemory=",
        ],
    );
    assert_eq!(answer.constraints.iter().map(|one| one.is_met).collect::<Vec<_>>(), [Some(false); 2]);
    evidence.events[1].deed = Deed::AssertFailed;
    let refused = "assert: The start at 12:05:00 UTC, by its timer, was refused, since an assert was not met: \
                   AssertMemory=>=9999999999999 asks for at least 9.1T of memory, and this host has 4.0G";
    check(&evidence, None, Verdict::NotStarted, &[refused, "next", "constraint: A start would be skipped"]);
    evidence.constraints.clear();
    evidence.events[1].deed = Deed::Skipped(String::new());
    check(&evidence, None, Verdict::NotStarted, &["not met: which one is not known", "next"]);
}

#[test]
fn the_start_limit_and_a_dependency_refuse_a_start() {
    let with = |deed| with(|evidence| evidence.events.push(event(300, deed)));
    let answer =
        check(&with(Deed::LimitHit), None, Verdict::NotStarted, &["start-limit: The start at", "next"]);
    let remedy = answer.reasons[0].remedy.as_deref().unwrap();
    assert!(remedy.ends_with("systemctl --user reset-failed taskflows-a.service"), "{remedy}");
    check(&with(Deed::DependencyFailed), None, Verdict::NotStarted, &["dependency", "next"]);
}

#[test]
fn a_timer_that_is_off_is_told_first() {
    let mut evidence = with(|evidence| {
        evidence.state = State::Stopped;
        evidence.timer.as_mut().unwrap().is_active = false;
        evidence.events.extend(run(60, 61));
    });
    let ran = "ran: It ran from 12:01:00 UTC";
    let answer = check(&evidence, None, Verdict::Off, &["timer-off: Its timer does not run, though", ran]);
    assert_eq!(answer.reasons[0].remedy.as_deref(), Some("tf start a --timers"));
    evidence.timer.as_mut().unwrap().is_enabled = false;
    let answer = check(&evidence, None, Verdict::Off, &["timer-off: Its timer is off: it was disabled", ran]);
    assert_eq!(answer.reasons[0].remedy.as_deref(), Some("tf enable a"));
}

#[test]
fn what_nothing_starts_is_told() {
    let never = ["unscheduled: It has no start schedule", "never-ran"];
    let mut evidence = with(|evidence| {
        (evidence.state, evidence.timer) = (State::Stopped, None);
        evidence.events.clear();
    });
    check(&evidence, None, Verdict::Off, &never);
    evidence.is_enabled = true;
    check(&evidence, None, Verdict::Off, &["by another unit, and at boot or login", "never-ran"]);
}

#[test]
fn what_is_missing_is_told_beside_the_start_that_failed_for_it() {
    let needed = Reference::new(ReferenceUse::EnvironmentFile, "/v.env");
    let missing = [(needed.clone(), "which does not exist".to_owned())].into();
    let host = HostFacts { missing, ..HostFacts::default() };
    let mut evidence = with(|evidence| {
        (evidence.state, evidence.references) = (State::Failed, vec![needed]);
        evidence.events.extend([event(60, Deed::Starting), event(60, Deed::Started)]);
        evidence.events.push(event(300, Deed::Failed("resources".into())));
    });
    let failed = "failed: The start at 12:05:00 UTC, by its timer, failed: systemd could not prepare it.";
    let needs = "needs: It reads variables from /v.env, which does not exist.";
    let answer = check_on(&host, &evidence, None, Verdict::Failed, &[failed, needs, "next"]);
    assert_eq!(answer.reasons[1].remedy.as_deref(), Some("write /v.env, or take it out of the definition"));
    evidence.events.truncate(1);
    evidence.state = State::Waiting;
    check_on(&host, &evidence, None, Verdict::Waiting, &["next", "never-ran", needs]);
}

#[test]
fn a_persistent_timer_makes_up_for_what_fell_due_while_it_was_off() {
    let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
    let off = |change: fn(&mut Evidence)| {
        let mut off = with(|evidence| {
            evidence.timer.as_mut().unwrap().is_active = false;
            evidence.events.extend(run(240, 241));
        });
        change(&mut off);
        outlook(&off, at(330), &zones)
    };
    assert_eq!(off(|_| ()), Outlook { missed: Some(at(300)), next: Some(at(360)) });
    assert_eq!(off(|evidence| evidence.events.extend(run(300, 301))).missed, None);
    assert_eq!(off(|evidence| evidence.timer.as_mut().unwrap().is_persistent = false).missed, None);
    assert_eq!(off(|evidence| evidence.timer.as_mut().unwrap().is_active = true).missed, None);
    assert_eq!(off(|evidence| evidence.events.clear()).missed, None, "it has never elapsed");
}

#[test]
fn a_service_that_took_the_name_of_another_has_no_history() {
    let evidence = with(|evidence| {
        (evidence.state, evidence.timer, evidence.removed) = (State::Stopped, None, Some(at(60)));
        evidence.events.clear();
    });
    let told =
        "never-ran: It has not run since it was installed; another service of its name was removed at 12:01";
    check(&evidence, None, Verdict::Off, &["unscheduled", told]);
}

#[test]
fn a_timer_that_will_never_elapse_is_told() {
    let evidence = with(|evidence| {
        let timer = evidence.timer.as_mut().unwrap();
        (timer.next, timer.calendars) = (Next::Never, vec!["2020-01-01 00:00".parse().unwrap()]);
    });
    check(&evidence, None, Verdict::Waiting, &["never: Its timer will never start it again", "never-ran"]);
}

#[test]
fn drift_linger_and_a_manager_that_is_away_are_told() {
    let evidence = with(|evidence| {
        evidence.events.extend(run(300, 301));
        (evidence.needs_reload, evidence.timer.as_mut().unwrap().is_enabled) = (true, true);
    });
    let host = HostFacts { linger: Linger::Off { user: "me".into() }, ..HostFacts::default() };
    check_on(
        &host,
        &evidence,
        None,
        Verdict::Ran,
        &["ran", "next", "drift", "linger: It does not run while me"],
    );
    let away = with(|evidence| {
        (evidence.unreachable, evidence.unreadable) = (Some("no bus".into()), Some("no files".into()));
        (evidence.state, evidence.events) = (State::Stopped, Vec::new());
        evidence.timer.as_mut().unwrap().is_active = false;
    });
    check(&away, None, Verdict::Unknown, &["manager: The systemd manager does not answer", "journal"]);
}

#[test]
fn a_scheduled_start_that_was_made_is_told() {
    let evidence = with(|evidence| evidence.events.extend(run(60, 62).into_iter().chain(run(121, 122))));
    let answer = check(&evidence, Some(90), Verdict::Ran, &["ran: It ran from 12:01:00 UTC, by its timer"]);
    assert_eq!((answer.scheduled, answer.attempt.unwrap().at), (Some(at(60)), at(60)));
    let answer = check(&evidence, Some(120), Verdict::Ran, &["ran: It ran from 12:02:01 UTC"]);
    assert_eq!(answer.scheduled, Some(at(120)));
}

#[test]
fn another_run_that_was_under_way_at_the_time_is_told_first() {
    let mut evidence = with(|evidence| evidence.events.extend(run(60, 62).into_iter().chain(run(80, 85))));
    let by_hand = "ran: It ran from 12:01:20 UTC, by hand or by another unit";
    let answer = check(&evidence, Some(82), Verdict::Ran, &[by_hand, "ran: It ran from 12:01:00 UTC"]);
    assert_eq!((answer.scheduled, answer.attempt.unwrap().at), (None, at(80)));
    check(&evidence, Some(86), Verdict::Ran, &["ran: It ran from 12:01:00 UTC"]);
    evidence.events.drain(1..3);
    evidence.events[1].time = at(50);
    let merged = "merged: It was due at 12:01:00 UTC and did not start";
    check(&evidence, Some(70), Verdict::Ran, &["ran: It ran from 12:00:50 UTC", merged]);
    check(&evidence, Some(60), Verdict::Missed, &[merged, "ran: It ran from 12:00:50 UTC"]);
    let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
    let half = at(60) + SignedDuration::from_millis(500);
    let answer = explain(&evidence, &HostFacts::default(), Some(half), at(330), &zones, &TimeZone::UTC);
    assert_eq!(answer.verdict, Verdict::Missed, "in the second in which it was due");
}

#[test]
fn a_time_is_asked_about_to_the_second() {
    let half = SignedDuration::from_millis(460);
    let mut evidence = with(|evidence| {
        evidence.events.extend(run(80, 80));
        evidence.events[1].time += half;
        evidence.events[2].time += half + SignedDuration::from_millis(3);
    });
    check(&evidence, Some(80), Verdict::Ran, &["ran: It ran from 12:01:20 UTC"]);
    let timer = evidence.timer.as_mut().unwrap();
    (timer.calendars, timer.has_periods) = (Vec::new(), true);
    check(&evidence, Some(80), Verdict::Ran, &["ran: It ran from 12:01:20 UTC"]);
}

#[test]
fn a_start_that_falls_into_a_run_is_merged_with_it() {
    let slow = with(|evidence| evidence.events.extend(run(60, 150).into_iter().chain(run(150, 240))));
    let merged = "merged: It was due at 12:02:00 UTC and did not start. The run that had begun at 12:01:00 UTC was \
                  still under way, and systemd never runs a service twice at once; the next one began at 12:02:30";
    check(&slow, Some(120), Verdict::Missed, &[merged, "ran: It ran from 12:01:00 UTC"]);
    // systemd before 254 tells of no good end.
    let mute = with(|evidence| {
        evidence.events.extend([event(60, Deed::Starting), event(150, Deed::Starting)]);
    });
    let probably = "merged: It was due at 12:02:00 UTC and did not start. The run that had begun at 12:01:00 UTC was \
                    probably still under way (the journal does not tell when it ended), and systemd";
    check(&mute, Some(120), Verdict::Missed, &[probably]);
    let still = with(|evidence| {
        evidence.state = State::Running;
        evidence.events.push(event(180, Deed::Starting));
    });
    check(&still, Some(240), Verdict::Missed, &["at once; it still is", "running"]);
    check(&still, None, Verdict::Running, &["running", "merged: It was due at 12:05:00 UTC", "next"]);
}

#[test]
fn a_start_while_no_manager_ran_is_told_with_whether_it_was_made_up_for() {
    let mut off = with(|evidence| {
        evidence.managers = vec![life("a/1", -3600, Some(50)), life("b/1", 200, None)];
        evidence.events.extend(run(201, 202));
    });
    let answer = check(
        &off,
        Some(125),
        Verdict::Missed,
        &[
            "machine-off: It was due at 12:02:00 UTC and did not start. The machine was off from 12:00:50 UTC until \
             12:03:20 UTC, so no timer elapsed.",
            "caught-up: Its schedule is persistent, so the start was made up for at 12:03:21 UTC",
        ],
    );
    assert_eq!(answer.scheduled, Some(at(120)));
    off.managers[1].began = at(120) + SignedDuration::from_millis(300);
    off.events[1].time = at(121);
    check(
        &off,
        Some(120),
        Verdict::Missed,
        &["machine-off", "caught-up: Its schedule is persistent, so the start was made up for at 12:02:01"],
    );
    off.events[1].time = at(120) + SignedDuration::from_millis(700);
    check(&off, Some(120), Verdict::Missed, &["machine-off", "caught-up"]);
    (off.managers[1].began, off.events[1].time) = (at(200), at(201));
    off.timer.as_mut().unwrap().is_persistent = false;
    check(&off, Some(125), Verdict::Missed, &["machine-off", "not-persistent"]);
    off.managers[0].has_exited = true;
    check(&off, Some(125), Verdict::Missed, &["or you were logged out without lingering", "not-persistent"]);
    off.managers[0].manager = "b/0".into();
    let answer = check(&off, Some(125), Verdict::Missed, &["manager-off", "not-persistent"]);
    assert_eq!(answer.reasons[0].remedy.as_deref(), Some("loginctl enable-linger"));
    off.timer.as_mut().unwrap().is_persistent = true;
    off.events.truncate(1);
    check(&off, Some(125), Verdict::Missed, &["manager-off", "not-caught-up"]);
}

#[test]
fn a_start_while_the_machine_was_asleep_is_told() {
    let mut asleep = with(|evidence| {
        evidence.events.extend(run(60, 61).into_iter().chain(run(190, 191)));
        evidence.sleeps = vec![Sleep { from: at(70), until: Some(at(188)) }];
    });
    let told = "asleep: It was due at 12:02:00 UTC and did not start. The machine was asleep from 12:01:10 UTC until \
                12:03:08 UTC, so its timer elapsed only then: it started at 12:03:10 UTC.";
    check(&asleep, Some(120), Verdict::Missed, &[told]);
    asleep.sleeps[0].until = None;
    check(&asleep, Some(120), Verdict::Unknown, &["unknown"]);
}

#[test]
fn a_run_of_another_manager_is_not_still_under_way() {
    let evidence = with(|evidence| {
        evidence.events.push(Event { manager: "a/1".into(), ..event(60, Deed::Starting) });
        evidence.events.push(event(150, Deed::Starting));
    });
    check(&evidence, Some(120), Verdict::Unknown, &["unknown"]);
}

#[test]
fn a_start_while_the_timer_was_off_is_told() {
    let mut off = with(|evidence| {
        evidence.events.extend([event(100, Deed::TimerStopped), event(200, Deed::TimerStarted)]);
    });
    let answer = check(
        &off,
        Some(120),
        Verdict::Missed,
        &[
            "timer-off: It was due at 12:02:00 UTC and did not start. Its timer was off: it had been stopped at 12:01:40",
        ],
    );
    assert_eq!(answer.reasons[0].remedy, None, "it is on again");
    off.timer.as_mut().unwrap().is_active = false;
    let answer = check(&off, Some(120), Verdict::Missed, &["timer-off"]);
    assert_eq!(answer.reasons[0].remedy.as_deref(), Some("tf enable a"));
    off.events = vec![event(200, Deed::TimerStarted)];
    check(
        &off,
        Some(120),
        Verdict::Missed,
        &["Its timer was not there yet: it was first started at 12:03:20"],
    );
}

#[test]
fn without_the_journal_the_manager_tells_how_it_failed() {
    let mute = with(|evidence| {
        evidence.events.clear();
        (evidence.state, evidence.unreadable) = (State::Failed, Some("no permission".into()));
        let exit = Some(ExitKind::Exited(4));
        evidence.failure = Some(RunEnd { result: "exit-code".into(), exit, is_preparation: false });
    });
    check(
        &mute,
        None,
        Verdict::Failed,
        &["failed: It stands as failed: exit code 4", "next", "journal: The journal could not be read"],
    );
    check(
        &mute,
        Some(120),
        Verdict::Unknown,
        &["unknown: It was due at 12:02:00 UTC. What became of it is not known", "journal"],
    );
}

#[test]
fn what_nobody_knows_is_said() {
    check(
        &evidence(),
        Some(120),
        Verdict::Unknown,
        &["unknown: It was due at 12:02:00 UTC. The journal tells of no start"],
    );
    let young = with(|evidence| {
        evidence.events.clear();
        evidence.managers = vec![life("b/1", 200, None)];
    });
    check(&young, Some(120), Verdict::Unknown, &["too-old: It was due at 12:02:00 UTC"]);
}

#[test]
fn a_time_to_come_is_told() {
    let answer = check(&evidence(), Some(400), Verdict::Coming, &["coming: 12:06:40 UTC is still to come"]);
    assert_eq!(answer.scheduled, Some(at(360)));
}

#[test]
fn without_a_time_of_day_the_runs_around_are_told() {
    let periodic = with(|evidence| {
        let timer = evidence.timer.as_mut().unwrap();
        (timer.calendars, timer.has_periods) = (Vec::new(), true);
        evidence.events.extend(run(60, 62).into_iter().chain(run(180, 190)));
    });
    check(
        &periodic,
        Some(120),
        Verdict::Idle,
        &[
            "unscheduled: It did not run at 12:02:00 UTC. Its timer counts from its last run",
            "ran: It ran from 12:01:00 UTC",
            "later: The start after that was at 12:03:00 UTC",
        ],
    );
    check(&periodic, Some(185), Verdict::Ran, &["ran: It ran from 12:03:00 UTC"]);
}

#[test]
fn a_periodic_timer_is_credited_with_its_runs_as_far_as_that_is_known() {
    let mut periodic = with(|evidence| {
        let timer = evidence.timer.as_mut().unwrap();
        (timer.calendars, timer.has_periods) = (Vec::new(), true);
        timer.after_finish = vec!["2min".parse().unwrap()];
        evidence.events.extend(run(60, 62).into_iter().chain(run(182, 190)).chain(run(200, 201)));
    });
    check(&periodic, Some(185), Verdict::Ran, &["ran: It ran from 12:03:02 UTC, by its timer, and", "later"]);
    let unknown = "ran: It ran from 12:03:20 UTC, by its timer or by hand (which of them is not known), and";
    check(&periodic, Some(200), Verdict::Ran, &[unknown]);
    let timer = periodic.timer.as_mut().unwrap();
    (timer.after_finish, timer.after_start) = (Vec::new(), vec!["18s".parse().unwrap()]);
    check(&periodic, Some(200), Verdict::Ran, &["ran: It ran from 12:03:20 UTC, by its timer, and"]);
}

#[test]
fn the_next_start_of_a_periodic_timer_is_the_one_that_the_manager_tells() {
    let mut periodic = with(|evidence| {
        let timer = evidence.timer.as_mut().unwrap();
        (timer.calendars, timer.has_periods) = (Vec::new(), true);
    });
    let next = "coming: 12:06:40 UTC is still to come; its next scheduled start is 12:06:00 UTC";
    check(&periodic, Some(400), Verdict::Coming, &[next]);
    periodic.timer.as_mut().unwrap().next = Next::AfterThisRun;
    check(&periodic, Some(400), Verdict::Coming, &["and when it elapses next is not known"]);
}

#[test]
fn a_period_does_not_end_while_its_timer_is_off() {
    let off = with(|evidence| {
        let timer = evidence.timer.as_mut().unwrap();
        (timer.calendars, timer.has_periods) = (Vec::new(), true);
        evidence.events.extend(run(10, 11));
        evidence.events.extend([event(100, Deed::TimerStopped), event(200, Deed::TimerStarted)]);
    });
    let told = ["timer-off: Its timer was off", "unscheduled: It did not run", "ran: It ran from 12:00:10"];
    check(&off, Some(120), Verdict::Missed, &told);
}

#[test]
fn the_last_elapse_is_found_however_long_ago() {
    let last = |spec: &str, second: i64| {
        let spec: CalendarSpec = spec.parse().unwrap();
        last_elapse(&spec, at(second), &TimeZone::UTC)
    };
    assert_eq!(last("*:*:*", 5), Some(at(5)));
    assert_eq!(last("*:0/1", 59), Some(at(0)));
    assert_eq!(last("*:0/1", 60), Some(at(60)), "at the time itself");
    assert_eq!(last("*-*-* 12:00", -1), Some(at(-86_400)));
    assert_eq!(last("*-01-01 00:00", 0), Some("2026-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!(last("2000-02-29 00:00", 0), Some("2000-02-29T00:00:00Z".parse().unwrap()));
    assert_eq!(last("2030-01-01 00:00", 0), None);
}

#[test]
fn a_run_by_the_restart_policy_is_not_the_scheduled_one() {
    let evidence = with(|evidence| {
        let failure = || [event(61, Deed::Failed("signal".into())), event(61, Deed::Restarting)];
        evidence.events.push(event(60, Deed::Starting));
        evidence.events.extend(failure());
        evidence.events.extend(run(62, 63));
    });
    let answer =
        check(&evidence, Some(61), Verdict::Failed, &["failed: It ran from 12:01:00 UTC, by its timer"]);
    let end = Ended::Badly(RunEnd { result: "signal".into(), exit: None, is_preparation: false });
    assert_eq!(answer.attempt.unwrap().ended, end);
    check(
        &evidence,
        Some(62),
        Verdict::Ran,
        &["ran: It ran from 12:01:02 UTC, by its restart policy", "failed: It ran"],
    );
}
