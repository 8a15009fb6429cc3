//! Cron's times: ours against another program's, and systemd's expressions against cron's.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use croner::parser::CronParser;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use taskflows_core::import::{ClockChanges, CronExpression};
use taskflows_core::schedule::CalendarSpec;

const CASES: usize = 6_000;

const ZONES: [&str; 6] =
    ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Auckland"];

/// Near clock changes of several zones, leap days, the ends of months and years.
const BASES: [&str; 8] = [
    "2026-03-07T12:00:00Z",
    "2026-03-28T20:00:00Z",
    "2026-10-24T20:00:30Z",
    "2026-11-01T02:00:00Z",
    "2026-04-04T10:00:00Z",
    "2028-02-28T23:59:59Z",
    "2026-12-31T23:59:59Z",
    "2026-06-15T08:30:00Z",
];

/// One field: what it may be, and how often it is everything.
fn field(numbers: &'static str, steps: &'static str) -> impl Strategy<Value = String> {
    let range = |separator: &'static str| {
        (numbers, numbers).prop_filter_map("a range runs forwards", move |(a, b)| {
            let number = |text: &String| text.parse::<u32>().ok();
            (number(&a)? <= number(&b)?).then(|| format!("{a}{separator}{b}"))
        })
    };
    prop_oneof![
        4 => Just("*".to_owned()),
        4 => numbers,
        2 => steps.prop_map(|step| format!("*/{step}")),
        2 => range("-"),
        2 => (range("-"), "[1-7]").prop_map(|(range, step)| format!("{range}/{step}")),
        2 => range(","),
        1 => (range("-"), numbers).prop_map(|(range, number)| format!("{number},{range}")),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    let months = prop_oneof![5 => field("[1-9]|1[0-2]", "[1-5]"), 1 => "(jan|Feb|DEC)(,(mar|oct|Nov))?"];
    let weekdays = prop_oneof![5 => field("[0-6]", "[1-4]"), 1 => "(mon|TUE)-(Thu|sat)|sun|7|Fri"];
    let minutes = field("[0-9]|[1-5][0-9]", "[1-9]|1[0-9]|30");
    // Hours at which clocks change are more likely than others.
    let hours = prop_oneof![2 => field("[0-9]|1[0-9]|2[0-3]", "[1-9]"), 1 => "[1-3]".prop_map(|hour| hour)];
    (minutes, hours, field("[1-9]|[12][0-9]|3[01]", "[1-9]"), months, weekdays)
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

fn cases() -> impl Iterator<Item = (String, &'static str, Timestamp)> {
    let mut runner = TestRunner::deterministic();
    (0..CASES).map(move |case| {
        let text = expression().new_tree(&mut runner).unwrap().current();
        (text, ZONES[case % ZONES.len()], BASES[case / ZONES.len() % BASES.len()].parse().unwrap())
    })
}

/// So many times of day are asked for one by one.
const MOST_TIMES: usize = 24;

/// What another program says: nothing where it refuses the expression.
///
/// It takes a job for one at a fixed time only where that is a single time of day, and Vixie's cron where
/// no `*` begins its minute or hour; so the several times of one are asked for each by itself.
fn croner(text: &str, base: Timestamp, zone: &TimeZone) -> Option<(Vec<Timestamp>, ClockChanges)> {
    let fields: Vec<&str> = text.split(' ').collect();
    let rest = fields[2..].join(" ");
    let times = times_of_day(fields[0], fields[1]).filter(|times| times.len() <= MOST_TIMES);
    let Some(times) = times else {
        return Some((runs(text, &fields, base, zone)?, ClockChanges::AsShown));
    };
    let mut all = Vec::new();
    for (hour, minute) in times {
        all.extend(runs(&format!("{minute} {hour} {rest}"), &fields, base, zone)?);
    }
    all.sort_unstable();
    // Two times that one change of the clocks skips are made up for at the same moment.
    all.dedup();
    all.truncate(5);
    Some((all, ClockChanges::MadeUp))
}

fn runs(text: &str, fields: &[&str], base: Timestamp, zone: &TimeZone) -> Option<Vec<Timestamp>> {
    // Vixie's rule: both day fields hold where one begins with a star.
    let both = fields[2].starts_with('*') || fields[4].starts_with('*');
    let cron = CronParser::builder().dom_and_dow(both).build().parse(text).ok()?;
    let base: Zoned = base.to_zoned(zone.clone());
    Some(cron.iter_after(base).take(5).map(|time| time.timestamp()).collect())
}

/// Returns the times of day of a job at fixed times.
fn times_of_day(minutes: &str, hours: &str) -> Option<Vec<(u32, u32)>> {
    if minutes.starts_with('*') || hours.starts_with('*') {
        return None;
    }
    let values = |field: &str| -> Vec<u32> {
        let element = |element: &str| {
            let (range, step) = element.split_once('/').unwrap_or((element, "1"));
            let (low, high) = range.split_once('-').unwrap_or((range, range));
            (low.parse().unwrap()..=high.parse().unwrap())
                .step_by(step.parse().unwrap())
                .collect::<Vec<u32>>()
        };
        field.split(',').flat_map(element).collect()
    };
    let minutes = values(minutes);
    let times = |hour: u32| minutes.iter().map(move |minute| (hour, *minute)).collect::<Vec<_>>();
    Some(values(hours).into_iter().flat_map(times).collect())
}

#[test]
fn six_thousand_expressions_run_when_another_program_says() {
    let database = TimeZoneDatabase::bundled();
    let (mut told, mut made_up, mut differences) = (0, 0, Vec::new());
    for (text, zone, base) in cases() {
        let zone = database.get(zone).unwrap();
        let ours: CronExpression = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let Some((theirs, changes)) = croner(&text, base, &zone) else { continue };
        let ours: Vec<Timestamp> = ours.upcoming(base, &zone, changes).take(5).collect();
        told += 1;
        made_up += usize::from(changes == ClockChanges::MadeUp);
        if ours != theirs {
            differences.push(format!("{text:?} at {base} in {zone:?}\n  {ours:?}\n  {theirs:?}"));
        }
    }
    assert!(told > CASES * 9 / 10 && made_up > told / 3, "{told} and {made_up}: the generator is of no use");
    assert!(differences.is_empty(), "{} of {told} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn systemd_elapses_when_cron_runs_where_no_clock_changes() {
    let differing: Vec<String> = cases()
        .filter(|(text, _, base)| {
            let cron: CronExpression = text.parse().unwrap();
            let specs: Vec<CalendarSpec> =
                cron.calendars(None).iter().map(|text| text.parse().unwrap()).collect();
            let next = |after| specs.iter().filter_map(|spec| spec.next_after(after, &TimeZone::UTC)).min();
            let systemd = std::iter::successors(next(*base), |last| next(*last)).take(20);
            let cron: Vec<Timestamp> =
                cron.upcoming(*base, &TimeZone::UTC, ClockChanges::MadeUp).take(20).collect();
            !systemd.eq(cron)
        })
        .map(|(text, _, _)| text)
        .collect();
    assert!(differing.is_empty(), "{differing:#?}");
}
