//! What holds for every schedule and every time.

use std::time::Duration;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::schedule::{CalendarSpec, Zones};

fn schedules() -> impl Strategy<Value = CalendarSpec> {
    let zone =
        prop::sample::select(vec!["", " UTC", " Europe/Berlin", " America/New_York", " Australia/Lord_Howe"]);
    let day = prop::sample::select(vec!["", "Mon..Fri ", "Sun ", "*-*~01 ", "*-02-29 "]);
    let time = prop_oneof![
        (0..24, 0..60).prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}")),
        (1..60).prop_map(|step| format!("*:0/{step}")),
        (1..24).prop_map(|step| format!("0/{step}:30")),
    ];
    (day, time, zone).prop_map(|(day, time, zone)| format!("{day}{time}{zone}").parse().unwrap())
}

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A service each of whose due runs started within the grace is never found.
    #[test]
    fn who_starts_in_time_is_never_found(
        spec in schedules(),
        now in 1_700_000_000_i64..2_000_000_000,
        installed_ago in 0..100_000_000_i64,
        up_since in 0..100_000_000_i64,
        looked_ago in proptest::option::of(0..1_000_000_i64),
        late in 0..300_i64,
        persistent: bool,
        knows in 0..3_u8,
    ) {
        let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
        let now = Timestamp::from_second(now).unwrap();
        let installed = now.checked_sub(seconds(installed_ago)).unwrap();
        let began = now.checked_sub(seconds(up_since)).unwrap();
        let calendars = vec![spec];
        // The last run: for the last time it was due, or for the one before where the grace is not over yet.
        let ran = |due: Timestamp| due.checked_add(seconds(late)).unwrap();
        let due = last_due(&calendars, now, &zones);
        let due = match due {
            Some(due) if ran(due) > now => last_due(&calendars, due.checked_sub(seconds(1)).unwrap(), &zones),
            other => other,
        };
        let start = due.map(ran).filter(|_| due > Some(installed));
        let has_next = super::due::next_due(&calendars, now, &zones).is_some();
        let watched = Watched {
            service: "a".parse().unwrap(),
            groups: None,
            rules: WatchRules::default(),
            timer: TimerWatch {
                has_file: true,
                is_linked: true,
                state: if has_next { TimerState::Waiting } else { TimerState::Elapsed },
                changed: Some(installed),
                calendars,
                has_periods: false,
                is_persistent: persistent,
                slack: Duration::from_millis(1),
                stamp: start.filter(|_| knows == 0),
            },
            is_running: false,
            closer: Some(CloserLook {
                active_since: Some(began.max(installed)),
                last_trigger: start.filter(|_| knows == 1),
                run_started: start.filter(|_| knows == 2),
                run_ended: start.filter(|_| knows == 2),
                ..CloserLook::default()
            }),
            runs: Vec::new(),
        };
        let last_look = looked_ago.map(|ago| now.checked_sub(seconds(ago)).unwrap());
        let memory = Memory { last_look, ..Memory::default() };
        let facts = MonitorFacts { manager_began: Some(began), clocks: Clocks::default(), services: vec![watched] };
        prop_assert_eq!(judge(&facts, &memory, now, &zones), vec![]);
    }

    /// One that never starts is found, as soon as the grace is over and until something is done.
    #[test]
    fn who_does_not_start_is_found(spec in schedules(), now in 1_700_000_000_i64..2_000_000_000, after in 302..100_000_i64) {
        let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
        let now = Timestamp::from_second(now).unwrap();
        let Some(due) = last_due(std::slice::from_ref(&spec), now, &zones) else { return Ok(()) };
        let before = due.checked_sub(seconds(3600)).unwrap();
        let watched = Watched {
            service: "a".parse().unwrap(),
            groups: None,
            rules: WatchRules::default(),
            timer: TimerWatch {
                has_file: true,
                is_linked: true,
                state: TimerState::Waiting,
                changed: Some(before),
                calendars: vec![spec],
                slack: Duration::from_millis(1),
                ..TimerWatch::default()
            },
            is_running: false,
            closer: Some(CloserLook { active_since: Some(before), ..CloserLook::default() }),
            runs: Vec::new(),
        };
        let facts = MonitorFacts { manager_began: Some(before), clocks: Clocks::default(), services: vec![watched] };
        let now = due.checked_add(seconds(after)).unwrap();
        let findings = judge(&facts, &Memory::default(), now, &zones);
        prop_assert_eq!(findings.len(), 1);
        let is_overdue = matches!(findings[0].trouble(), Trouble::Missed(MissedReason::Overdue { .. }));
        prop_assert!(is_overdue, "{findings:?}");
    }
}
