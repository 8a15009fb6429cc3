//! Every field of a service against a real manager: systemd understands it, and it does what it says.

use std::fs;
use std::time::Duration;

use jiff::Timestamp;
use taskflows_tests::{LiveManager, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// systemd tells of a line it does not understand in a warning only, and goes on without it.
#[test]
fn systemd_understands_every_line_we_write() {
    let manager = LiveManager::start();
    let mut text = include_str!("../../taskflows-core/tests/files/full.toml").to_owned();
    for (program, here) in [
        ("pg_dump", "true"),
        ("pg_ctl", "true"),
        ("curl", "true"),
        ("secrets.env", "/dev/null"),
        ("\"serve\"", "\"true\""),
    ] {
        text = text.replace(program, here);
    }
    let file = manager.write("full.toml", &text);
    manager.tf(&["create", &file]).expect(0);
    let units: Vec<String> = fs::read_dir(manager.unit_directory())
        .unwrap()
        .map(|entry| entry.unwrap().path().display().to_string())
        .filter(|path| path.ends_with(".service") || path.ends_with(".timer"))
        .collect();
    assert_eq!(units.len(), 9);
    // The next starts are those that systemd computed.
    let next = manager.tf(&["next", "nightly*", "-n", "1", "-o", "json"]).expect(0).stdout;
    let next: serde_json::Value = serde_json::from_str(&next).unwrap();
    let at: Timestamp = next[0]["at"].as_str().unwrap().parse().unwrap();
    let told = manager.property("taskflows-nightly_backup.timer", "NextElapseUSecRealtime");
    assert_eq!(told, at.strftime("%a %Y-%m-%d %H:%M:%S UTC").to_string());
    let mut verify = manager.command("systemd-analyze");
    let verified = verify.args(["--user", "--man=no", "verify"]).args(&units).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    let of_ours: Vec<&str> = said.lines().filter(|line| line.contains("taskflows-")).collect();
    assert!(of_ours.is_empty() && verified.status.success(), "{said}");
    // The manager has what the definition says.
    let unit = "taskflows-nightly_backup.service";
    assert_eq!(manager.property(unit, "RuntimeMaxUSec"), "1h 30min");
    assert_eq!(manager.property(unit, "Nice"), "5");
    assert_eq!(manager.property(unit, "Restart"), "on-failure");
    assert_eq!(manager.property(unit, "KillSignal"), "2");
    assert_eq!(
        manager.property(unit, "Requires").split(' ').find(|unit| unit.contains("poller")),
        Some("taskflows-poller.service")
    );
    let failure = manager.property(unit, "OnFailure");
    assert!(failure.contains("taskflows-daemon.service") && failure.contains("x2dby.device"), "{failure}");
    assert_eq!(manager.property("restart-taskflows-nightly_backup.timer", "RandomizedDelayUSec"), "5min");
    assert_eq!(manager.property("taskflows-daemon.service", "NotifyAccess"), "main");
    assert_eq!(manager.property("taskflows-daemon.service", "Restart"), "on-watchdog");
    assert_eq!(manager.property(unit, "Description"), "Copies 100% of the database");
    manager.tf(&["remove", "*", "--yes"]).expect(0);
}

#[test]
fn a_service_brings_along_what_it_requires_and_reads_its_credentials() {
    let manager = LiveManager::start();
    manager.write("token.txt", "s3cret 100%\n");
    let file = manager.write(
        "jobs.toml",
        r#"
[[services]]
name = "data base"
start_command = "sleep infinity"

[[services]]
name = "web"
start_command = ["sh", "-c", "cat $CREDENTIALS_DIRECTORY/token; exec sleep infinity"]
requires = "data base"
start_after = "data base"
credentials = { token = "token.txt" }
kill_signal = "SIGINT"

[[services]]
name = "alarm"
start_command = "echo alarmed"

[[services]]
name = "failing"
start_command = "false"
on_failure = "alarm"
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "web"]).expect(0);
    assert_eq!(manager.property("taskflows-data_base.service", "ActiveState"), "active");
    wait_until("the credential is read", SOON, || {
        manager.tf(&["logs", "web"]).stdout.contains("s3cret 100%")
    });
    for entry in fs::read_dir(manager.unit_directory()).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
        assert!(!text.contains("s3cret"), "a secret stands in a unit file");
    }
    // What is required stops: so does what requires it.
    manager.tf(&["stop", "data base"]).expect(0);
    wait_until("web stops too", SOON, || {
        manager.property("taskflows-web.service", "ActiveState") != "active"
    });
    manager.tf(&["start", "failing"]).expect(1);
    wait_until("the alarm is raised", SOON, || manager.tf(&["logs", "alarm"]).stdout.contains("alarmed"));
    manager.tf(&["remove", "*", "--yes"]).expect(0);
}

#[test]
fn a_service_that_hangs_is_ended_by_its_watchdog() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        r#"
[[services]]
name = "hangs"
start_command = ["sh", "-c", "systemd-notify --ready; exec sleep 60"]
watchdog = { interval = "1s", restart_on_hang = false }
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "hangs"]).expect(0);
    wait_until("the watchdog ends it", SOON, || manager.tf(&["status", "hangs"]).code == 3);
    let status = manager.tf(&["status", "hangs"]).expect(3).stdout;
    assert!(status.contains("did not answer its watchdog in time"), "{status}");
    manager.tf(&["remove", "hangs", "--yes"]).expect(0);
}
