//! `tf history`, `tf run` and `tf retry` on a fake host, and `tf list` with what is kept of runs.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod host;

use host::{Host, check};
use jiff::Timestamp;
use taskflows_core::effects::{RunStore, RunStoreError};
use taskflows_core::task::{Attempt, RunFinish, RunId, RunRecord, Trigger};
use taskflows_core::testing::ready;
use taskflows_core::testing::run_store::{a_run, a_service_run, somebody};
use taskflows_core::{ExitKind, Outcome, RunEnd};

/// The second of noon on 2026-11-24, when the clock of the host starts.
const NOON: i64 = 1_795_521_600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn failed(result: &str, exit: ExitKind) -> Outcome {
    Outcome::Failed(RunEnd { result: result.to_owned(), exit: Some(exit), is_preparation: false })
}

/// Keeps a run that is over after some seconds.
fn keep(host: &Host, run: &RunRecord, seconds: i64, outcome: Outcome, attempts: u32) {
    let ended = at(run.started.as_second() + seconds);
    ready(host.runs.begin(run)).unwrap();
    for number in 1..=attempts {
        let end = if number == attempts { outcome.clone() } else { failed("exit-code", ExitKind::Exited(1)) };
        let attempt = Attempt {
            number,
            started: run.started,
            ended,
            outcome: end,
            error: None,
            tail: "copying\n\u{1b}[31mno space left\n".to_owned(),
        };
        ready(host.runs.attempt(run.id, &attempt)).unwrap();
    }
    ready(host.runs.finish(run.id, &RunFinish { ended, outcome, attempts, error: None })).unwrap();
}

fn host() -> Host {
    let host = Host::with_services();
    let timer = RunRecord {
        max_attempts: 4,
        trigger: Trigger::Timer,
        scheduled: Some(at(NOON - 36_000)),
        ..a_service_run(0x1111_aaaa << 96, "nightly-backup", NOON - 36_000)
    };
    keep(&host, &timer, 725, Outcome::Succeeded, 2);
    let retry = RunRecord {
        trigger: Trigger::Retry(timer.id),
        ..a_service_run(0x1111_bbbb << 96, "nightly-backup", NOON - 7_200)
    };
    keep(&host, &retry, 3, failed("signal", ExitKind::Killed(9)), 1);
    let own = RunRecord {
        command: Some(vec!["make".to_owned(), "the report".to_owned()]),
        directory: Some("/srv/reports".to_owned()),
        trigger: Trigger::Manual(Some("ada".to_owned())),
        ..a_run(0x2222_cccc << 96, "a-report-with-quite-a-long-name", NOON - 60)
    };
    keep(&host, &own, 30, failed("timeout", ExitKind::Killed(15)), 1);
    let cut = RunRecord { process: Some(somebody()), ..a_run(0x3333_dddd << 96, "cut", NOON - 30) };
    ready(host.runs.begin(&cut)).unwrap();
    ready(host.runs.begin(&a_run(0x4444_eeee << 96, "open", NOON - 10))).unwrap();
    host
}

#[test]
fn history_tells_of_runs_in_eighty_columns() {
    let mut host = host();
    host.tf("history");
    host.tf("history --failed -n 2");
    host.tf("history nightly-backup --since 3h");
    host.tf("history 'n*' -o name");
    host.tf("history cut -o json");
    host.tf("history web");
    assert!(
        host.transcript
            .lines()
            .filter(|line| line.starts_with('|') && !line.contains('"'))
            .all(|line| line.chars().count() <= 82)
    );
    check!(host);
}

#[test]
fn history_of_one_run_tells_all_that_is_kept() {
    let mut host = host();
    host.tf("history 1111aaaa");
    host.tf("history 2222");
    host.tf("history 2222cccc -o yaml");
    check!(host);
}

#[test]
fn a_run_is_asked_for_by_enough_of_its_digits() {
    let mut host = host();
    host.tf("history 1111");
    host.tf("history 111");
    host.tf("history abcd");
    host.tf("history nobody");
    host.tf("history 'x*'");
    host.tf("retry 1111");
    host.tf("retry 12");
    host.tf("retry 9999");
    host.tf("retry --last nobody");
    host.tf("retry 3333dddd");
    check!(host);
}

#[test]
fn list_tells_the_run_that_is_kept_where_it_is_not_older() {
    let mut host = host();
    host.tf("list");
    host.tf("start web broken");
    keep(&host, &a_service_run(5, "broken", NOON - 900), 1, Outcome::Succeeded, 1);
    host.transcript.clear();
    host.tf("list");
    host.runs.fail_next(RunStoreError::NotFound { run: RunId::from_bits(1) });
    host.tf("list -o name");
    check!(host);
}

#[test]
fn run_and_retry_show_what_the_service_writes_and_end_as_it_does() {
    let mut host = host();
    host.log("nightly-backup", 1, "copied 3 files");
    host.tf("run nightly-backup");
    ready(host.runs.begin(&a_service_run(6, "nightly-backup", NOON + 2))).unwrap();
    host.log("broken", 2, "\u{1b}[2Jno such table");
    host.tf("run broken");
    ready(host.runs.begin(&a_service_run(7, "broken", NOON + 3))).unwrap();
    host.tf("retry 1111bbbb");
    ready(host.runs.begin(&a_service_run(8, "nightly-backup", NOON + 4))).unwrap();
    host.tf("history -n 3");
    host.tf("start web");
    host.tf("run web");
    host.tf("run wbe");
    check!(host);
}
