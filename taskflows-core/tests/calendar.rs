//! The calendar: tables of what systemd.time(7) says, and properties. That all of it agrees with
//! `systemd-analyze` is tested against the real program.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, Zoned};
use proptest::prelude::*;
use taskflows_core::Calendar;
use taskflows_core::schedule::{CalendarSpec, Zones};

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
    check_normal("Tue @1395716396 utc", "Tue 2014-03-25 02:59:56 UTC");
    check_normal("anually", "*-01-01 00:00:00");
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
    check_wrong("*-*~30", 4, "a day counted from the end is from 1 to 28");
    check_wrong("*-*~1/1", 4, "no step or range of this day stays within 1 to 28");
    let further = "in a list counted from the end, the first day is at most 28, each further one 3 less";
    check_wrong("*~01,26", 2, further);
    check_wrong("12:00  UTC", 5, "expected the end of the time, found ` `");
    check_wrong("@5 Europe/Berlin", 3, "seconds since 1970 are in UTC, whatever the zone");
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
fn while_an_hour_is_shown_again_nothing_elapses() {
    // From 01:30 the second time; all of the hour has elapsed the first time.
    check_next("*:0/15", "America/New_York", "2026-11-01T06:30:00Z", &["2026-11-01T07:00:00Z"]);
}

#[test]
fn steps_that_do_not_divide_lead_beyond_the_turn_as_for_systemd() {
    let day = ["2026-11-24T23:50:00Z", "2026-11-25T00:25:00Z"];
    check_next("*:0/25", "UTC", "2026-11-24T23:49:00Z", &day);
    let month = ["2026-11-30T21:30:00Z", "2026-12-01T07:30:00Z", "2026-12-01T14:30:00Z"];
    check_next("0/7:30", "UTC", "2026-11-30T20:00:00Z", &month);
    let year = ["2026-12-29T00:00:00Z", "2027-01-17T00:00:00Z"];
    check_next("*-*-5/12", "UTC", "2026-12-20T00:00:00Z", &year);
    let hour = ["2026-11-24T10:59:52Z", "2026-11-24T11:00:13Z"];
    check_next("*:*:0/13", "UTC", "2026-11-24T10:59:50Z", &hour);
}

/// The last elapse before `before` in `zone`.
#[track_caller]
fn check_previous(text: &str, zone: &str, before: &str, expected: Option<&str>) {
    let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
    let previous = spec(text).previous_before(before.parse().unwrap(), &zone);
    assert_eq!(previous, expected.map(|time| time.parse().unwrap()), "{text} in {zone:?} before {before}");
}

#[test]
fn the_last_elapse_is_found_as_well() {
    check_previous("12:00", "UTC", "2026-11-24T12:00:00Z", Some("2026-11-23T12:00:00Z"));
    check_previous("12:00", "UTC", "2026-11-24T12:00:00.0000001Z", Some("2026-11-24T12:00:00Z"));
    check_previous("Mon *-02-29", "UTC", "2026-11-24T00:00:00Z", Some("2016-02-29T00:00:00Z"));
    check_previous("2030-01-01", "UTC", "2026-11-24T00:00:00Z", None);
    check_previous("*:*", "UTC", "1970-01-01T00:00:00Z", None);
    check_previous("*-*-* *:*:0/0.25", "UTC", "2026-11-24T00:00:00Z", Some("2026-11-23T23:59:59.75Z"));
    // Skipped on the 29th, shown twice on the first of November.
    check_previous("02:30", "Europe/Berlin", "2026-03-29T12:00:00Z", Some("2026-03-28T01:30:00Z"));
    check_previous("01:30", "America/New_York", "2026-11-01T06:10:00Z", Some("2026-11-01T05:30:00Z"));
    check_previous("01:30", "America/New_York", "2026-11-01T12:00:00Z", Some("2026-11-01T05:30:00Z"));
    // A step led beyond midnight.
    check_previous("*:0/25", "UTC", "2026-11-25T00:20:00Z", Some("2026-11-24T23:50:00Z"));
    check_previous("0/7:30", "UTC", "2026-12-01T02:00:00Z", Some("2026-11-30T21:30:00Z"));
}

#[test]
fn an_abbreviation_of_the_hosts_own_zone_is_no_zone() {
    let database = TimeZoneDatabase::bundled();
    let check = |local: &str, text: &str, taken: bool| {
        let zones = Zones::new(database.clone(), database.get(local).unwrap());
        assert_eq!(zones.resolve(&spec(text)).is_ok(), taken, "{text} in {local}");
    };
    check("America/New_York", "12:00 EST", false);
    check("Europe/London", "12:00 GMT", false);
    check("Europe/Berlin", "12:00 CEST", false);
    check("Europe/Berlin", "12:00 EST", true);
    // Its clocks show it all the year.
    check("America/Panama", "12:00 EST", true);
    check("Europe/Berlin", "12:00 UTC", true);
}

