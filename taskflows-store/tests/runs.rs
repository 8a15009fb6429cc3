//! Runs in a real file: the contract, what happens to the file, and what is kept for how long.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use taskflows_core::effects::{RunHistory, RunStore, RunStoreError};
use taskflows_core::task::{Attempt, RunFinish, RunId, RunQuery, RunRecord, Trigger};
use taskflows_core::testing::ready;
use taskflows_core::testing::run_store::{a_run, a_service_run, run_store};
use taskflows_core::{ExitKind, Outcome, RunEnd};
use taskflows_store::{Retention, SqliteRunStore, Store, own_mark};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn all(store: &SqliteRunStore) -> Vec<RunRecord> {
    ready(store.recent(&RunQuery::default())).unwrap()
}

fn finish(store: &SqliteRunStore, run: &RunRecord) {
    let end = RunFinish { ended: run.started, outcome: Outcome::Succeeded, attempts: 1, error: None };
    ready(store.finish(run.id, &end)).unwrap();
}

/// Writes an error and its causes on one line.
fn chain(error: &RunStoreError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[test]
fn the_store_keeps_to_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRunStore::new(directory.path());
    ready(run_store(&store, &own_mark().unwrap()));
}

#[test]
fn what_one_process_keeps_another_reads() {
    let directory = tempfile::tempdir().unwrap();
    let (one, other) = (SqliteRunStore::new(directory.path()), SqliteRunStore::new(directory.path()));
    ready(one.begin(&a_run(1, "a", 10))).unwrap();
    assert_eq!(all(&other).len(), 1);
    ready(other.begin(&a_run(2, "b", 20))).unwrap();
    drop(other);
    assert_eq!(all(&one).len(), 2);
    drop(one);
    assert_eq!(all(&SqliteRunStore::new(directory.path())).len(), 2);
}

#[test]
fn a_store_that_many_open_first_at_once_is_opened_by_each() {
    for _ in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for number in 0..16 {
                let directory = directory.path();
                scope.spawn(move || {
                    let store = SqliteRunStore::new(directory);
                    ready(store.begin(&a_run(number, "a", 10))).map_err(|error| chain(&error)).unwrap();
                });
            }
        });
        assert_eq!(all(&SqliteRunStore::new(directory.path())).len(), 16);
    }
}

#[test]
fn the_file_is_the_owners_alone_and_only_made_by_what_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let store = SqliteRunStore::new(&data);
    assert!(all(&store).is_empty());
    assert!(ready(store.latest(&["a".parse().unwrap()])).unwrap().is_empty());
    assert!(!data.exists(), "to look makes nothing");
    ready(store.begin(&a_run(1, "a", 10))).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&data.join("state.db"))), (0o700, 0o600));
    assert_eq!(mode(&data.join("state.db-wal")), 0o600);
    assert_eq!(all(&store).len(), 1);
}

#[test]
fn a_file_that_is_none_of_ours_is_told_by_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    fs::write(
        &path,
        "this is a text and no database, and it is long enough to be taken for a header ".repeat(9),
    )
    .unwrap();
    let told = chain(&ready(SqliteRunStore::new(directory.path()).begin(&a_run(1, "a", 1))).unwrap_err());
    assert!(told.contains(&format!("`{}` is damaged", path.display())), "{told}");

    fs::remove_file(&path).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 4_000).unwrap();
    drop(connection);
    let told = chain(&ready(SqliteRunStore::new(directory.path()).recent(&RunQuery::default())).unwrap_err());
    assert!(told.contains("was made by a newer version") && told.contains("state.db"), "{told}");

    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let told = chain(&ready(SqliteRunStore::new(file.join("below")).begin(&a_run(1, "a", 1))).unwrap_err());
    assert!(told.contains("state.db"), "{told}");
}

