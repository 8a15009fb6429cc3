//! Our points in time against systemd's own, over generated texts: validity and microseconds.
//!
//! `TASKFLOWS_ORACLE_CASES` sets how many texts are tried, `TASKFLOWS_ORACLE_SEED` which.

mod oracle;

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use oracle::{Draw, ask, cases, field};
use proptest::prelude::*;
use taskflows_core::schedule::{Zones, parse_timestamp};

const BATCH: usize = 100;

const ZONES: [&str; 9] = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Europe/Dublin",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Asia/Colombo",
    "America/Santiago",
    "America/Panama",
];

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::from_env);

type Text = BoxedStrategy<String>;

fn any_of(texts: &'static [&'static str]) -> Text {
    prop::sample::select(texts).prop_map(str::to_owned).boxed()
}

fn number(from: u32, to: u32) -> Text {
    prop_oneof![
        10 => (from..=to).prop_map(|number| number.to_string()),
        20 => (from..=to).prop_map(|number| format!("{number:02}")),
        1 => (from..=to).prop_map(|number| format!(" {number}")),
        1 => (to + 1..=to + 3).prop_map(|number| number.to_string()),
    ]
    .boxed()
}

fn date() -> Text {
    let year = prop_oneof![
        4 => 1970u32..2100,
        2 => 0u32..100,
        1 => 0u32..10_010,
    ];
    let any = (year, number(1, 12), number(1, 31)).prop_map(|(y, m, d)| format!("{y}-{m}-{d}"));
    // Around changes of the clocks.
    let change = any_of(&[
        "2026-03-29",
        "2026-10-25",
        "2026-03-08",
        "2026-11-01",
        "26-09-27",
        "2026-04-05",
        "2026-09-06",
    ]);
    prop_oneof![3 => any, 2 => change].boxed()
}

fn time() -> Text {
    let second =
        (number(0, 59), prop_oneof![2 => Just(String::new()), 1 => "\\.[0-9]{1,9}", 1 => "\\.[0-9]?"]);
    let minute = prop_oneof![4 => number(0, 59), 1 => Just("30".to_owned())].boxed();
    let hour = prop_oneof![3 => number(0, 23), 2 => number(0, 3)].boxed();
    prop_oneof![
        (hour.clone(), minute.clone()).prop_map(|(h, m)| format!("{h}:{m}")),
        (hour, minute, second).prop_map(|(h, m, (s, f))| format!("{h}:{m}:{s}{f}")),
    ]
    .boxed()
}

fn span() -> Text {
    let part = ("(0|[1-9][0-9]{0,3}|[0-9]{1,2}\\.[0-9]{1,7})", "( ?)(s|min|h|d|w|M|y|ms|us|x|)");
    prop::collection::vec(part.prop_map(|(number, unit)| format!("{number}{unit}")), 1..3)
        .prop_map(|parts| parts.join(" "))
        .boxed()
}

fn text() -> Text {
    let weekday = any_of(&["", "", "", "", "Thu ", "fri ", "Sunday ", "Sun  ", "Mon, ", "Thurs "]);
    let zone = prop_oneof![
        6 => Just(String::new()),
        2 => any_of(&[" UTC", " utc", "  UTC", "UTC", " Z"]),
        2 => any_of(&[" CET", " CEST", " cest", " EST", " EDT", " est", " GMT", " IST", " +0530", " -03", " -04"]),
        1 => any_of(&[" Europe/Berlin", " America/New_York", " europe/berlin", " Mars/Phobos", " +02:00"]),
    ]
    .boxed();
    let gap = any_of(&[" ", " ", " ", "  ", "", "T", "t"]);
    let pieces = any_of(&[
        "-", ":", "0", "12", "2026", " ", "ago", " ago", "left", "@", "+", "now", "today", "UTC", "Thu", ".",
        "5s", "\u{e9}",
    ]);
    prop_oneof![
        4 => (weekday.clone(), date(), gap.clone(), time(), zone.clone()).prop_map(|(w, d, g, t, z)| format!("{w}{d}{g}{t}{z}")),
        2 => (weekday.clone(), date(), zone.clone()).prop_map(|(w, d, z)| format!("{w}{d}{z}")),
        2 => (weekday, time(), zone.clone()).prop_map(|(w, t, z)| format!("{w}{t}{z}")),
        1 => (any_of(&["now", "today", "yesterday", "tomorrow", "Today"]), zone).prop_map(|(word, zone)| format!("{word}{zone}")),
        2 => (any_of(&["+", "-", "+ ", "- ", "@", "@ ", "++"]), span()).prop_map(|(sign, span)| format!("{sign}{span}")),
        2 => (span(), any_of(&[" ago", " left", "  ago", "ago", " ago ", ""])).prop_map(|(span, end)| format!("{span}{end}")),
        1 => "@[0-9]{1,12}(\\.[0-9]{1,8})?",
        1 => (date(), time(), any_of(&["Z", "+02:00", "-0330"])).prop_map(|(date, time, zone)| format!("{date}T{time}{zone}")),
        1 => prop::collection::vec(pieces, 1..6).prop_map(|pieces| pieces.concat()),
    ]
    .boxed()
}