#[test]
fn answers_come_fast_whatever_is_asked() {
    let microseconds = "*-*-* *:*:0/0.000001";
    let long: String = (0..200).map(|second| format!("{}.{second:06}/7.5,", second % 50)).collect();
    let long = format!("*:*:{}", long.trim_end_matches(','));
    for (text, zone, at) in [
        ("Mon *-02-30", "UTC", "1970-01-01T00:00:00Z"),
        ("*-02-30 *:*:0/0.000001", "UTC", "1970-01-01T00:00:00Z"),
        ("Sun *-03-25..31 02:00..59:00/0.000001", "Europe/Berlin", "1996-04-01T00:00:00Z"),
        ("*-*-* 02:*:0/0.000001", "Europe/Berlin", "2026-03-29T00:59:59Z"),
        ("2011-12-30 *:*:0/0.000001", "Pacific/Apia", "2011-12-30T09:59:59Z"),
        (microseconds, "America/New_York", "2026-11-01T06:00:00Z"),
        (microseconds, "Australia/Lord_Howe", "2026-04-04T15:10:00Z"),
        ("Fri 2199-02-29 *:*", "Africa/Casablanca", "1970-01-01T00:00:00Z"),
        (&long, "Antarctica/Troll", "2190-03-27T22:00:00Z"),
    ] {
        let (spec, zone) = (spec(text), TimeZoneDatabase::bundled().get(zone).unwrap());
        let at: Timestamp = at.parse().unwrap();
        let took = (0..3).map(|_| {
            #[expect(clippy::disallowed_methods, reason = "the time it takes is what is tested")]
            let begin = std::time::Instant::now();
            let _ = (spec.next_after(at, &zone), spec.previous_before(at, &zone));
            begin.elapsed()
        });
        assert!(took.min().unwrap() < std::time::Duration::from_millis(50), "{text}");
    }
}

#[test]
fn an_instant_is_kept_to_the_microsecond() {
    let instant: Timestamp = "2030-05-05T16:50:08.25-04:00".parse().unwrap();
    let calendar = Calendar::from_datetime(instant);
    assert_eq!(calendar.text(), "2030-05-05 20:50:08.250000 UTC");
    let below = Calendar::from_datetime("2030-05-05T20:50:08.2500009Z".parse().unwrap());
    assert_eq!(below.text(), calendar.text());
    for never in
        ["1969-12-31T23:59:59Z", "0030-01-01T00:00:00Z", "-000030-01-01T00:00:00Z", "2200-01-01T00:00:00Z"]
    {
        let calendar = Calendar::from_datetime(never.parse().unwrap());
        assert_eq!(calendar.spec().next_after(Timestamp::UNIX_EPOCH, &TimeZone::UTC), None, "{never}");
    }
}

#[track_caller]
fn check_zoned(instant: &str, text: &str) {
    let zoned: Zoned = instant.parse().unwrap();
    assert_eq!(Calendar::from_zoned(&zoned).text(), text);
}

#[test]
fn an_instant_keeps_its_zone_where_that_is_clear() {
    check_zoned(
        "2030-05-05T16:50:08.25-04:00[America/New_York]",
        "2030-05-05 16:50:08.250000 America/New_York",
    );
    check_zoned("2030-05-05T16:50:08-04:00[-04:00]", "2030-05-05 20:50:08 UTC");
    // Shown twice.
    check_zoned("2026-11-01T01:30:00-04:00[America/New_York]", "2026-11-01 05:30:00 UTC");
    check_zoned("2026-11-01T01:30:00-05:00[America/New_York]", "2026-11-01 06:30:00 UTC");
    // Might be read as an abbreviation of the host's zone.
    check_zoned("2026-12-01T01:30:00-05:00[EST]", "2026-12-01 06:30:00 UTC");
    check_zoned("2026-12-01T01:30:00+00:00[UTC]", "2026-12-01 01:30:00 UTC");
}

/// Expressions of every kind, most of them valid.
fn expression() -> impl Strategy<Value = String> {
    let day = "(Mon|Tue,Fri|Wed\\.\\.Sat)";
    let date = "(\\*|20[2-9][0-9]|2026/2|1970\\.\\.2199)-(\\*|0[1-9]|1/3|2,8|12)([-~](\\*|1|0[1-7]|1\\.\\.9/2|13,27|28/2)|-(31|5/12))";
    let time = "(\\*|0[0-9]|1[0-9]|2[0-3]|0/5|23|0/7):(\\*|[0-5][0-9]|0/7|4,59)(:(\\*|00|15\\.5|0/20|0/0\\.7|3\\.000001,59\\.999999|0/13))?";
    prop_oneof![
        (day, date, time).prop_map(|(day, date, time)| format!("{day} {date} {time}")),
        (date, time).prop_map(|(date, time)| format!("{date} {time}")),
        time.prop_map(|time| time),
    ]
}

