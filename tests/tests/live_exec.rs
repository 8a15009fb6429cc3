//! `tf exec` in units of a real manager: what reaches the journal, who is told of readiness, and what is kept.

use std::time::Duration;

use serde_json::Value;
use taskflows_tests::{LiveManager, tf_binary, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// Writes a unit by hand, as `task` in a definition would, and lets the manager read it.
fn unit(manager: &LiveManager, name: &str, directives: &str, options: &str, script: &str) -> String {
    let path = manager.write(&format!("{name}.sh"), script);
    let text = format!(
        "[Unit]\nX-Taskflows-Version=0.1.0\nX-Taskflows-Hash=by-hand\n[Service]\n{directives}\nSyslogIdentifier=taskflows-{name}\nKillMode=mixed\n\
         ExecStart={tf} exec --service {name} {options} -- sh {path}\n",
        tf = tf_binary().display(),
    );
    let unit = format!("taskflows-{name}.service");
    std::fs::create_dir_all(manager.unit_directory()).unwrap();
    std::fs::write(manager.unit_directory().join(&unit), text).unwrap();
    manager.systemctl(&["daemon-reload"]).expect(0);
    unit
}

/// Returns the entries of the journal that have a field of this value.
fn entries(manager: &LiveManager, field: &str) -> Vec<Value> {
    let mut journal = manager.command("journalctl");
    journal.arg(format!("--directory={}", manager.journal_directory().display()));
    let output = journal.args(["--no-pager", "--quiet", "--all", "--output=json", field]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn newest(manager: &LiveManager) -> Value {
    let output = manager.tf(&["history", "-n", "1", "-o", "jsonl"]).expect(0);
    serde_json::from_str(&output.stdout).unwrap_or_default()
}

#[test]
fn each_line_is_in_the_journal_once_with_the_fields_of_its_run() {
    let manager = LiveManager::start();
    let noted = manager.write("invocation", "");
    let script = "echo $INVOCATION_ID >NOTED\necho out $TASKFLOWS_ATTEMPT\necho '<3>bad' >&2\nprintf 'no end'\ntest $TASKFLOWS_ATTEMPT = 2\n";
    let script = script.replace("NOTED", &noted);
    let unit = unit(&manager, "lines", "Type=oneshot", "--retries 1 --backoff 10ms", &script);
    manager.systemctl(&["start", &unit]).expect(0);
    let run = newest(&manager);
    let id = run["id"].as_str().unwrap();
    assert_eq!((&run["outcome"], &run["attempts"]), (&"ok".into(), &2.into()));
    assert_eq!(std::fs::read_to_string(&noted).unwrap().trim(), id, "the run is the invocation");
    let unit_field = format!("_SYSTEMD_USER_UNIT={unit}");
    wait_until("the end is in the journal", SOON, || {
        entries(&manager, &unit_field).iter().any(|entry| entry["TASKFLOWS_EVENT"] == "finished")
    });
    let all = entries(&manager, &unit_field);
    let lines: Vec<_> = all.iter().filter(|entry| entry.get("TASKFLOWS_EVENT").is_none()).collect();
    let told = |entry: &&Value| {
        let field = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
        (field("MESSAGE"), field("PRIORITY"), field("TASKFLOWS_ATTEMPT"))
    };
    let wanted = ["1", "2"].iter().flat_map(|attempt| {
        [(format!("out {attempt}"), "6"), ("bad".to_owned(), "3"), ("no end".to_owned(), "6")]
            .map(|(message, priority)| (message, priority.to_owned(), (*attempt).to_owned()))
    });
    assert_eq!(lines.iter().map(told).collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
    for entry in &all {
        assert_eq!(entry["TASKFLOWS_RUN_ID"], id, "{entry}");
        assert_eq!(
            (&entry["TASKFLOWS_TASK"], &entry["SYSLOG_IDENTIFIER"]),
            (&"lines".into(), &"taskflows-lines".into())
        );
    }
    let events: Vec<_> = all.iter().filter_map(|entry| entry["TASKFLOWS_EVENT"].as_str()).collect();
    assert_eq!(events, ["started", "attempt-failed", "retrying", "finished"]);
    let end = all.last().unwrap();
    assert_eq!(
        (&end["TASKFLOWS_OUTCOME"], &end["TASKFLOWS_ATTEMPTS"], &end["TASKFLOWS_EXIT"]),
        (&"ok".into(), &"2".into(), &"0".into())
    );
    assert!(end["TASKFLOWS_DURATION_US"].as_str().unwrap().parse::<u64>().unwrap() > 10_000);
}

#[test]
fn a_short_run_loses_no_line_and_its_unit_is_known() {
    let manager = LiveManager::start();
    let unit = unit(&manager, "short", "Type=oneshot", "", "echo hello\n");
    for _ in 0..30 {
        manager.systemctl(&["start", &unit]).expect(0);
    }
    let of_unit = format!("_SYSTEMD_USER_UNIT={unit}");
    let count = |message: &str| {
        entries(&manager, &of_unit).iter().filter(|entry| entry["MESSAGE"] == message).count()
    };
    wait_until("every line is there", SOON, || count("hello") == 30);
    let is_end = |entry: &&Value| entry["TASKFLOWS_EVENT"] == "finished";
    assert_eq!(entries(&manager, &of_unit).iter().filter(is_end).count(), 30);
}

#[test]
fn a_run_that_was_killed_is_interrupted_and_one_that_was_stopped_leaves_no_failed_unit() {
    let manager = LiveManager::start();
    let unit = unit(&manager, "long", "", "--retries 2", "echo ready\nexec sleep 3411\n");
    let is_ready = || {
        entries(&manager, &format!("_SYSTEMD_USER_UNIT={unit}"))
            .iter()
            .filter(|entry| entry["MESSAGE"] == "ready")
            .count()
    };
    manager.systemctl(&["start", &unit]).expect(0);
    wait_until("it runs", SOON, || is_ready() == 1);
    assert_eq!(newest(&manager)["outcome"], "running");
    manager.systemctl(&["kill", "--kill-who=main", "--signal=KILL", &unit]).expect(0);
    wait_until("it is gone", SOON, || manager.property(&unit, "ActiveState") == "failed");
    assert_eq!(newest(&manager)["outcome"], "interrupted");
    manager.systemctl(&["start", &unit]).expect(0);
    wait_until("it runs again", SOON, || is_ready() == 2);
    manager.systemctl(&["stop", &unit]).expect(0);
    assert_eq!(manager.property(&unit, "ActiveState"), "inactive");
    let run = newest(&manager);
    assert_eq!((&run["outcome"], &run["reason"]), (&"interrupted".into(), &"stopped by SIGTERM".into()));
}

#[test]
fn readiness_and_watchdog_are_those_of_the_command() {
    let manager = LiveManager::start();
    let directives = "Type=notify\nNotifyAccess=all\nWatchdogSec=1s\nTimeoutStartSec=20s";
    let script = "sleep 0.3; systemd-notify --ready --status=serving\n\
                  for n in 1 2 3 4 5 6 7 8; do sleep 0.3; systemd-notify WATCHDOG=1; done\nexec sleep 3511\n";
    let unit = unit(&manager, "ready", directives, "", script);
    manager.systemctl(&["start", &unit]).expect(0);
    assert_eq!(manager.property(&unit, "ActiveState"), "active");
    assert_eq!(manager.property(&unit, "StatusText"), "serving");
    std::thread::sleep(Duration::from_millis(1_800));
    assert_eq!(manager.property(&unit, "ActiveState"), "active", "its watchdog was answered");
    wait_until("silence is noticed", SOON, || manager.property(&unit, "Result") == "watchdog");
}

#[test]
fn run_and_retry_start_the_service_and_are_told_from_its_timer() {
    let manager = LiveManager::start();
    let unit = unit(&manager, "job", "Type=oneshot", "", "echo working\nexit ${CODE:-3}\n");
    let output = manager.tf(&["run", "job"]).expect(3);
    assert_eq!(output.stdout.lines().filter(|line| *line == "working").count(), 1, "{}", output.stdout);
    let run = newest(&manager);
    let id = run["id"].as_str().unwrap().to_owned();
    assert_eq!(run["trigger"], "manual");
    assert!(output.stderr.contains(&id[..8]), "{}", output.stderr);
    manager.tf(&["retry", &id[..8]]).expect(3);
    let run = newest(&manager);
    assert_eq!((&run["trigger"], &run["retry_of"]), (&"retry".into(), &id.as_str().into()));
    manager.systemctl(&["start", &unit]);
    assert_eq!(newest(&manager)["trigger"], "unknown");
    let list = manager.tf(&["list", "-o", "json"]).expect(0);
    let list: Value = serde_json::from_str(&list.stdout).unwrap();
    assert_eq!(
        (&list[0]["last"]["result"], &list[0]["last"]["reason"]),
        (&"failed".into(), &"exit code 3".into())
    );
}
