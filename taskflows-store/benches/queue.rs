//! How fast alerts are queued: written as JSON and committed, one at a time and many at once, with power loss in mind.
//!
//! `/dev/shm` is memory, the temporary directory a disk, where it is one.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot set up its store is to stop")]

use std::cell::Cell;

use jiff::Timestamp;
use taskflows_alerts::incident::{Engine, Observation, ObservationKind, Rules, Subject};
use taskflows_alerts::outbox::{AlertStore, Limits, NewEntry, Outbox};
use taskflows_alerts::{Component, Field, Message, Severity};
use taskflows_store::Store;

fn main() {
    divan::main();
}

const PLACES: [&str; 2] = ["/dev/shm", "/var/tmp"];

fn message(number: u64) -> Message {
    let field = |name: &str, value: &str| Field { name: name.to_owned(), value: value.to_owned() };
    Message {
        severity: Severity::Error,
        title: format!("backup{number} failed"),
        body: vec![Component::Code {
            text: "line of a log, as long as they are\n".repeat(15),
            language: None,
        }],
        fields: vec![
            field("Exit", "137: killed, out of memory"),
            field("Attempt", "3 of 3"),
            field("Host", "web1"),
        ],
        ..Message::default()
    }
}

fn open(place: &str) -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir_in(place).unwrap();
    let limits = Limits { entries: u64::MAX, bytes: u64::MAX, per_channel: u64::MAX };
    let store = Store::open(directory.path()).unwrap().with_limits(limits);
    (directory, store)
}

#[divan::bench(args = PLACES, sample_count = 20, sample_size = 50)]
fn one_commit_each(bencher: divan::Bencher<'_, '_>, place: &str) {
    let ((_directory, store), next) = (open(place), Cell::new(0));
    bencher.counter(divan::counter::ItemsCount::new(1_u32)).bench_local(|| {
        next.set(next.get() + 1);
        let entry =
            NewEntry::send("slack:ops", &next.get().to_string(), message(next.get()), Timestamp::UNIX_EPOCH);
        store.push(&[entry], Timestamp::UNIX_EPOCH).unwrap()
    });
}

#[divan::bench(args = PLACES, sample_count = 20, sample_size = 1)]
fn a_thousand_in_a_commit(bencher: divan::Bencher<'_, '_>, place: &str) {
    let ((_directory, store), next) = (open(place), Cell::new(0));
    bencher.counter(divan::counter::ItemsCount::new(1_000_u32)).bench_local(|| {
        let entries: Vec<_> = (0..1_000)
            .map(|_| {
                next.set(next.get() + 1);
                NewEntry::send(
                    "slack:ops",
                    &next.get().to_string(),
                    message(next.get()),
                    Timestamp::UNIX_EPOCH,
                )
            })
            .collect();
        store.push(&entries, Timestamp::UNIX_EPOCH).unwrap().len()
    });
}

#[divan::bench(args = PLACES, sample_count = 20, sample_size = 50)]
fn a_failure_through_the_engine(bencher: divan::Bencher<'_, '_>, place: &str) {
    let ((_directory, store), next) = (open(place), Cell::new(0));
    let rules = Rules { channels: vec!["slack:ops".to_owned()], ..Rules::default() };
    bencher.counter(divan::counter::ItemsCount::new(1_u32)).bench_local(|| {
        next.set(next.get() + 1);
        let now = Timestamp::UNIX_EPOCH;
        let seen = Observation {
            id: format!("{}/failed", next.get()),
            subject: Subject::new(&format!("backup{}", next.get()), "web1"),
            at: now,
            kind: ObservationKind::Failed,
            message: message(next.get()),
        };
        store
            .transact(&mut |ledger| Engine::new("ops", &rules).observe(ledger, &seen, now).map(|_| ()))
            .unwrap();
    });
}