/// Expressions whose steps end where their field does.
fn even_expression() -> impl Strategy<Value = String> {
    let date = "(Mon,Wed |)(\\*|2026/2)-(\\*|0[1-9]|1/3)[-~](\\*|1|0[1-7]|1\\.\\.9/2|13,25)";
    let time = "(\\*|0[0-9]|1[0-9]|2[0-3]|0/6):(\\*|[0-5][0-9]|0/15):(\\*|00|15\\.5|0/20|0/0\\.25)";
    (date, time).prop_map(|(date, time)| format!("{date} {time}"))
}

fn zone() -> impl Strategy<Value = TimeZone> {
    let names = [
        "UTC",
        "Europe/Berlin",
        "Europe/Dublin",
        "Australia/Lord_Howe",
        "America/St_Johns",
        "America/Santiago",
        "Antarctica/Troll",
        "Pacific/Chatham",
        "Pacific/Apia",
    ];
    prop::sample::select(names.to_vec()).prop_map(|name| TimeZoneDatabase::bundled().get(name).unwrap())
}

/// Times that are anywhere, and such as are near a change of the clocks.
fn at() -> impl Strategy<Value = (TimeZone, Timestamp)> {
    let offset = prop_oneof![Just(-1), Just(0), -9_000_000_000..9_000_000_000i64];
    (zone(), 0i64..6_000_000_000, offset, any::<bool>()).prop_map(|(zone, second, micros, near)| {
        let at = Timestamp::from_second(second).unwrap();
        let change = zone.following(at).next().map(|change| change.timestamp()).filter(|_| near);
        let at = change.unwrap_or(at).checked_add(SignedDuration::from_micros(micros)).unwrap();
        (zone, at.max(Timestamp::UNIX_EPOCH))
    })
}

const MICROSECOND: SignedDuration = SignedDuration::from_micros(1);

proptest! {
    #[test]
    fn a_normal_form_reads_back(text in expression()) {
        if let Ok(spec) = text.parse::<CalendarSpec>() {
            prop_assert_eq!(spec.to_string().parse::<CalendarSpec>().unwrap(), spec);
        }
    }

    #[test]
    fn the_next_elapse_is_later(text in expression(), (zone, after) in at()) {
        let Ok(spec) = text.parse::<CalendarSpec>() else { return Ok(()) };
        let times: Vec<Timestamp> = spec.upcoming(after, &zone).take(4).collect();
        prop_assert!(times.first().is_none_or(|first| *first > after));
        prop_assert!(times.is_sorted_by(|a, b| a < b));
        for pair in times.windows(2) {
            prop_assert_eq!(spec.next_after(pair[0], &zone), Some(pair[1]));
        }
    }

    #[test]
    fn nothing_elapses_between_the_last_elapse_and_now(text in expression(), (zone, now) in at()) {
        let Ok(spec) = text.parse::<CalendarSpec>() else { return Ok(()) };
        let Some(last) = spec.previous_before(now, &zone) else { return Ok(()) };
        prop_assert!(last < now);
        prop_assert!(spec.next_after(last, &zone).is_none_or(|next| next >= now));
        // From there on, each elapse is the last one before what follows it.
        let mut before = last;
        for next in spec.upcoming(last, &zone).take(4) {
            prop_assert_eq!(spec.previous_before(next, &zone), Some(before));
            prop_assert_eq!(spec.previous_before(next + MICROSECOND, &zone), Some(next));
            before = next;
        }
    }

    #[test]
    fn the_next_elapse_is_the_last_one_once_it_is_past(text in even_expression(), (zone, now) in at()) {
        let Ok(spec) = text.parse::<CalendarSpec>() else { return Ok(()) };
        let Some(next) = spec.next_after(now, &zone) else { return Ok(()) };
        prop_assert_eq!(spec.previous_before(next + MICROSECOND, &zone), Some(next));
        // None lies between: asked just before it, the answer is the same.
        prop_assert_eq!(spec.next_after(next - MICROSECOND, &zone), Some(next));
    }

    #[test]
    fn an_instant_is_all_that_elapses((zone, instant) in at()) {
        let zoned = instant.to_zoned(zone.clone());
        let database = TimeZoneDatabase::bundled();
        for calendar in [Calendar::from_datetime(instant), Calendar::from_zoned(&zoned)] {
            let read: Calendar = calendar.text().parse().unwrap();
            prop_assert_eq!(read.spec(), calendar.spec());
            let zone = Zones::new(database.clone(), TimeZone::UTC).resolve(calendar.spec()).unwrap();
            let all: Vec<Timestamp> = calendar.spec().upcoming(Timestamp::MIN, &zone).take(2).collect();
            prop_assert_eq!(all, [instant]);
            prop_assert_eq!(calendar.spec().previous_before(Timestamp::MAX, &zone), Some(instant));
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
            let _ = spec.previous_before(Timestamp::MAX, &TimeZone::UTC);
        }
    }
}
