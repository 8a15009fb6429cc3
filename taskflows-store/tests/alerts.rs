//! The store of alerts on disk.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its store is to fail")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};
use taskflows_alerts::incident::{Engine, Observation, ObservationKind, Rules, Subject};
use taskflows_alerts::outbox::{AlertStore, AlertStoreError, NewEntry, Next, Outbox, Settlement, contract};
use taskflows_alerts::{Message, Receipt};
use taskflows_store::{Store, StoreError};

/// A sender that looks without pause would keep the writers from their turn.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(2);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).unwrap()
}

fn entry(channel: &str, key: &str) -> NewEntry {
    let message = Message { title: format!("alert {key}"), ..Message::default() };
    NewEntry::send(channel, key, message, at(0))
}

fn failure(service: &str, run: &str) -> Observation {
    Observation {
        id: format!("{run}/failed"),
        subject: Subject::new(service, "web1"),
        at: at(0),
        kind: ObservationKind::Failed,
        message: Message { title: format!("{service} failed"), ..Message::default() },
    }
}

fn observe(store: &Store, seen: &Observation) -> Result<(), AlertStoreError> {
    let rules = Rules { channels: vec!["memory:a".to_owned()], ..Rules::default() };
    store.transact(&mut |ledger| Engine::new("ops", &rules).observe(ledger, seen, at(0)).map(|_| ()))
}

/// The whole chain of an error, as a command shows it.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[test]
fn the_store_keeps_to_the_contract() {
    let fresh = || tempfile::tempdir().unwrap();
    for (fact, check) in contract::QUEUE {
        println!("{fact}");
        check(&Store::open(fresh().path()).unwrap());
    }
    for (fact, check) in contract::FULL {
        println!("{fact}");
        check(&Store::open(fresh().path()).unwrap().with_limits(contract::SMALL));
    }
    for (fact, check) in contract::INCIDENTS {
        println!("{fact}");
        let store = Store::open(fresh().path()).unwrap();
        check(&store, &store);
    }
}

#[test]
fn what_was_queued_is_there_when_the_store_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    observe(&Store::open(directory.path()).unwrap(), &failure("backup", "1")).unwrap();
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(store.queued("memory:a").unwrap().len(), 1);
    assert_eq!(store.states().unwrap()[0].1.incident().unwrap().subject.name, "backup");
}

/// Counts a writer as done, also where it panics.
struct Done<'a>(&'a AtomicUsize);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn eight_writers_and_two_senders_at_once_lose_and_double_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let sent = Arc::new(std::sync::Mutex::new(Vec::new()));
    let writing = Arc::new(AtomicUsize::new(8));
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let (directory, writing) = (directory.path(), writing.clone());
            scope.spawn(move || {
                // A connection each, as each hook has.
                let _done = Done(&writing);
                let store = Store::open(directory).unwrap();
                for run in 0..25 {
                    store.push(&[entry("a", &format!("{writer}.{run}"))], at(0)).unwrap();
                    observe(&store, &failure("backup", &format!("{writer}.{run}"))).unwrap();
                }
            });
        }
        for _ in 0..2 {
            let (directory, sent, writing) = (directory.path(), sent.clone(), writing.clone());
            scope.spawn(move || {
                let store = Store::open(directory).unwrap();
                loop {
                    let last = writing.load(Ordering::SeqCst) == 0;
                    match store.claim("a", at(0), SignedDuration::from_secs(60)).unwrap() {
                        Next::Send(claim) => {
                            sent.lock().unwrap().push(claim.entry.new.key.clone());
                            store.settle(&claim.entry, &Settlement::Sent(Receipt::default()), at(0)).unwrap();
                        }
                        Next::Wait(_) => std::thread::sleep(PAUSE),
                        Next::Nothing if last => break,
                        Next::Nothing => std::thread::sleep(PAUSE),
                    }
                }
            });
        }
    });
    let mut sent = sent.lock().unwrap().clone();
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), 200);
    let store = Store::open(directory.path()).unwrap();
    let incidents: Vec<_> =
        store.states().unwrap().iter().filter_map(|(_, state)| state.incident()).collect();
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0].failures, 200);
    assert_eq!(store.queued("memory:a").unwrap().len(), 1, "one message for one incident");
}

