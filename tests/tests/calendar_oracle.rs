//! Our calendar against systemd's own, over generated expressions: validity, normal form and next elapses.
//!
//! `TASKFLOWS_ORACLE_CASES` sets how many are tried; each costs a process.

use std::process::Command;

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use taskflows_core::schedule::{CalendarSpec, Zones};

const ZONES: [&str; 6] =
    ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Auckland"];

/// Near clock changes of several zones, leap days, the ends of months and years.
const BASES: [&str; 8] = [
    "2026-03-07T12:00:00Z",
    "2026-03-28T20:00:00Z",
    "2026-10-24T20:00:00Z",
    "2026-11-01T02:00:00Z",
    "2026-04-04T10:00:00Z",
    "2028-02-28T23:59:59Z",
    "2026-12-31T23:59:59Z",
    "2026-06-15T08:30:00Z",
];

fn weekdays() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => Just(String::new()),
        1 => "(Mon|tue|Wednesday|Thu|fri|Sat|Sunday) ",
        1 => "(Mon|Tue|Wed)(\\.\\.|-)(Thu|Fri|Sun) ",
        1 => "(Sat,Sun|Mon,Wed\\.\\.Fri|Sun,Mon|Fri\\.\\.Mon) ",
    ]
}

fn date() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        2 => Just("*-*-* ".to_owned()),
        2 => "(\\*|2026|2026\\.\\.2030|28|2024/2|2200)-(\\*|0?[1-9]|1[0-3]|1,7|02\\.\\.05|1/3)-(\\*|[0-3]?[0-9]|1\\.\\.7|1/10|13,31|20\\.\\.10) ",
        1 => "(\\*-)?(\\*|02|1/6)~(0?[1-9]|1\\.\\.3|07/1|30) ",
        1 => "(0[1-9]|1[0-2])-([0-2][0-9]) ",
    ]
}

fn time() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        4 => "(\\*|[0-2]?[0-9]|0/6|8\\.\\.18/2|1,2,3):([0-6]?[0-9]|\\*|0/15|30)(:(\\*|[0-6]?[0-9]|0/20|5\\.25|0\\.5/10))?",
        1 => "0?[1-3]:(00|30|15)",
    ]
}

fn zone() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(String::new()),
        2 => prop::sample::select(&ZONES[..]).prop_map(|zone| format!(" {zone}")),
        1 => prop::sample::select(&[" PDT", " +02:00", " Mars/Phobos", " utc", " europe/berlin"][..]).prop_map(str::to_owned),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => (weekdays(), date(), time(), zone()).prop_map(|(w, d, t, z)| format!("{}{z}", format!("{w}{d}{t}").trim_end())),
        1 => "(hourly|Daily|weekly|monthly|quarterly|semiannually|yearly|minutely)( UTC| Asia/Kolkata)?",
        1 => "@[0-9]{9,10}",
        1 => prop::collection::vec(prop::sample::select(&["-", "0", "1", "9", ":", "/", "*", "~", ",", ".", " "][..]), 1..12)
            .prop_map(|pieces| pieces.concat()),
    ]
}

/// What a side says of an expression: nothing where it is refused.
#[derive(Debug, PartialEq)]
struct Answer {
    normal: String,
    next: Vec<Timestamp>,
}

fn systemd(expression: &str, base: Timestamp, zone: &str) -> Option<Answer> {
    let base = base.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let output = Command::new("systemd-analyze")
        .args(["calendar", "--iterations=5", &format!("--base-time={base}"), "--", expression])
        .env("TZ", zone)
        .env("LC_ALL", "C")
        .output()
        .expect("systemd-analyze is installed: scripts/test sees to it");
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let field =
        |line: &str, key: &str| line.trim_start().strip_prefix(key).map(|value| value.trim().to_owned());
    let normal = text
        .lines()
        .find_map(|line| field(line, "Normalized form:"))
        .unwrap_or_else(|| expression.to_owned());
    let mut next: Vec<Timestamp> = Vec::new();
    let mut local = None;
    let parse = |text: &str, zone: &str| -> Timestamp {
        let (_, rest) = text.split_once(' ').unwrap();
        let (stamp, _) = rest.rsplit_once(' ').unwrap();
        let civil: jiff::civil::DateTime = stamp.parse().unwrap();
        civil.to_zoned(TimeZoneDatabase::from_env().get(zone).unwrap()).unwrap().timestamp()
    };
    for line in text.lines() {
        let line = line.trim_start();
        if let Some(time) = line.strip_prefix("(in UTC):") {
            next.push(parse(time.trim(), "UTC"));
            local = None;
        } else if line.starts_with("Next elapse:") || line.starts_with("Iter") {
            // Where the host's zone is UTC there is no line "in UTC".
            next.extend(local.take().map(|time: String| parse(&time, "UTC")));
            let (_, time) = line.split_once(": ").unwrap();
            local = (time.trim() != "never").then(|| time.trim().to_owned());
        }
    }
    next.extend(local.map(|time| parse(&time, "UTC")));
    Some(Answer { normal, next })
}

fn ours(expression: &str, base: Timestamp, zone: &str, database: &TimeZoneDatabase) -> Option<Answer> {
    let zones = Zones::new(database.clone(), database.get(zone).unwrap());
    let spec: CalendarSpec = expression.parse().ok()?;
    let resolved = zones.resolve(&spec).ok()?;
    // systemd prints whole seconds.
    let whole = |time: Timestamp| Timestamp::from_second(time.as_second()).unwrap();
    Some(Answer {
        normal: spec.to_string(),
        next: spec.upcoming(base, &resolved).take(5).map(whole).collect(),
    })
}

#[test]
fn generated_expressions_are_read_as_systemd_reads_them() {
    let cases =
        std::env::var("TASKFLOWS_ORACLE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(400);
    let database = TimeZoneDatabase::from_env();
    let mut runner = TestRunner::deterministic();
    let (mut valid, mut differences) = (0, Vec::new());
    for case in 0..cases {
        let expression = expression().new_tree(&mut runner).unwrap().current();
        let zone = ZONES[case % ZONES.len()];
        let base: Timestamp = BASES[case / ZONES.len() % BASES.len()].parse().unwrap();
        let (told, own) = (systemd(&expression, base, zone), ours(&expression, base, zone, &database));
        valid += usize::from(told.is_some());
        if told != own {
            differences
                .push(format!("{expression:?} at {base} in {zone}\n  systemd {told:?}\n  ours    {own:?}"));
        }
    }
    assert!(valid > cases / 3, "only {valid} of {cases} expressions are valid: the generator is of no use");
    assert!(differences.is_empty(), "{} of {cases} differ:\n{}", differences.len(), differences.join("\n"));
}