#[test]
fn a_file_that_may_not_grow_is_told_by_its_path_and_keeps_what_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRunStore::new(directory.path());
    ready(store.begin(&a_run(1, "a", 1))).unwrap();
    let path = directory.path().join("state.db");
    // A full disk is this file's limit of pages, which another connection sets for itself alone; so all but the
    // tables is filled by a trigger that fails as a full disk does.
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'disk is full'); END",
        )
        .unwrap();
    let told = chain(&ready(store.begin(&a_run(2, "a", 2))).unwrap_err());
    assert!(
        told.contains("could not keep a run in") && told.contains("state.db") && told.contains("full"),
        "{told}"
    );
    connection.execute_batch("DROP TRIGGER full").unwrap();
    assert_eq!(all(&store).len(), 1);
    ready(store.begin(&a_run(2, "a", 2))).unwrap();
}

#[test]
fn old_runs_and_those_beyond_the_number_go() {
    let directory = tempfile::tempdir().unwrap();
    let keep = Retention { age: Duration::from_secs(100), per_task: 3 };
    let store = SqliteRunStore::new(directory.path()).with_retention(keep);
    let attempt = |number| Attempt {
        number,
        started: at(1),
        ended: at(2),
        outcome: Outcome::Succeeded,
        error: None,
        tail: "x".to_owned(),
    };
    for (id, task, second) in
        [(1, "a", 100), (2, "b", 899), (3, "a", 901), (4, "a", 910), (5, "a", 920), (6, "a", 930)]
    {
        let run = a_run(id, task, second);
        ready(store.begin(&run)).unwrap();
        ready(store.attempt(run.id, &attempt(1))).unwrap();
    }
    store.prune("a", at(1_000)).unwrap();
    let left: Vec<u128> = all(&store).iter().map(|run| run.id.bits()).collect();
    assert_eq!(left, [6, 5, 4]);
    for id in 1..=6 {
        let attempts = ready(store.attempts(a_run(id, "a", 1).id)).unwrap();
        assert_eq!(attempts.len(), usize::from(id >= 4), "of {id}");
    }
}

#[test]
fn runs_are_pruned_now_and_then_without_being_asked() {
    let directory = tempfile::tempdir().unwrap();
    let keep = Retention { per_task: 5, ..Retention::default() };
    let store = SqliteRunStore::new(directory.path()).with_retention(keep);
    for id in 0..200 {
        let run = a_run(id, "a", 1_000 + i64::try_from(id).unwrap());
        ready(store.begin(&run)).unwrap();
        finish(&store, &run);
    }
    assert!(all(&store).len() < 50, "{}", all(&store).len());
}

#[test]
fn a_long_tail_is_cut_to_its_last_whole_lines() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRunStore::new(directory.path());
    let run = a_run(1, "a", 10);
    ready(store.begin(&run)).unwrap();
    let exit = Some(ExitKind::Exited(1));
    let failed = Outcome::Failed(RunEnd { result: "exit-code".to_owned(), exit, is_preparation: false });
    let lines: String = (0..9_999).map(|number| format!("line {number} ü\n")).collect();
    for (number, outcome, tail) in
        [(1, Outcome::Succeeded, &lines), (2, failed.clone(), &lines), (3, failed, &"ü".repeat(50_000))]
    {
        let attempt =
            Attempt { number, started: at(1), ended: at(2), outcome, error: None, tail: tail.clone() };
        ready(store.attempt(run.id, &attempt)).unwrap();
    }
    let kept = ready(store.attempts(run.id)).unwrap();
    for (attempt, most) in kept.iter().zip([4 << 10, 16 << 10, 16 << 10]) {
        assert!(attempt.tail.len() <= most && attempt.tail.len() > most - 40, "{}", attempt.tail.len());
    }
    assert!(kept[0].tail.starts_with("line ") && kept[1].tail.ends_with("line 9998 ü\n"));
}