#[test]
fn a_full_disk_is_told_and_what_was_kept_stays() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.push(&[entry("a", "before")], at(0)).unwrap();
    let pages = 60;
    store.limit_pages(pages).unwrap();
    let large = |key: usize| {
        let mut entry = entry("a", &key.to_string());
        entry.message.title = "x".repeat(20_000);
        entry
    };
    let error = (0..100).find_map(|key| store.push(&[large(key)], at(0)).err()).expect("the file is bounded");
    let text = chain(&error);
    assert!(text.contains("state.db") && text.contains("full"), "{text}");
    let kept = store.queued("a").unwrap().len();
    assert!((2..20).contains(&kept), "{kept}");
    // What goes makes room: the queue works on.
    let Next::Send(claim) = store.claim("a", at(0), SignedDuration::from_secs(60)).unwrap() else { panic!() };
    assert_eq!(claim.entry.new.key, "before");
    store.settle(&claim.entry, &Settlement::Sent(Receipt::default()), at(0)).unwrap();
    assert_eq!(store.queued("a").unwrap().len(), kept - 1);
}

#[test]
fn a_file_without_tables_of_alerts_gets_them_and_a_newer_one_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.db");
    rusqlite::Connection::open(&file).unwrap().execute_batch("PRAGMA user_version = 0").unwrap();
    Store::open(directory.path()).unwrap().push(&[entry("a", "1")], at(0)).unwrap();
    rusqlite::Connection::open(&file).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { version: 99, .. }), "{error:?}");
    assert!(error.to_string().contains("state.db"), "{error}");
}

/// Reads all there is, and writes and settles.
fn use_all(directory: &std::path::Path) -> Result<usize, String> {
    let store = Store::open(directory).map_err(|error| chain(&error))?;
    let tried = || -> Result<usize, AlertStoreError> {
        let states = store.states()?.len();
        let queued = store.queued("a")?.len();
        store.channels()?;
        observe(&store, &failure("backup", "new"))?;
        store.push(&[entry("a", "new")], at(1))?;
        if let Next::Send(claim) = store.claim("a", at(1), SignedDuration::from_secs(60))? {
            store.settle(&claim.entry, &Settlement::Sent(Receipt::default()), at(1))?;
        }
        Ok(states + queued)
    };
    tried().map_err(|error| chain(&error))
}

#[test]
fn a_damaged_file_is_told_by_its_path_and_never_looks_empty() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    for number in 0..20 {
        store.push(&[entry("a", &number.to_string())], at(0)).unwrap();
        observe(&store, &failure(&format!("service{number}"), &number.to_string())).unwrap();
    }
    drop(store);
    let file = directory.path().join("state.db");
    // The newest changes stand in the log beside the file until then.
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(connection);
    let whole = std::fs::read(&file).unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    let (mut told, mut quiet) = (0, 0);
    for _ in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..random.usize(1..40) {
            let at = random.usize(0..bytes.len());
            bytes[at] ^= 1 << random.u8(0..8);
        }
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(copy.path().join("state.db"), bytes).unwrap();
        match use_all(copy.path()) {
            Err(text) => {
                assert!(text.contains("state.db"), "{text}");
                told += 1;
            }
            // A flip in free space, or in a letter of a title, is nothing that can be seen.
            Ok(found) => {
                assert!(found >= 40, "{found} of 40 are left and nobody said so");
                quiet += 1;
            }
        }
    }
    assert!(told > 50 && quiet > 0, "{told} told, {quiet} not");
}

/// Plays the process that is killed: this test program runs itself with the directory in this variable.
const KILLED: &str = "TASKFLOWS_STORE_TEST_KILLED";

#[test]
fn child_that_queues_until_it_is_killed() {
    let Some(directory) = std::env::var_os(KILLED) else { return };
    let store = Store::open(directory.as_ref()).unwrap();
    let mut kept = std::fs::File::create(std::path::Path::new(&directory).join("kept")).unwrap();
    for key in 0..u64::MAX {
        store.push(&[entry("a", &key.to_string())], at(0)).unwrap();
        std::io::Write::write_all(&mut kept, b".").unwrap();
    }
}

#[test]
fn what_was_queued_before_a_kill_is_sent_after_it_once() {
    for round in 0..3 {
        let directory = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_queues_until_it_is_killed"])
            .env(KILLED, directory.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let kept = || std::fs::metadata(directory.path().join("kept")).map_or(0, |kept| kept.len());
        while kept() < 20 + round * 7 {
            assert!(child.try_wait().unwrap().is_none(), "it queues until it is killed");
            std::thread::sleep(PAUSE);
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let mut sent = Vec::new();
        while let Next::Send(claim) = store.claim("a", at(0), SignedDuration::from_secs(60)).unwrap() {
            sent.push(claim.entry.new.key.clone());
            store.settle(&claim.entry, &Settlement::Sent(Receipt::default()), at(0)).unwrap();
        }
        // One may be kept without the child having had the time to say so.
        let (sent_count, kept) = (sent.len() as u64, kept());
        assert!(sent_count == kept || sent_count == kept + 1, "{sent_count} of {kept}");
        assert!(sent.iter().enumerate().all(|(number, key)| *key == number.to_string()));
    }
}
