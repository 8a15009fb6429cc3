use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use taskflows_alerts::{Channel, Command, Limits, Message};
use tempfile::TempDir;

use super::{SHORT, amend, assert_permanent, assert_transient, channel_within, message, notify};

fn shell(limits: Limits, script: &str, directory: &Path) -> Channel {
    channel_within(limits, Command::new(["/bin/sh", "-c", script, "sh", directory.to_str().unwrap()]))
}

fn patient(script: &str, directory: &Path) -> Channel {
    shell(Limits::default(), script, directory)
}

fn read(directory: &TempDir, name: &str) -> String {
    std::fs::read_to_string(directory.path().join(name)).unwrap()
}

#[tokio::test]
async fn a_program_is_told_by_json_and_by_its_environment() {
    let directory = TempDir::new().unwrap();
    let script = r#"cat > "$1/$TASKFLOWS_ALERT_KEY""#;
    let command = patient(script, directory.path());
    let receipt = notify(&command, &message()).await.unwrap();
    amend(&command, &receipt, &message()).await.unwrap();
    let first: Value = serde_json::from_str(&read(&directory, "key-1")).unwrap();
    assert_eq!(serde_json::from_value::<Message>(first["message"].clone()).unwrap(), message());
    let second: Value = serde_json::from_str(&read(&directory, "key-2")).unwrap();
    assert_eq!(second["amends"], "key-1");
}

#[tokio::test]
async fn the_exit_code_tells_whether_another_attempt_may_work() {
    let nowhere = PathBuf::from("/");
    let outcome = notify(&patient("echo busy >&2; exit 75", &nowhere), &message()).await;
    assert_transient(outcome, &["cannot now: busy", "command sh"]);
    let outcome = notify(&patient("echo no such pager >&2; exit 3", &nowhere), &message()).await;
    assert_permanent(outcome, &["exit code 3: no such pager"]);
    assert_permanent(notify(&patient("exit 1", &nowhere), &message()).await, &["exit code 1"]);
    assert_transient(notify(&patient("kill -9 $$", &nowhere), &message()).await, &["signal 9"]);
    let missing = channel_within(Limits::default(), Command::new(["/nowhere/pager"]));
    assert_permanent(notify(&missing, &message()).await, &["there is no such program"]);
}

#[tokio::test]
async fn a_program_that_reads_nothing_or_says_too_much_is_no_trouble() {
    let nowhere = PathBuf::from("/");
    let long = Message { title: "x".repeat(1_000_000), ..message() };
    notify(&patient("exit 0", &nowhere), &long).await.unwrap();
    notify(&patient("head -c 3000000 /dev/zero >&2; exit 0", &nowhere), &long).await.unwrap();
}

#[tokio::test]
async fn a_program_that_hangs_ends_with_all_that_it_started() {
    let directory = TempDir::new().unwrap();
    let script = r#"sleep 300 & echo $! > "$1/child"; echo $$ > "$1/own"; wait"#;
    let began = Instant::now();
    let outcome = notify(&shell(SHORT, script, directory.path()), &message()).await;
    assert_transient(outcome, &["no answer within"]);
    assert!(began.elapsed() < Duration::from_secs(5));
    for name in ["child", "own"] {
        await_the_end_of(read(&directory, name).trim()).await;
    }
}

#[tokio::test]
async fn what_a_program_leaves_behind_neither_lives_on_nor_holds_it_up() {
    let directory = TempDir::new().unwrap();
    let began = Instant::now();
    let script = r#"sleep 300 & echo $! > "$1/child"; exit 0"#;
    notify(&patient(script, directory.path()), &message()).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
    await_the_end_of(read(&directory, "child").trim()).await;
}

/// A process that nobody waits for may stay as a zombie.
async fn await_the_end_of(pid: &str) {
    for _ in 0..200 {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        if status.is_empty() || status.contains("State:\tZ") || status.contains("State:\tX") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("process {pid} lives");
}
