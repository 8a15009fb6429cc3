//! `tf monitor` against a real manager: what is missed is found, what is well is not, and it is well again when mended.

use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use taskflows_tests::{LiveManager, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// What one look finds, as `state reason service`.
#[track_caller]
fn check(manager: &LiveManager, exit: i32) -> Vec<String> {
    let found = manager.tf(&["monitor", "check", "--all", "-o", "json"]).expect(exit).stdout;
    let found: Value = serde_json::from_str(&found).unwrap();
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let told =
        |one: &Value| format!("{} {} {}", word(one, "state"), word(one, "reason"), word(one, "service"));
    found.as_array().unwrap().iter().map(told).collect()
}

fn ahead(seconds: i64) -> Timestamp {
    Timestamp::now().checked_add(SignedDuration::from_secs(seconds)).unwrap()
}

fn calendar(time: Timestamp) -> String {
    time.strftime("*-*-* %H:%M:%S UTC").to_string()
}

fn sleep_until(time: Timestamp) {
    std::thread::sleep(Duration::try_from(time.duration_since(Timestamp::now())).unwrap_or_default());
}

/// A group that tells a file, with a grace of a second.
const GROUP: &str = r#"
[alerts.ops]
send_to = { type = "command", command = ["true"] }
missed_after = "1s"
slow_after = "2s"
"#;

fn service(name: &str, command: &str, schedule: &str) -> String {
    format!(
        "\n[[services]]\nname = \"{name}\"\nstart_command = \"{command}\"\nstart_schedule = {schedule}\nalerts = \"ops\"\n"
    )
}

fn create(manager: &LiveManager, services: &[String]) {
    let file = manager.write("jobs.toml", &format!("{GROUP}{}", services.concat()));
    manager.tf(&["create", &file]).expect(0);
    // Ours looks when the test says so.
    manager.systemctl(&["stop", "own-taskflows-monitor.timer"]).expect(0);
}

#[test]
fn a_dead_timer_is_found_and_well_again_when_it_runs() {
    let manager = LiveManager::start();
    create(&manager, &[service("good", "true", r#""*:*:0/2""#), service("stopped", "true", r#""daily""#)]);
    sleep_until(ahead(3));
    assert_eq!(check(&manager, 0), [""; 0]);
    manager.systemctl(&["stop", "taskflows-stopped.timer"]).expect(0);
    assert_eq!(check(&manager, 1), ["missed timer-dead stopped"]);
    assert_eq!(check(&manager, 1), ["missed timer-dead stopped"]);
    manager.tf(&["enable", "stopped"]).expect(0);
    assert_eq!(check(&manager, 0), ["settled timer-dead stopped"]);
    assert_eq!(check(&manager, 0), [""; 0]);
    manager.tf(&["disable", "stopped"]).expect(0);
    assert_eq!(check(&manager, 0), [""; 0], "what is switched off is meant to be off");
}

#[test]
fn what_was_due_while_the_manager_was_off_is_found() {
    let mut manager = LiveManager::start();
    let due = ahead(8);
    let schedule = |persistent| format!(r#"{{ schedule = "{}", persistent = {persistent} }}"#, calendar(due));
    create(
        &manager,
        &[
            service("made-up-for", "true", &schedule(true)),
            service("lost", "true", &schedule(false)),
            service("later", "true", r#""*-01-01""#),
        ],
    );
    assert_eq!(check(&manager, 0), [""; 0]);
    let until = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(due.as_second()).unwrap() + 2);
    manager.off_until(until);
    manager.systemctl(&["stop", "own-taskflows-monitor.timer"]).expect(0);
    wait_until("what is persistent is made up for", SOON, || {
        !manager.property("taskflows-made-up-for.timer", "LastTriggerUSec").is_empty()
    });
    // The monitor's own timer may have looked first.
    assert_eq!(check(&manager, 1), ["missed host-off lost"]);
    manager.tf(&["start", "lost", "--wait"]).expect(0);
    assert_eq!(check(&manager, 0), ["settled host-off lost"]);
}

#[test]
fn a_run_that_takes_too_long_is_found_until_it_is_over() {
    let manager = LiveManager::start();
    create(&manager, &[service("long", "sleep 60", r#""*-01-01""#)]);
    manager.tf(&["start", "long"]).expect(0);
    assert_eq!(check(&manager, 0), [""; 0]);
    sleep_until(ahead(3));
    assert_eq!(check(&manager, 1), ["slow slow long"]);
    manager.tf(&["stop", "long"]).expect(0);
    assert_eq!(check(&manager, 0), ["settled slow long"]);
    assert_eq!(check(&manager, 0), [""; 0]);
}

#[test]
fn systemd_looks_each_minute_and_the_doctor_tells_when_it_stopped() {
    let manager = LiveManager::start();
    create(&manager, &[service("good", "true", r#""daily""#)]);
    manager.systemctl(&["start", "own-taskflows-monitor.service"]).expect(0);
    let status = manager.tf(&["monitor", "status"]).expect(0);
    assert!(status.stderr.contains("It last looked"), "{}", status.stderr);
    let memory = manager.home().join(".local/state/taskflows/monitor.json");
    let text = std::fs::read_to_string(&memory).unwrap();
    let kept: Value = serde_json::from_str(&text).unwrap();
    let last = kept["last_look"].as_str().unwrap();
    let long_ago = Timestamp::now().checked_sub(SignedDuration::from_mins(7)).unwrap().to_string();
    std::fs::write(&memory, text.replace(last, &long_ago)).unwrap();
    let doctor = manager.tf(&["doctor"]);
    assert!(doctor.stdout.contains("own-taskflows-monitor.timer: last looked"), "{}", doctor.stdout);
}
