//! The audit log: what is written, how it is found again, and what happens where it cannot be written.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use taskflows_security::{AuditLog, AuditQuery, AuditRecord, AuditResult, Role};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn record(second: i64, who: &str, action: &str, result: AuditResult) -> AuditRecord {
    AuditRecord::new(at(second), action, result).by(who, Role::Admin)
}

fn seconds(log: &AuditLog, query: &AuditQuery) -> Vec<i64> {
    log.read(query).unwrap().iter().map(|record| record.time.as_second() - 1_800_000_000).collect()
}

#[test]
fn what_is_written_is_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let log = AuditLog::new(directory.path().join("data"));
    assert!(log.read(&AuditQuery::default()).unwrap().is_empty());
    let full = AuditRecord {
        claimed: Some("ada".to_owned()),
        address: Some("10.0.0.7".to_owned()),
        request_id: Some("r-1".to_owned()),
        target: vec!["web".to_owned()],
        reason: Some("a\nline \" \u{1b}[2J".to_owned()),
        ..record(1, "signed", "start", AuditResult::Failed)
    };
    log.begin(&record(0, "grace", "security.setup", AuditResult::Begun)).unwrap();
    log.append(&full).unwrap();
    log.append(&AuditRecord::new(at(2), "POST /api/apply", AuditResult::Refused)).unwrap();
    log.append(&record(3, "grace", "security.setup", AuditResult::Done)).unwrap();
    let all = log.read(&AuditQuery::default()).unwrap();
    assert_eq!((all.len(), &all[1]), (4, &full));
    let query = AuditQuery::default;
    assert_eq!(seconds(&log, &AuditQuery { since: Some(at(2)), ..query() }), [2, 3]);
    assert_eq!(seconds(&log, &AuditQuery { who: Some("ada".to_owned()), ..query() }), [1]);
    assert_eq!(seconds(&log, &AuditQuery { who: Some("grace".to_owned()), ..query() }), [0, 3]);
    assert_eq!(seconds(&log, &AuditQuery { action: Some("security".to_owned()), ..query() }), [0, 3]);
    assert_eq!(seconds(&log, &AuditQuery { action: Some("/apply".to_owned()), ..query() }), [2]);
    assert_eq!(seconds(&log, &AuditQuery { failed: true, ..query() }), [1, 2]);
    assert_eq!(seconds(&log, &AuditQuery { limit: Some(2), ..query() }), [2, 3]);
    for name in ["audit.jsonl", "audit-strangers.jsonl"] {
        let about = directory.path().join("data").join(name).metadata().unwrap();
        assert_eq!(about.permissions().mode() & 0o7777, 0o600);
    }
}

#[test]
fn a_line_that_was_cut_off_costs_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let log = AuditLog::new(directory.path());
    log.append(&record(0, "a", "start", AuditResult::Done)).unwrap();
    let path = directory.path().join("audit.jsonl");
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"time\":\"2027-01-15T08:00:01Z\",\"who\":\"b\",\"act").unwrap();
    assert_eq!(seconds(&log, &AuditQuery::default()), [0]);
    log.append(&record(2, "a", "start", AuditResult::Done)).unwrap();
    file.write_all(&[b'x'; 200_000]).unwrap();
    file.write_all(b"\n\xff\xfe\n\n").unwrap();
    log.append(&record(3, "a", "start", AuditResult::Done)).unwrap();
    assert_eq!(seconds(&log, &AuditQuery::default()), [0, 2, 3]);
}

#[test]
fn files_are_put_aside_and_strangers_push_out_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let log = AuditLog::new(directory.path()).with_largest(4_096);
    log.append(&record(0, "a", "start", AuditResult::Done)).unwrap();
    for second in 0..2_000 {
        let refused = AuditRecord::new(at(second), "POST /api/apply", AuditResult::Refused);
        log.append(&AuditRecord { reason: Some("x".repeat(5_000)), ..refused }).unwrap();
    }
    let sizes: Vec<u64> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|one| one.unwrap().metadata().unwrap().len())
        .collect();
    assert!(sizes.len() <= 7 && sizes.iter().all(|size| *size < 5_000), "{sizes:?}");
    assert_eq!(seconds(&log, &AuditQuery { who: Some("a".to_owned()), ..AuditQuery::default() }), [0]);
    assert_eq!(seconds(&log, &AuditQuery { limit: Some(3), ..AuditQuery::default() }), [1_997, 1_998, 1_999]);
}

#[test]
fn many_who_write_at_once_lose_no_record() {
    let directory = tempfile::tempdir().unwrap();
    let log = AuditLog::new(directory.path());
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let log = &log;
            scope.spawn(move || {
                for second in 0..50 {
                    log.append(&record(second, &format!("w{writer}"), "start", AuditResult::Done)).unwrap();
                }
            });
        }
    });
    assert_eq!(log.read(&AuditQuery::default()).unwrap().len(), 400);
}

#[test]
fn a_record_that_cannot_be_written_is_told_before_the_change() {
    let directory = tempfile::tempdir().unwrap();
    let log = AuditLog::new(directory.path());
    let path = directory.path().join("audit.jsonl");
    std::os::unix::fs::symlink("elsewhere", &path).unwrap();
    let error = log.begin(&record(0, "a", "start", AuditResult::Begun)).unwrap_err();
    assert!(error.to_string().contains("could not write the audit log"), "{error}");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(log.begin(&record(0, "a", "start", AuditResult::Begun)).is_err());
}

#[test]
fn each_record_is_told_to_another_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&told);
    let log = AuditLog::new(directory.path())
        .with(Arc::new(move |record: &AuditRecord| kept.lock().unwrap().push(record.action.clone())));
    log.begin(&record(0, "a", "start", AuditResult::Begun)).unwrap();
    log.append(&record(0, "a", "start", AuditResult::Done)).unwrap();
    assert_eq!(*told.lock().unwrap(), ["start", "start"]);
}