#[test]
fn the_last_runs_of_a_thousand_services_are_one_short_question() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRunStore::new(directory.path());
    let names: Vec<String> = (0..1_000).map(|number| format!("service-{number}")).collect();
    let mut id = 0;
    ready(store.begin(&a_run(u128::MAX, "first", 1))).unwrap();
    let mut connection = rusqlite::Connection::open(directory.path().join("state.db")).unwrap();
    let transaction = connection.transaction().unwrap();
    for second in 0_i64..20 {
        for name in &names {
            id += 1_u128;
            transaction
                .prepare_cached(
                    "INSERT INTO runs (id, task, service, started, outcome, attempts, max_attempts, trigger) \
                     VALUES (?1, ?2, ?2, ?3, 'ok', 1, 1, 'timer')",
                )
                .unwrap()
                .execute(rusqlite::params![id.to_be_bytes(), name, second * 1_000_000])
                .unwrap();
        }
    }
    transaction.commit().unwrap();
    let services: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
    let began = Instant::now();
    let latest = ready(store.latest(&services)).unwrap();
    let took = began.elapsed();
    assert_eq!(latest.len(), 1_000);
    assert!(latest.iter().all(|run| run.started == at(19)));
    // Twenty times what it takes on a busy machine, and a hundredth of what one question for each would take.
    assert!(took < Duration::from_millis(500), "{took:?}");
}

#[test]
fn a_file_of_the_first_version_keeps_its_runs_and_learns_who_started_one() {
    let directory = tempfile::tempdir().unwrap();
    let connection = rusqlite::Connection::open(directory.path().join("state.db")).unwrap();
    connection.execute_batch(include_str!("samples/state-2.sql")).unwrap();
    drop(connection);
    let store = SqliteRunStore::new(directory.path());
    let old: Vec<_> =
        all(&store).into_iter().map(|run| (run.task, run.trigger, run.outcome.word())).collect();
    let (manual, retry) = (Trigger::Manual(None), Trigger::Retry(RunId::from_bits(0xa1)));
    assert_eq!(
        old,
        [
            ("web".to_owned(), retry, "failed"),
            ("web".to_owned(), manual, "ok"),
            ("backup".to_owned(), Trigger::Timer, "ok")
        ]
    );
    // The announcement was made by the version before, the run begins under this one.
    let trigger = ready(store.begin(&a_service_run(9, "api", 130))).unwrap();
    assert_eq!(trigger, Trigger::Manual(None));
    let ada = Trigger::Manual(Some("ada".to_owned()));
    ready(store.announce(&"api".parse().unwrap(), &ada, at(140))).unwrap();
    assert_eq!(ready(store.begin(&a_service_run(10, "api", 141))).unwrap(), ada);
    assert_eq!(all(&store)[0].trigger, ada);
}

#[test]
fn a_damaged_file_is_known_and_moved_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    assert!(!Store::is_damaged(path).unwrap(), "what is not there is not damaged");
    for id in 0..500 {
        ready(SqliteRunStore::new(path).begin(&a_run(id, "a", 10))).unwrap();
    }
    assert!(!Store::is_damaged(path).unwrap());
    let connection = rusqlite::Connection::open(path.join("state.db")).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(connection);
    let mut bytes = fs::read(path.join("state.db")).unwrap();
    // The head of a page in the middle.
    let page = bytes.len() / 8192 * 4096;
    bytes[page..page + 400].fill(0xff);
    fs::write(path.join("state.db"), bytes).unwrap();
    assert!(Store::is_damaged(path).unwrap());
    let aside = Store::set_aside(path, at(0)).unwrap();
    assert_eq!(aside, path.join("state.db.broken-19700101T000000Z"));
    assert!(aside.is_file() && !path.join("state.db-wal").exists());
    assert!(!Store::is_damaged(path).unwrap());
    ready(SqliteRunStore::new(path).begin(&a_run(1, "a", 10))).unwrap();
    assert_eq!(all(&SqliteRunStore::new(path)).len(), 1);
}
