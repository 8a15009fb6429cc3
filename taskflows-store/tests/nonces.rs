//! Nonces in a real file: the contract, and that no restart makes one free again.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
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
