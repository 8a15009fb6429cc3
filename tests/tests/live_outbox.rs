//! The queue of alerts on a disk that is full: a tmpfs of its own, which takes root to mount.

use std::path::Path;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use taskflows_alerts::outbox::{NewEntry, Next, Outbox as _, Settlement};
use taskflows_alerts::{Message, Receipt};
use taskflows_store::Store;

/// Where the run of this program finds the small disk that the other run mounted for it.
const DISK: &str = "TASKFLOWS_TEST_SMALL_DISK";

fn entry(key: u32) -> NewEntry {
    let message = Message { title: "x".repeat(20_000), ..Message::default() };
    NewEntry::send("a", &key.to_string(), message, Timestamp::UNIX_EPOCH)
}

#[test]
fn on_a_small_disk() {
    let Some(disk) = std::env::var_os(DISK) else { return };
    let now = Timestamp::UNIX_EPOCH;
    let store = Store::open(Path::new(&disk)).unwrap();
    let mut kept = 0;
    let error = loop {
        match store.push(&[entry(kept)], now) {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 10_000, "the disk is full by now");
    };
    assert!(error.to_string().contains("state.db"), "{error}");
    assert!(kept > 0);
    drop(store);
    // Somebody makes room.
    std::fs::remove_file(Path::new(&disk).join("ballast")).unwrap();
    let store = Store::open(Path::new(&disk)).unwrap();
    let mut sent = 0;
    while let Next::Send(claim) = store.claim("a", now, SignedDuration::from_secs(60)).unwrap() {
        assert_eq!(claim.entry.new.key, sent.to_string());
        store.settle(&claim.entry, &Settlement::Sent(Receipt::default()), now).unwrap();
        sent += 1;
    }
    assert_eq!(sent, kept, "each that was said to be kept");
}

#[test]
fn a_full_disk_loses_nothing_that_was_kept() {
    let directory = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=12m tmpfs \"$1\" && head -c 6000000 /dev/zero >\"$1/ballast\" && \
        exec \"$2\" --exact on_a_small_disk --nocapture";
    let program = std::env::current_exe().unwrap();
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .args([directory.path(), program.as_path()])
        .env(DISK, directory.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
