//! One `tf` and the API of another manager: what is asked about what is wrong, and how servers are named.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use serde_json::Value;
use taskflows_tests::{LiveManager, wait_until};

const SOON: Duration = Duration::from_secs(20);

const JOBS: &str = r#"
version = 1

[[services]]
name = "fails"
start_command = ["sh", "-c", "echo reading; exit 3"]
alerts = ["ops"]

[[services]]
name = "web"
start_command = "sleep infinity"

[alerts.ops]
send_to = { type = "webhook", url = "http://127.0.0.1:9/x" }
"#;

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A manager whose API answers, one that knows it as `web1`, and the address.
fn two() -> (LiveManager, LiveManager, String) {
    let (server, desk) = (LiveManager::start(), LiveManager::start());
    let address = format!("127.0.0.1:{}", free_port());
    server.tf(&["security", "setup"]).expect(0);
    let settings = std::fs::read_to_string(server.home().join(".services/security.json")).unwrap();
    desk.tf_with(&["security", "set-secret", "-"], &settings).expect(0);
    server.tf(&["api", "start", "--listen", &address]).expect(0);
    let told = desk.tf(&["server", "add", "web1", &address]).expect(0).stderr;
    assert!(told.contains(", id "), "the id that is kept is shown: {told}");
    (server, desk, address)
}

#[test]
fn what_is_wrong_on_another_server_is_told_and_answered_from_here() {
    let (_server, desk, _) = two();
    desk.write("jobs.toml", JOBS);
    desk.tf(&["create", "jobs.toml", "-s", "web1"]).expect(0);
    desk.tf(&["run", "fails", "-s", "web1"]).expect(3);
    let incidents = || -> Vec<Value> {
        let told = desk.tf(&["alert", "list", "-s", "web1", "-o", "json"]).expect(0).stdout;
        serde_json::from_str(&told).unwrap()
    };
    wait_until("the alert is open", SOON, || !incidents().is_empty());
    assert_eq!(incidents()[0]["service"], "fails");

    let why = desk.tf(&["why", "web1/fails"]).expect(0).stdout;
    assert!(why.starts_with("fails: failed") && why.contains("exit code 3"), "{why}");
    let doctor = desk.tf(&["doctor", "-s", "web1"]).expect(1).stdout;
    assert!(doctor.contains("taskflows-fails.service: has failed"), "{doctor}");

    desk.tf(&["alert", "ack", "fails", "-s", "web1", "--by", "ann"]).expect(0);
    assert_eq!(incidents()[0]["acked_by"], "ann (signed)", "it says how it is known");
    desk.tf(&["alert", "silence", "web*", "--for", "2h", "-s", "web1"]).expect(0);
    desk.tf(&["alert", "unsilence", "1", "-s", "web1"]).expect(0);
    desk.tf(&["alert", "close", "fails", "-s", "web1"]).expect(0);
    assert!(incidents().is_empty());

    // What is refused there is told as it is here, and a hint says where.
    let long = "x".repeat(5000);
    for (line, code, words) in [
        (&["alert", "silence", "web", "--for", "1h", "--comment", &long][..], 2, "`comment` has at most"),
        (&["alert", "ack", "nobody"], 4, "hint: `tf alert list -s web1` shows"),
        (&["alert", "unsilence", "77"], 4, "hint: `tf alert list --silences -s web1` shows"),
        (&["alert", "test", "nobody"], 4, "there is ops"),
        (&["alert", "test", "ops"], 1, ""),
        (&["why", "another"], 4, "hint: `tf list -s web1` shows"),
        (&["why", "fials"], 4, "hint: did you mean `fails`?"),
        (&["env", "show", "nothing"], 4, "hint: `tf env list -s web1` shows"),
    ] {
        let told = desk.tf(&[line, &["-s", "web1"]].concat()).expect(code).stderr;
        assert!(told.contains(words), "{line:?}: {told}");
    }
    // Nothing of it was about this host.
    assert_eq!(desk.tf(&["list", "-s", "local", "-o", "name"]).expect(0).stdout, "");
}

#[test]
fn a_server_is_known_by_its_id_and_is_not_ended_by_a_pattern() {
    let (server, desk, address) = two();
    desk.tf(&["server", "test", &address]).expect(0);
    desk.tf(&["list", "-s", &address]).expect(0);
    desk.write("jobs.toml", JOBS);
    desk.tf(&["create", "jobs.toml", "-s", "web1", "-s", "local"]).expect(0);
    let names = desk.tf(&["list", "-s", "web1", "-s", "local", "-o", "name"]).expect(0).stdout;
    assert_eq!(names.lines().count(), 4, "{names}");
    let here = names.lines().find(|name| name.ends_with("/web") && !name.starts_with("web1/")).unwrap();
    // What is written can be given back.
    desk.tf(&["start", here, "web1/web"]).expect(0);
    desk.tf(&["stop", "web1/web"]).expect(0);
    desk.tf(&["status", here]).expect(0);
    desk.tf(&["status", "web1/web"]).expect(3);
    desk.tf(&["remove", "*", "-s", "@all", "--yes"]).expect(0);
    assert_eq!(desk.tf(&["list", "-s", "web1", "--all", "-o", "name"]).expect(0).stdout, "srv-api\n");
    let told = desk.tf(&["remove", "srv-api", "-s", "web1"]).expect(1).stderr;
    assert!(told.contains("remove it on its own host"), "{told}");

    // Not asked before: it is asked for its id once, which is kept.
    desk.tf(&["server", "remove", "web1"]).expect(0);
    desk.tf(&["list", "-s", "web1"]).expect(4);
    desk.tf(&["server", "add", "web1", &address, "--offline"]).expect(0);
    assert!(desk.tf(&["server", "test"]).expect(0).stderr.contains("Kept the id of web1"));
    // By its address it is no second server, and another server has none of its ids.
    let other = address.replace("127.0.0.1", "localhost");
    let told = desk.tf(&["server", "add", "web2", &other]).expect(1).stderr;
    assert!(told.contains("has the id of `web1`"), "{told}");
    let told = desk.tf(&["list", "-s", &other]).expect(5).stderr;
    assert!(told.contains("says that it is `web1`") && told.contains("-s web1"), "{told}");
    drop(server);
}
