//! The calendar: tables of what systemd.time(7) says, and properties. That all of it agrees with
//! `systemd-analyze` is tested against the real program.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::prelude::*;
use taskflows_core::Calendar;
use taskflows_core::schedule::CalendarSpec;

fn spec(text: &str) -> CalendarSpec {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn check_normal(text: &str, normal: &str) {
    assert_eq!(spec(text).to_string(), normal, "{text}");
    assert_eq!(spec(normal).to_string(), normal, "a normal form is its own");
}

#[test]
fn expressions_have_a_normal_form() {
    check_normal("Sat,Thu,Mon-Wed,Sat-Sun", "Mon..Thu,Sat,Sun *-*-* 00:00:00");
    check_normal("Mon,Sun 12-*-* 2,1:23", "Mon,Sun 2012-*-* 01,02:23:00");
    check_normal("Wed *-1", "Wed *-*-01 00:00:00");
    check_normal("Wed-Wed,Wed *-1", "Wed *-*-01 00:00:00");
    check_normal("10-15", "*-10-15 00:00:00");
    check_normal("2003-03-05 05:40", "2003-03-05 05:40:00");
    check_normal("08:05:40", "*-*-* 08:05:40");
    check_normal("Mon..Fri 8..18/2:00", "Mon..Fri *-*-* 08..18/2:00:00");
    check_normal("*-02~03", "*-02~03 00:00:00");
    check_normal("*:0/15", "*-*-* *:00/15:00");
    check_normal("12:00:05.5", "*-*-* 12:00:05.500000");
    check_normal("daily UTC", "*-*-* 00:00:00 UTC");
    check_normal("quarterly", "*-01,04,07,10-01 00:00:00");
    check_normal("@1395716396", "2014-03-25 02:59:56 UTC");
}

#[track_caller]
fn check_wrong(text: &str, offset: usize, message: &str) {
    let error = text.parse::<CalendarSpec>().unwrap_err();
    assert_eq!((error.offset(), error.message()), (offset, message), "{text}");
}

#[test]
fn what_is_wrong_is_told_where_it_stands() {
    check_wrong("", 0, "it is empty");
    check_wrong("Mon 25:00", 4, "an hour is from 0 to 23");
    check_wrong("2026-13-01", 5, "a month is from 1 to 12");
    check_wrong("*-*-* 12:60", 9, "a minute is from 0 to 59");
    check_wrong("00:00:60", 6, "a second is from 0 to 59");
    check_wrong("1960-01-01", 0, "a year is from 1970 to 2199");
    check_wrong("*-*~30", 4, "no step or range of this day stays within 1 to 28");
    check_wrong("12:00 +02:00", 6, "a fixed offset is no zone; write UTC or a name such as Europe/Berlin");
    check_wrong("*:0/0", 4, "a step of zero goes nowhere");
    check_wrong("Mon..", 5, "expected the last weekday of the range, found the end");
    check_wrong("tomorrow", 0, "expected a number or `*`, found `t`");
}

/// The next elapses after `after` in `zone`, in UTC.
#[track_caller]
fn check_next(text: &str, zone: &str, after: &str, expected: &[&str]) {
    let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
    let next: Vec<Timestamp> =
        spec(text).upcoming(after.parse().unwrap(), &zone).take(expected.len().max(1)).collect();
    let expected: Vec<Timestamp> = expected.iter().map(|time| time.parse().unwrap()).collect();
    assert_eq!(next, expected, "{text} in {zone:?} after {after}");
}

#[test]
fn elapses_follow_the_clock_on_the_wall() {
    check_next("*-*-* 12:00", "UTC", "2026-11-24T12:00:00Z", &["2026-11-25T12:00:00Z"]);
    check_next("*-*~01", "UTC", "2028-02-01T00:00:00Z", &["2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z"]);
    check_next(
        "Mon *-*-1..7",
        "UTC",
        "2026-11-24T00:00:00Z",
        &["2026-12-07T00:00:00Z", "2027-01-04T00:00:00Z"],
    );
    check_next("2026-01-01", "UTC", "2026-11-24T00:00:00Z", &[]);
    check_next("*-02-30", "UTC", "2026-11-24T00:00:00Z", &[]);
}

#[test]
fn a_time_that_the_clocks_skip_does_not_elapse() {
    let next = ["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"];
    check_next("*-*-* 02:30", "Europe/Berlin", "2026-03-27T12:00:00Z", &next);
}

#[test]
fn a_time_that_the_clocks_show_twice_elapses_once() {
    let next = ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"];
    check_next("*-*-* 01:30", "America/New_York", "2026-10-31T12:00:00Z", &next);
}

#[test]
fn an_instant_is_kept_exactly() {
    let instant: Timestamp = "2030-05-05T16:50:08.25-04:00".parse().unwrap();
    let calendar = Calendar::from_datetime(instant);
    assert_eq!(calendar.text(), "2030-05-05 20:50:08.250000 UTC");
    let before = "2030-05-05T20:50:08Z".parse().unwrap();
    assert_eq!(calendar.spec().next_after(before, &TimeZone::UTC), Some(instant));
    assert_eq!(calendar.spec().next_after(instant, &TimeZone::UTC), None);
}

/// Expressions of every kind, most of them valid.
fn expression() -> impl Strategy<Value = String> {
    let day = "(Mon|Tue,Fri|Wed\\.\\.Sat)";
    let date = "(\\*|20[2-9][0-9]|2026/2)-(\\*|0[1-9]|1/3|2,8)[-~](\\*|1|0[1-7]|1\\.\\.9/2|13,27)";
    let time = "(\\*|0[0-9]|1[0-9]|2[0-3]|0/5):(\\*|[0-5][0-9]|0/7)(:(00|15\\.5|0/20))?";
    prop_oneof![
        (day, date, time).prop_map(|(day, date, time)| format!("{day} {date} {time}")),
        (date, time).prop_map(|(date, time)| format!("{date} {time}")),
        time.prop_map(|time| time),
    ]
}

proptest! {
    #[test]
    fn a_normal_form_reads_back(text in expression()) {
        if let Ok(spec) = text.parse::<CalendarSpec>() {
            prop_assert_eq!(spec.to_string().parse::<CalendarSpec>().unwrap(), spec);
        }
    }

    #[test]
    fn the_next_elapse_is_later(text in expression(), after in 0i64..4_000_000_000, zone in prop::sample::select(&["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"][..])) {
        let Ok(spec) = text.parse::<CalendarSpec>() else { return Ok(()) };
        let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
        let after = Timestamp::from_second(after).unwrap();
        let times: Vec<Timestamp> = spec.upcoming(after, &zone).take(4).collect();
        prop_assert!(times.first().is_none_or(|first| *first > after));
        prop_assert!(times.is_sorted_by(|a, b| a < b));
        // None lies between: asked just before one, the answer is that one.
        for time in times {
            let before = time.checked_sub(jiff::SignedDuration::from_micros(1)).unwrap();
            prop_assert_eq!(spec.next_after(before, &zone), Some(time));
        }
    }

    #[test]
    fn no_text_panics(text in ".{0,40}") {
        if let Ok(spec) = text.parse::<CalendarSpec>() {
            let _ = spec.next_after(Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        }
    }

    #[test]
    fn no_calendar_like_text_panics(text in "[-0-9*/.,:~@ MonFri]{0,30}") {
        if let Ok(spec) = text.parse::<CalendarSpec>() {
            let _ = spec.next_after(Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        }
    }
}
