//! `tf alert` and `tf hook`, on a host whose store and groups are files and all else a fake.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod host;

use host::{Host, check};
use jiff::{SignedDuration, Timestamp};
use taskflows_alerts::Message;
use taskflows_alerts::incident::{Engine, Observation, ObservationKind, Rules, Subject};
use taskflows_alerts::outbox::AlertStore as _;
use taskflows_store::Store;

const GROUPS: &str = r#"
[alerts.ops]
send_to = { type = "command", command = ["true"] }

[alerts.night]
send_to = { type = "command", command = ["sh", "-c", "echo no paper left >&2; exit 1"] }
fallback = "ops"

[[services]]
name = "nightly-backup"
start_command = "pg_dump --all"
start_schedule = "02:00"
alerts = ["ops", "night"]

[[services]]
name = "web"
start_command = "sleep infinity"
restart_policy = "always"
alerts = "ops"
"#;

fn noon() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn before(minutes: i64) -> Timestamp {
    noon().checked_sub(SignedDuration::from_mins(minutes)).unwrap()
}

fn host() -> Host {
    let mut host = Host::new();
    host.write("jobs.toml", GROUPS);
    host.tf("create jobs.toml");
    host.transcript.clear();
    host
}

/// Lets a service fail so many minutes before noon.
fn fail(host: &Host, service: &str, minutes: i64) {
    let at = before(minutes);
    let message = Message {
        title: format!("{service} failed: exit code 1"),
        severity: taskflows_alerts::Severity::Error,
        ..Message::default()
    };
    let seen = Observation {
        id: format!("{service}/{at}"),
        subject: Subject::new(service, "web1"),
        at,
        kind: ObservationKind::Failed,
        message,
    };
    let rules = Rules { channels: vec!["command:true".into()], ..Rules::default() };
    let store = Store::open(&host.app.data_directory).unwrap();
    store.transact(&mut |ledger| Engine::new("ops", &rules).observe(ledger, &seen, at).map(drop)).unwrap();
}

#[test]
fn what_is_wrong_is_listed_taken_on_and_closed() {
    let mut host = host();
    host.tf("alert list");
    fail(&host, "nightly-backup", 600);
    fail(&host, "nightly-backup", 30);
    fail(&host, "web", 2);
    host.tf("alert list");
    host.tf("alert ack 'nightly-*' --by Ann");
    host.tf("alert list");
    host.tf("alert list -o json");
    host.tf("alert ack nobody");
    host.tf("alert close nobody");
    host.tf("alert close nightly-backup web");
    host.tf("alert list");
    check!(host);
}

#[test]
fn silences_are_listed_and_ended() {
    let mut host = host();
    host.tf("alert silence web --for 2h --comment 'new disks' --by Ann");
    host.tf("alert silence 'nightly-*' --for 1d --kind missed --by Ann");
    host.tf("alert silence web --for 1h --kind mised");
    host.tf("alert list --silences");
    host.tf("alert list");
    host.tf("alert unsilence 1");
    host.tf("alert unsilence 1");
    host.tf("alert list --silences");
    check!(host);
}

#[test]
fn channels_are_listed_and_tested() {
    let mut host = Host::new();
    host.tf("alert list --channels");
    host.tf("alert test");
    host.write("jobs.toml", GROUPS);
    host.tf("create jobs.toml");
    host.tf("alert list --channels");
    host.tf("alert test ops");
    host.tf("alert test night");
    host.tf("alert test");
    host.tf("alert test dawn");
    host.tf("alert retry email:a@example.org");
    check!(host);
}

#[test]
fn the_hook_is_for_systemd_alone() {
    let mut host = host();
    host.tf("hook stopped web");
    check!(host);
}

#[test]
fn what_runs_for_good_is_well_once_it_has_run_for_some_minutes() {
    let mut host = host();
    host.tf("start web");
    for (since_failure, is_open) in [(0, true), (4, true), (5, false)] {
        fail(&host, "web", 0);
        let now = noon().checked_add(SignedDuration::from_mins(since_failure)).unwrap();
        host.app.now = std::sync::Arc::new(move || now);
        host.tf("monitor check");
        let store = Store::open(&host.app.data_directory).unwrap();
        let open = store.states().unwrap().iter().any(|(_, state)| state.incident().is_some());
        assert_eq!(open, is_open, "{since_failure} minutes later: {}", host.transcript);
    }
}

#[test]
fn a_removed_service_leaves_no_incident() {
    let mut host = host();
    fail(&host, "web", 10);
    fail(&host, "nightly-backup", 10);
    host.tf("remove web");
    host.tf("alert list");
    host.write("jobs.toml", &GROUPS.replace("[\"ops\", \"night\"]", "\"night\""));
    host.tf("create jobs.toml");
    host.tf("alert list");
    check!(host);
}

#[test]
fn the_sender_gives_up_what_a_program_refuses_and_tells_the_fallback() {
    let mut host = host();
    host.app.now = std::sync::Arc::new(Timestamp::now);
    let store = Store::open(&host.app.data_directory).unwrap();
    let now = Timestamp::now();
    let night = host_channel(&mut host, "night");
    let entry = taskflows_alerts::outbox::NewEntry::send(&night, "1", Message::default(), now);
    taskflows_alerts::outbox::Outbox::push(&store, &[entry], now).unwrap();
    host.transcript.clear();
    host.tf("alert send");
    assert!(host.transcript.contains("! Sent 1.\n! 1 could not be delivered"), "{}", host.transcript);
    host.transcript.clear();
    host.tf("alert list --channels -o json");
    assert!(host.transcript.contains("no paper left"), "{}", host.transcript);
}

/// Returns the channel of a group, as it is listed.
fn host_channel(host: &mut Host, group: &str) -> String {
    host.transcript.clear();
    host.tf("alert list --channels -o json");
    let json: String = host.transcript.lines().filter_map(|line| line.strip_prefix("| ")).collect();
    let list: serde_json::Value = serde_json::from_str(&json).unwrap();
    let of_group = |one: &&serde_json::Value| one["groups"][0] == group;
    list.as_array().unwrap().iter().find(of_group).unwrap()["channel"].as_str().unwrap().to_owned()
}
