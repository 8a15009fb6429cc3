//! How fast ten thousand runs are told, as `tf history -n 10000` asks for them, and a page of twenty out of them.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot set up its store is to stop")]

use taskflows_core::effects::{RunHistory, RunStore};
use taskflows_core::task::RunQuery;
use taskflows_core::testing::ready;
use taskflows_core::testing::run_store::a_service_run;
use taskflows_core::{ExitKind, Outcome, RunEnd};
use taskflows_store::SqliteRunStore;

/// So many runs, of a hundred services.
const RUNS: u128 = 10_000;

fn main() {
    divan::main();
}

fn filled() -> (tempfile::TempDir, SqliteRunStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRunStore::new(directory.path());
    let runs: Vec<_> = (0..RUNS)
        .map(|number| {
            let service = format!("service-{}", number % 100);
            let mut run = a_service_run(number << 64 | number, &service, i64::try_from(number).unwrap());
            let exit = Some(ExitKind::Exited(3));
            let failed = RunEnd { result: "exit-code".to_owned(), exit, is_preparation: false };
            run.outcome = if number % 7 == 0 { Outcome::Failed(failed) } else { Outcome::Succeeded };
            run.ended = Some(run.started);
            (run, Vec::new())
        })
        .collect();
    assert_eq!(ready(store.restore(&runs)).unwrap(), runs.len());
    (directory, store)
}

#[divan::bench(sample_count = 20)]
fn ten_thousand(bencher: divan::Bencher<'_, '_>) {
    let (_directory, store) = filled();
    bencher.bench_local(|| ready(store.recent(&RunQuery::default())).unwrap());
}

#[divan::bench(sample_count = 20)]
fn twenty(bencher: divan::Bencher<'_, '_>) {
    let (_directory, store) = filled();
    let query = RunQuery { limit: Some(20), ..RunQuery::default() };
    bencher.bench_local(|| ready(store.recent(&query)).unwrap());
}

#[divan::bench(sample_count = 20)]
fn twenty_failures_of_a_service(bencher: divan::Bencher<'_, '_>) {
    let (_directory, store) = filled();
    let tasks = vec!["service-7".to_owned()];
    let query = RunQuery { tasks, failed: true, limit: Some(20), ..RunQuery::default() };
    bencher.bench_local(|| ready(store.recent(&query)).unwrap());
}

#[divan::bench(sample_count = 5)]
fn restore_ten_thousand(bencher: divan::Bencher<'_, '_>) {
    bencher.bench_local(filled);
}
