//! No text breaks points in time, and what is read is written so that it reads back.

#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use libfuzzer_sys::fuzz_target;
use taskflows_core::schedule::{ParseTimestampError, Zones, parse_timestamp};

struct Place {
    zones: Zones,
    local: TimeZone,
    now: Timestamp,
}

static PLACE: LazyLock<Place> = LazyLock::new(|| {
    let database = TimeZoneDatabase::bundled();
    Place {
        local: database.get("Europe/Berlin").expect("the bundled database has it"),
        now: "2026-03-29T00:30:00Z".parse().expect("it is well formed"),
        zones: Zones::new(database, TimeZone::UTC),
    }
});

fn read(text: &str) -> Result<Timestamp, ParseTimestampError> {
    parse_timestamp(text, PLACE.now, &PLACE.local, &PLACE.zones)
}

fuzz_target!(|text: &str| {
    match read(text) {
        Ok(time) => {
            assert_eq!(read(&time.to_string()), Ok(time), "{time} does not read back");
            // systemd's own way of writing has whole seconds.
            let whole = Timestamp::from_second(time.as_second()).expect("less than what is in range");
            let local = whole.to_zoned(PLACE.local.clone()).strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string();
            assert_eq!(read(&local), Ok(whole), "{local} does not read back");
        }
        Err(error) => assert!(text.is_char_boundary(error.offset()), "{error:?}"),
    }
});
