//! Our lengths of time against systemd's own, over generated texts: validity and microseconds.
//!
//! `TASKFLOWS_ORACLE_CASES` sets how many are tried, `TASKFLOWS_ORACLE_SEED` which.

mod oracle;

use oracle::{Draw, ask, cases, field};
use proptest::prelude::*;
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

/// What systemd says of each text; nothing where it is refused, after which it has to be asked again.
fn systemd(mut texts: &[String]) -> Vec<Option<u64>> {
    let mut answers = Vec::new();
    while !texts.is_empty() {
        let told = ask("timespan", &[], None, &texts[..texts.len().min(50)]);
        texts = &texts[told.len()..];
        let micros = |lines: &Vec<String>| field(lines, "μs:").unwrap().parse().unwrap();
        answers.extend(told.iter().map(|told| told.as_ref().map(micros)));
    }
    answers
}

#[test]
fn generated_lengths_are_read_as_systemd_reads_them() {
    let texts = Draw::new().many(&text(), cases(2_000));
    let told = systemd(&texts);
    let valid = told.iter().flatten().count();
    let own = texts.iter().map(|text| text.parse::<TimeSpan>().ok().map(TimeSpan::micros));
    let differences: Vec<String> = std::iter::zip(&texts, &told)
        .zip(own)
        .filter(|((_, told), own)| *told != own)
        .map(|((text, told), own)| format!("{text:?}: systemd {told:?}, ours {own:?}"))
        .collect();
    let cases = texts.len();
    assert!(valid > cases / 4, "only {valid} of {cases} texts are valid: the generator is of no use");
    assert!(differences.is_empty(), "{} of {cases} differ:\n{}", differences.len(), differences.join("\n"));
}
