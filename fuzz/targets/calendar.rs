//! No text breaks the calendar, and what it reads keeps its promises.

#![no_main]

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;
use taskflows_core::schedule::{CalendarSpec, Zones};

/// Before and in a repeated hour, before a skipped one, in a day that Apia left out, at the ends of time.
const TIMES: [&str; 6] = [
    "2026-10-25T00:10:00Z",
    "2026-10-25T01:10:00.000001Z",
    "2026-03-29T00:59:59.999999Z",
    "2011-12-30T09:00:00Z",
    "1970-01-01T00:00:00Z",
    "2199-12-31T22:59:59Z",
];

static ZONES: LazyLock<Zones> = LazyLock::new(|| {
    let database = TimeZoneDatabase::bundled();
    let local = database.get("Europe/Berlin").expect("the bundled database has it");
    Zones::new(database, local)
});

fuzz_target!(|text: &str| {
    match text.parse::<CalendarSpec>() {
        Ok(spec) => check(&spec),
        Err(error) => assert!(text.is_char_boundary(error.offset()), "{error:?}"),
    }
});

fn check(spec: &CalendarSpec) {
    let normal = spec.to_string();
    assert_eq!(normal.parse::<CalendarSpec>().as_ref(), Ok(spec), "{normal} does not read back");
    let Ok(zone) = ZONES.resolve(spec) else { return };
    for time in TIMES {
        let time: Timestamp = time.parse().expect("the times above are well formed");
        check_at(spec, &zone, time);
    }
}

fn check_at(spec: &CalendarSpec, zone: &TimeZone, time: Timestamp) {
    let next: Vec<Timestamp> = spec.upcoming(time, zone).take(3).collect();
    assert!(next.first().is_none_or(|next| *next > time), "{spec}: {next:?} is not after {time}");
    assert!(next.is_sorted_by(|a, b| a < b), "{spec}: {next:?}");
    let Some(last) = spec.previous_before(time, zone) else { return };
    assert!(last < time, "{spec}: {last} is not before {time}");
    let after = spec.next_after(last, zone);
    assert!(after.is_none_or(|after| after >= time), "{spec}: {after:?} lies between {last} and {time}");
    if let Some(after) = after {
        assert_eq!(spec.previous_before(after, zone), Some(last), "{spec} before {after}");
        let beyond = after + SignedDuration::from_micros(1);
        assert_eq!(spec.previous_before(beyond, zone), Some(after), "{spec} before {beyond}");
    }
}
