//! Nonces in a real file: the contract, and that no restart makes one free again.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use proptest::prelude::*;
use taskflows_security::testing::nonce_store;
use taskflows_security::{Keep, NonceError, NonceStore};
use taskflows_store::{SqliteNonceStore, Store};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn open(directory: &Path) -> SqliteNonceStore {
    SqliteNonceStore::open(&Store::open(directory).unwrap()).unwrap()
}

#[tokio::test]
async fn the_file_keeps_to_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    nonce_store(&open(directory.path()), at(0)).await;
}

#[tokio::test]
async fn no_restart_makes_a_nonce_free_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    for (nonce, keep) in [("a-change", Keep::Now), ("a-read", Keep::Soon)] {
        assert!(store.claim(nonce, at(300), at(0), keep).await.unwrap());
    }
    drop(store);
    let store = open(directory.path());
    for nonce in ["a-change", "a-read"] {
        for keep in [Keep::Now, Keep::Soon] {
            assert!(!store.claim(nonce, at(300), at(299), keep).await.unwrap(), "{nonce}");
        }
    }
    assert!(store.claim("another", at(900), at(700), Keep::Now).await.unwrap(), "all before have expired");
}

#[tokio::test]
async fn a_change_is_kept_before_its_answer_and_a_read_soon_after() {
    let directory = tempfile::tempdir().unwrap();
    // Neither is closed: as after `kill -9`.
    let one = std::mem::ManuallyDrop::new(open(directory.path()));
    assert!(one.claim("a-change", at(300), at(0), Keep::Now).await.unwrap());
    let next = open(directory.path());
    assert!(!next.claim("a-change", at(300), at(1), Keep::Soon).await.unwrap());
    assert!(one.claim("a-read", at(300), at(0), Keep::Soon).await.unwrap());
    let file = rusqlite::Connection::open(directory.path().join("state.db")).unwrap();
    let began = Instant::now();
    while file.query_row("SELECT count(*) FROM nonces", [], |row| row.get::<_, i64>(0)).unwrap() < 2 {
        assert!(began.elapsed() < Duration::from_secs(5));
        std::thread::yield_now();
    }
    assert!(!open(directory.path()).claim("a-read", at(300), at(1), Keep::Soon).await.unwrap());
}

#[tokio::test]
async fn two_processes_take_a_change_once() {
    let directory = tempfile::tempdir().unwrap();
    let (one, other) = (open(directory.path()), open(directory.path()));
    assert!(one.claim("a-change", at(300), at(0), Keep::Now).await.unwrap());
    assert!(!other.claim("a-change", at(300), at(0), Keep::Now).await.unwrap());
}

#[tokio::test]
async fn where_a_nonce_cannot_be_kept_a_change_is_refused_and_reads_wait() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    assert!(store.claim("before", at(300), at(0), Keep::Now).await.unwrap());
    // Another process holds the file for longer than a write waits.
    let other = rusqlite::Connection::open(directory.path().join("state.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.claim("a-change", at(300), at(0), Keep::Now).await;
    assert!(matches!(refused, Err(NonceError::Failed(_))), "{refused:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert!(store.claim("a-read", at(300), at(0), Keep::Soon).await.unwrap(), "it waited, and was kept");
    assert!(
        !store.claim("a-change", at(300), at(0), Keep::Now).await.unwrap(),
        "what was refused stays used"
    );
}

#[tokio::test]
async fn what_has_expired_leaves_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    for number in 0..500 {
        let nonce = format!("n-{number}");
        assert!(store.claim(&nonce, at(300), at(0), Keep::Soon).await.unwrap());
    }
    assert!(store.claim("last", at(900), at(600), Keep::Now).await.unwrap());
    drop(store);
    let file = rusqlite::Connection::open(directory.path().join("state.db")).unwrap();
    let count: i64 = file.query_row("SELECT count(*) FROM nonces", [], |row| row.get(0)).unwrap();
    assert!(count <= 501, "{count}");
    drop(file);
    let store = open(directory.path());
    assert!(store.claim("later", at(2_000), at(1_700), Keep::Now).await.unwrap());
    drop(store);
    let file = rusqlite::Connection::open(directory.path().join("state.db")).unwrap();
    let count: i64 = file.query_row("SELECT count(*) FROM nonces", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1);
}

/// What happens to a server and its clock.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A request comes that was signed so many seconds from now.
    New { ahead: i64 },
    /// One that came before comes again.
    Again { which: usize },
    /// The clock goes on, or is set.
    Clock { seconds: i64 },
    /// The server starts anew.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (-WINDOW..=WINDOW).prop_map(|ahead| Step::New { ahead }),
        6 => (0..64usize).prop_map(|which| Step::Again { which }),
        2 => (0..=60i64).prop_map(|seconds| Step::Clock { seconds }),
        2 => (-1_500..=1_500i64).prop_map(|seconds| Step::Clock { seconds }),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..60)
}

