//! Points in time: a table of the forms, and properties. That they agree with `systemd-analyze` is tested against
//! the real program.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};
use proptest::prelude::*;
use taskflows_core::schedule::{ParseTimestampError, TIMESTAMP_FORMS, Zones, parse_timestamp};

const NOW: &str = "2026-11-24T14:00:00.25Z";

fn read(text: &str, zone: &str) -> Result<Timestamp, ParseTimestampError> {
    let database = TimeZoneDatabase::bundled();
    let zones = Zones::new(database.clone(), TimeZone::UTC);
    parse_timestamp(text, NOW.parse().unwrap(), &database.get(zone).unwrap(), &zones)
}

#[track_caller]
fn check(text: &str, zone: &str, expected: &str) {
    assert_eq!(read(text, zone), Ok(expected.parse().unwrap()), "{text} in {zone}");
}

#[test]
fn relative_times_count_from_now() {
    check("now", "UTC", NOW);
    check("+5min", "UTC", "2026-11-24T14:05:00.25Z");
    check("-5s", "UTC", "2026-11-24T13:59:55.25Z");
    check("5s ago", "UTC", "2026-11-24T13:59:55.25Z");
    check("1h 30min left", "UTC", "2026-11-24T15:30:00.25Z");
    check("@1395716396", "Europe/Berlin", "2014-03-25T02:59:56Z");
    check("@1395716396.5", "UTC", "2014-03-25T02:59:56.5Z");
}

#[test]
fn days_and_times_are_those_of_the_zone() {
    check("today", "America/New_York", "2026-11-24T05:00:00Z");
    check("yesterday", "Asia/Tokyo", "2026-11-22T15:00:00Z");
    check("tomorrow Pacific/Auckland", "UTC", "2026-11-25T11:00:00Z");
    check("today UTC", "Asia/Tokyo", "2026-11-24T00:00:00Z");
    check("11:12", "Europe/Berlin", "2026-11-24T10:12:00Z");
    check("Tue 11:12:13.5", "UTC", "2026-11-24T11:12:13.5Z");
    check("2012-11-23", "UTC", "2012-11-23T00:00:00Z");
    check("12-11-23", "UTC", "2012-11-23T00:00:00Z");
    check("99-1-2 3:4", "UTC", "1999-01-02T03:04:00Z");
    check("Fri 2012-11-23 23:02:15.5 UTC", "Europe/Berlin", "2012-11-23T23:02:15.5Z");
    check("friday 2012-11-23 23:02 Europe/Berlin", "UTC", "2012-11-23T22:02:00Z");
    check("2012-11-23 11:12:13.9999999", "UTC", "2012-11-23T11:12:14Z");
}

#[test]
fn what_is_printed_with_an_abbreviation_reads_back() {
    check("Sun 2026-11-01 01:30:00 EDT", "America/New_York", "2026-11-01T05:30:00Z");
    check("Sun 2026-11-01 01:30:00 EST", "America/New_York", "2026-11-01T06:30:00Z");
    check("2026-11-24 14:00:00 +0530", "Asia/Colombo", "2026-11-24T08:30:00Z");
    // Which is no abbreviation of the zone, but the name of another.
    check("2026-11-24 14:00 EST", "Europe/Berlin", "2026-11-24T19:00:00Z");
}

#[test]
fn rfc_3339_is_read_as_well() {
    check("2012-11-23T11:12:13Z", "Europe/Berlin", "2012-11-23T11:12:13Z");
    check("2012-11-23t11:12:13.5+02:00", "UTC", "2012-11-23T09:12:13.5Z");
    check("2012-11-23 11:12:13Z", "UTC", "2012-11-23T11:12:13Z");
    check("2012-11-23T11:12", "Europe/Berlin", "2012-11-23T10:12:00Z");
    check("2012-11-23T11:12[Asia/Tokyo]", "UTC", "2012-11-23T02:12:00Z");
}

#[test]
fn a_time_of_a_clock_change_is_taken_all_the_same() {
    check("2026-03-29 02:30", "Europe/Berlin", "2026-03-29T01:30:00Z");
    check("2026-10-25 02:30", "Europe/Berlin", "2026-10-25T00:30:00Z");
}

#[track_caller]
fn check_wrong(text: &str, zone: &str, offset: usize, message: &str) {
    let error = read(text, zone).unwrap_err();
    assert_eq!((error.offset(), error.message()), (offset, message), "{text}");
}

#[test]
fn what_is_wrong_is_told_where_it_stands() {
    check_wrong("", "UTC", 0, "expected a date or a time");
    check_wrong("Tue 7", "UTC", 5, "expected `:`");
    check_wrong("2026-13-01", "UTC", 5, "expected a number up to 12");
    check_wrong("2026-11-24 14", "UTC", 13, "expected `:`");
    check_wrong("2026-11-24 14:00x", "UTC", 16, "expected the end of the time");
    check_wrong("14:00:00.", "UTC", 9, "expected digits after the point");
    check_wrong("2026-02-30", "UTC", 0, "there is no such day");
    check_wrong("Mon 2026-11-24", "UTC", 0, "2026-11-24 is a Tuesday");
    check_wrong("1969-12-31", "UTC", 0, "it is before 1970");
    check_wrong("-60y", "UTC", 0, "it is before 1970");
    check_wrong("+9000y", "UTC", 0, "it is beyond any date");
    check_wrong("+5 parsecs", "UTC", 3, "its unit is none of us ms s min h d w month y");
    check_wrong("5 parsecs ago", "UTC", 2, "its unit is none of us ms s min h d w month y");
    check_wrong("11:12 Mars/Phobos", "UTC", 6, &no_zone("Mars/Phobos"));
    check_wrong("2026-07-24 14:00 CET", "Europe/Berlin", 17, "the clocks do not show `CET` then");
    check_wrong(
        "2026-11-24T25:00Z",
        "UTC",
        0,
        "expected a date and time such as 2026-05-05T16:50:08Z or 2026-05-05T16:50:08[Europe/Berlin]",
    );
}

fn no_zone(name: &str) -> String {
    let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
    zones.named(name).unwrap_err().to_string()
}

#[test]
fn the_forms_that_a_hint_names_are_read() {
    for form in TIMESTAMP_FORMS.split(", ") {
        assert!(read(form, "UTC").is_ok(), "{form}");
    }
}

proptest! {
    #[test]
    fn what_systemd_prints_reads_back(second in 86_400i64..7_000_000_000, zone in prop::sample::select(&["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York"][..])) {
        let time = Timestamp::from_second(second).unwrap();
        let zoned: Zoned = time.to_zoned(TimeZoneDatabase::bundled().get(zone).unwrap());
        let text = zoned.strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string();
        prop_assert_eq!(read(&text, zone).unwrap(), time);
        prop_assert_eq!(read(&time.to_string(), zone).unwrap(), time);
    }

    #[test]
    fn no_text_panics(text in ".{0,30}|[-0-9:. @+agoleftTZU]{0,25}") {
        if let Err(error) = read(&text, "Europe/Berlin") {
            prop_assert!(text.is_char_boundary(error.offset()), "{}", error.offset());
        }
    }
}
