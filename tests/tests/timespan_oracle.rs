//! Our lengths of time against systemd's own, over generated texts: validity and microseconds.
//!
//! `TASKFLOWS_ORACLE_CASES` sets how many are tried; each costs a process.

use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use taskflows_core::TimeSpan;

fn text() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        8 => "(0|[1-9][0-9]{0,4}|[0-9]{1,3}\\.[0-9]{1,9}|\\.[0-9]{1,3})",
        1 => "([0-9]{18,20}|5\\.|58454[0-9])",
    ];
    let unit = "( ?)(s|sec|second|seconds|m|min|minute|minutes|h|hr|hour|hours|d|day|days|w|week|weeks|M|month|months|y|year|years|ms|msec|us|usec|µs|μs|)";
    let unit = prop_oneof![12 => unit, 1 => "(S|Min|minuets|H)"];
    let part = (number, unit).prop_map(|(number, unit)| format!("{number}{unit}"));
    let noise = prop_oneof![
        12 => prop::sample::select(&["", " ", "  "][..]),
        1 => prop::sample::select(&["-", "+", ",", "."][..]),
    ];
    prop_oneof![
        8 => prop::collection::vec((part, noise.clone()), 1..4)
            .prop_map(|parts| parts.into_iter().map(|(part, noise)| format!("{part}{noise}")).collect()),
        1 => Just(" ".to_owned()),
        1 => "[0-9a-z. ]{1,8}",
    ]
}

fn systemd(text: &str) -> Option<u64> {
    let output = Command::new("systemd-analyze")
        .env("LC_ALL", "C.UTF-8")
        .args(["timespan", "--", text])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let micros = told.lines().find_map(|line| line.trim_start().strip_prefix("μs: "));
    output.status.success().then(|| micros?.trim().parse().ok())?
}

#[test]
fn generated_lengths_are_read_as_systemd_reads_them() {
    let cases =
        std::env::var("TASKFLOWS_ORACLE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300);
    let mut runner = TestRunner::deterministic();
    let (mut valid, mut differences) = (0, Vec::new());
    for _ in 0..cases {
        let text = text().new_tree(&mut runner).unwrap().current();
        let (told, own) = (systemd(&text), text.parse::<TimeSpan>().ok().map(TimeSpan::micros));
        valid += usize::from(told.is_some());
        if told != own {
            differences.push(format!("{text:?}: systemd {told:?}, ours {own:?}"));
        }
    }
    assert!(valid > cases / 4, "only {valid} of {cases} texts are valid: the generator is of no use");
    assert!(differences.is_empty(), "{} of {cases} differ:\n{}", differences.len(), differences.join("\n"));
}