/// How long a request is good before and after its time.
const WINDOW: i64 = 300;

/// Runs the steps, and returns how many requests were let through.
async fn run(steps: &[Step]) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, mut clock) = (open(directory.path()), 0);
    // Each with its own time, and whether it was let through.
    let mut requests: Vec<(i64, bool)> = Vec::new();
    for step in steps {
        let which = match *step {
            Step::Clock { seconds } => {
                clock += seconds;
                continue;
            }
            Step::Restart => {
                drop(store);
                store = open(directory.path());
                continue;
            }
            Step::New { ahead } => {
                requests.push((clock + ahead, false));
                requests.len() - 1
            }
            Step::Again { .. } if requests.is_empty() => continue,
            Step::Again { which } => which % requests.len(),
        };
        let (time, was_let_through) = requests[which];
        // As the verifier has it.
        if (time - clock).abs() > WINDOW {
            continue;
        }
        let keep = if which % 2 == 0 { Keep::Now } else { Keep::Soon };
        let expires = at(time + WINDOW + 1);
        let is_free = store.claim(&format!("request-{which}"), expires, at(clock), keep).await.unwrap();
        assert!(!(is_free && was_let_through), "request {which} of {time} twice, at {clock}: {steps:?}");
        requests[which].1 |= is_free;
    }
    requests.iter().filter(|(_, was_let_through)| *was_let_through).count()
}

#[test]
fn no_request_is_let_through_twice_however_the_clock_is_set_and_the_server_restarted() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let through = std::cell::Cell::new(0);
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in steps())| {
        through.set(through.get() + runtime.block_on(run(&steps)));
    });
    println!("{} requests were let through once", through.get());
    assert!(through.get() > 100, "most are let through: {}", through.get());
}

#[tokio::test]
async fn a_clock_that_ran_ahead_over_restarts_makes_no_nonce_free_again() {
    let ahead = Step::Clock { seconds: 10_000 };
    let back = Step::Clock { seconds: -10_000 };
    let (first, new) = (Step::New { ahead: 0 }, Step::New { ahead: WINDOW });
    let again = Step::Again { which: 0 };
    // What is deleted while the clock is ahead is asked for again when it is set back: at once, and after a restart.
    assert_eq!(run(&[first, ahead, new, back, again]).await, 2);
    assert_eq!(run(&[first, ahead, new, Step::Restart, back, again]).await, 2);
    assert_eq!(run(&[first, Step::Restart, ahead, new, back, again]).await, 2);
    assert_eq!(run(&[first, Step::Restart, ahead, new, Step::Restart, back, again]).await, 2);
}

#[tokio::test]
async fn a_clock_that_was_years_ahead_shuts_nobody_out() {
    let years = Step::Clock { seconds: 400_000_000 };
    let back = Step::Clock { seconds: -400_000_000 };
    let new = Step::New { ahead: 0 };
    let later = Step::Clock { seconds: 700 };
    assert_eq!(run(&[years, new, later, new, Step::Restart, back, new, Step::Restart, new]).await, 4);
    // What a right clock forgets after that counts all the same when it is set back a little.
    let (little, again) = (Step::Clock { seconds: -700 }, Step::Again { which: 2 });
    let restarts =
        [years, new, later, new, Step::Restart, back, new, later, new, little, again, Step::Restart, again];
    assert_eq!(run(&restarts).await, 4);
}