/// What systemd says: nothing where it refuses the text.
fn systemd(zone: &str, texts: &[String]) -> Vec<Option<i128>> {
    let read = |lines: &Vec<String>| {
        let (seconds, micros) =
            field(lines, "UNIX seconds: @").map(|told| told.split_once('.').unwrap_or((told, "0"))).unwrap();
        seconds.parse::<i128>().unwrap() * 1_000_000 + micros.parse::<i128>().unwrap()
    };
    ask("timestamp", &[], Some(zone), texts).iter().map(|told| told.as_ref().map(read)).collect()
}

fn ours(zone: &TimeZone, now: Timestamp, text: &str) -> Option<i128> {
    let zones = Zones::new(DATABASE.clone(), TimeZone::UTC);
    parse_timestamp(text, now, zone, &zones).ok().map(|time| i128::from(time.as_microsecond()))
}

/// A difference that is meant: why, and where it holds.
struct Explained {
    reason: &'static str,
    holds: fn(&Difference) -> bool,
}

#[derive(Debug)]
struct Difference {
    zone: &'static str,
    text: String,
    systemd: Option<i128>,
    ours: Option<i128>,
}

const EXPLAINED: [Explained; 7] = [
    Explained {
        reason: "RFC 3339, with `T` between date and time or an offset behind it, which later versions take as well",
        holds: |one| one.systemd.is_none() && one.is_rfc_3339(),
    },
    Explained {
        reason: "the name of a zone, which the manual describes and version 252 refuses",
        holds: |one| {
            let zone = one.last_word().and_then(|word| DATABASE.get(word).ok());
            one.systemd.is_none() && zone.is_some_and(|zone| zone.iana_name() == one.last_word())
        },
    },
    Explained {
        reason: "an abbreviation of the host's zone that its clocks do not show then, with which systemd shifts \
                 the time by an hour; refused",
        holds: |one| one.ours.is_none() && one.is_local_abbreviation(),
    },
    Explained {
        reason: "a day that the month does not have, or a second after 59, for which systemd takes a later time; refused",
        holds: |one| {
            let late = ["29", "30", "31", ":60", ":61", ": 60", ": 61"];
            one.ours.is_none() && one.systemd.is_some() && late.iter().any(|late| one.text.contains(late))
        },
    },
    Explained {
        reason: "a time that the clocks show twice is the first, whatever the season",
        holds: |one| one.is_ambiguous(),
    },
    Explained {
        reason: "a time that the clocks skip is as long after the change; before it in Dublin, whose summer time \
                 is negative",
        holds: |one| {
            one.zone == "Europe/Dublin"
                && one.ours.zip(one.systemd).is_some_and(|(own, told)| own == told + 3_600_000_000)
        },
    },
    Explained {
        reason: "the last hours of the year 9999 and beyond; refused",
        holds: |one| {
            let last = i128::from(Timestamp::MAX.as_microsecond());
            one.ours.is_none() && one.systemd.is_some_and(|told| told > last)
        },
    },
];

impl Difference {
    fn last_word(&self) -> Option<&str> {
        let (_, word) = self.text.rsplit_once(' ')?;
        Some(word).filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '+' || c == '-'))
    }

    fn is_rfc_3339(&self) -> bool {
        let bytes = self.text.as_bytes();
        let has_t = bytes.windows(3).any(|window| matches!(window, [b'0'..=b'9', b't' | b'T', b'0'..=b'9']));
        has_t || self.text.parse::<Timestamp>().is_ok()
    }

    fn is_local_abbreviation(&self) -> bool {
        let Some(word) = self.last_word() else { return false };
        let zone = DATABASE.get(self.zone).unwrap();
        zone.preceding(Timestamp::MAX)
            .take(300)
            .any(|change| change.abbreviation().eq_ignore_ascii_case(word))
    }

    fn is_ambiguous(&self) -> bool {
        let zone = DATABASE.get(self.zone).unwrap();
        let Some(ours) = self.ours else { return false };
        let time = Timestamp::from_microsecond(i64::try_from(ours).unwrap()).unwrap();
        matches!(zone.to_ambiguous_timestamp(zone.to_datetime(time)).offset(), AmbiguousOffset::Fold { .. })
    }
}

#[test]
fn generated_texts_are_read_as_systemd_reads_them() {
    let (text, mut draw) = (text(), Draw::new());
    let (mut valid, mut explained, mut unexplained) = (0, [0; EXPLAINED.len()], Vec::new());
    let cases = cases(6_000);
    for batch in 0..cases.div_ceil(BATCH) {
        let zone = ZONES[batch % ZONES.len()];
        let texts = draw.many(&text, BATCH);
        let local = DATABASE.get(zone).unwrap();
        let before = Timestamp::now();
        let told = systemd(zone, &texts);
        let after = Timestamp::now();
        valid += told.iter().flatten().count();
        for (text, systemd) in texts.into_iter().zip(told) {
            let (early, late) = (ours(&local, before, &text), ours(&local, after, &text));
            // What counts from now lies between what it was before and what it is after systemd was asked.
            if early <= systemd && systemd <= late {
                continue;
            }
            let difference = Difference { zone, text, systemd, ours: early };
            match EXPLAINED.iter().position(|known| (known.holds)(&difference)) {
                Some(index) => explained[index] += 1,
                None => unexplained.push(difference),
            }
        }
    }
    for (known, count) in EXPLAINED.iter().zip(explained) {
        println!("{count} of {cases}: {}", known.reason);
    }
    assert!(valid > cases / 4, "only {valid} of {cases} texts are valid: the generator is of no use");
    assert!(unexplained.is_empty(), "{} of {cases} differ:\n{unexplained:#?}", unexplained.len());
}
