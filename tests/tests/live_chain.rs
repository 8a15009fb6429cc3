//! From a line in a program or a service to an answer of `tf`, with everything between that can be had.

#[path = "chain/agreement.rs"]
mod agreement;
#[path = "chain/bridge.rs"]
mod bridge;
#[path = "chain/faults.rs"]
mod faults;
#[path = "kit/lua.rs"]
#[allow(dead_code, reason = "the tests of the script use the rest of it")]
mod lua;
#[path = "chain/readers.rs"]
mod readers;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use taskflows_tests::{ForwardReceiver, Forwarding, LiveManager, LokiStandIn, tf_binary, wait_until};

const SOON: Duration = Duration::from_secs(60);

/// What the example says of its own accord: attempt, level, event.
const SAID: [(u64, &str, &str); 4] = [
    (1, "info", "copy_started"),
    (1, "warning", "disk_nearly_full"),
    (2, "info", "copy_started"),
    (2, "info", "files_copied"),
];

/// The example of the crate `taskflows`, which tests build with everything else.
fn program() -> PathBuf {
    let path = tf_binary().with_file_name("examples").join("logs");
    assert!(path.is_file(), "run `cargo build -p taskflows --examples`: {} is missing", path.display());
    path
}

/// Runs the example to its end; its second attempt succeeds.
fn run_program(variables: &[(&str, &str)]) {
    let mut command = Command::new(program());
    command.stdin(Stdio::null()).env("HOSTNAME", "web1").env_remove("TASKFLOWS_FLUENT_BIT");
    let output = command.envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs `tf` against a server, and returns the rows that it writes.
#[track_caller]
fn rows(command: &mut Command, server: &LokiStandIn, arguments: &[&str]) -> Vec<Value> {
    let output = command.env("TASKFLOWS_LOKI_URL", server.url()).args(arguments).args(["-o", "jsonl"]);
    let output = output.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Of lines of JSON, those that the example wrote itself, as [`SAID`] has them.
fn said(lines: &[Value]) -> Vec<(u64, &str, &str)> {
    let own = lines.iter().filter(|line| line["logger"] == "shop.copy");
    let text = |line: &'_ Value, key: &str| line[key].as_str().unwrap().to_owned();
    let known = |line: &Value| {
        let (level, event) = (text(line, "level_name"), text(line, "event"));
        let attempt = line["attempt"].as_u64().unwrap();
        *SAID.iter().find(|one| **one == (attempt, &*level, &*event)).unwrap_or_else(|| panic!("{line}"))
    };
    own.map(known).collect()
}

/// What every line has, wherever it arrives.
#[track_caller]
fn check_lines(lines: &[Value]) {
    assert_eq!(said(lines), SAID, "{lines:#?}");
    let run = &lines[0]["run_id"];
    assert_eq!(run.as_str().unwrap().len(), 32);
    for line in lines {
        assert_eq!(line["run_id"], *run, "{line}");
        for (key, value) in [("app", "copy-files"), ("environment", "production"), ("hostname", "web1")] {
            assert_eq!(line[key], value, "{line}");
        }
        let fingerprint = line["event_fingerprint"].as_str().unwrap();
        assert!(fingerprint.len() == 8 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    }
    let copied = lines.iter().find(|line| line["event"] == "files_copied").unwrap();
    assert_eq!(copied["context"]["files"], 12);
    assert_eq!(copied["context"]["target"], "/srv/backup");
    let noted = |event: &str| lines.iter().filter(|line| line["taskflows_event"] == event).count();
    assert_eq!((noted("attempt-failed"), noted("finished")), (1, 1), "{lines:#?}");
}

/// The run with its attempts and its outcome.
#[track_caller]
fn check_run(run: &Value) {
    assert_eq!((&run["task"], &run["outcome"]), (&"copy-files".into(), &"ok".into()), "{run}");
    assert_eq!((&run["attempts"], &run["max_attempts"]), (&2.into(), &2.into()), "{run}");
    let time = |key: &str| run[key].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(time("started") < time("ended"), "{run}");
}

#[track_caller]
fn check_attempts(run: &Value) {
    let attempted = run["attempted"].as_array().unwrap();
    let told: Vec<_> =
        attempted.iter().map(|one| (&one["number"], &one["outcome"], &one["reason"])).collect();
    let failed = "no space left".into();
    let expected = [(&1.into(), &"failed".into(), &failed), (&2.into(), &"ok".into(), &Value::Null)];
    assert_eq!(told, expected, "{run:#}");
}

#[test]
fn a_program_with_a_task_brings_its_lines_to_a_receiver_of_the_forward_protocol() {
    let receiver = ForwardReceiver::start([Forwarding::Forget, Forwarding::Acknowledge]);
    run_program(&[("TASKFLOWS_FLUENT_BIT", receiver.address())]);
    // Who does not acknowledge gets the same chunk again; the receiver checks that it is the same.
    let messages = receiver.messages();
    let taken: Vec<_> = messages.iter().filter(|message| message.is_acknowledged).collect();
    assert!(messages.len() > taken.len() && messages.iter().all(|message| message.tag == "taskflows"));
    let entries = taken.iter().flat_map(|message| &message.entries);
    let lines: Vec<Value> = entries.clone().map(|(_, _, record)| record.clone()).collect();
    check_lines(&lines);
    for (seconds, nanoseconds, record) in entries {
        let time = u64::from(*seconds) * 1_000_000_000 + u64::from(*nanoseconds);
        assert_eq!(record["timestamp_ns"].as_u64(), Some(time));
    }
}

#[test]
fn a_program_pushes_to_loki_and_tf_shows_its_lines_and_its_run() {
    let (server, data) = (LokiStandIn::start(), tempfile::tempdir().unwrap());
    run_program(&[("LOG_TO", "loki"), ("TASKFLOWS_LOKI_URL", &server.url())]);
    let tf = |arguments: &[&str]| {
        let mut command = Command::new(tf_binary());
        command.env("TASKFLOWS_DATA_DIR", data.path());
        rows(&mut command, &server, &[arguments, &["--source", "loki"]].concat())
    };
    wait_until("the run is over", SOON, || {
        tf(&["history", "copy-files"]).iter().any(|run| run["outcome"] == "ok")
    });
    let runs = tf(&["history"]);
    assert_eq!(runs.len(), 1, "{runs:#?}");
    check_run(&runs[0]);
    let id = runs[0]["id"].as_str().unwrap();
    check_attempts(&tf(&["history", &id[..8]])[0]);

    let found = tf(&["logs", "copy-files"]);
    let lines: Vec<Value> = found.iter().map(|row| row["fields"].clone()).collect();
    check_lines(&lines);
    assert!(found.iter().all(|row| row["run"] == id && row["name"] == "copy-files"), "{found:#?}");
    assert!(found.iter().all(|row| row["attempt"] == row["fields"]["attempt"]), "{found:#?}");
    let second = tf(&["logs", "copy-files", "--run", id, "--attempt", "2", "--grep", "shop.copy"]);
    assert_eq!(said(&second.iter().map(|row| row["fields"].clone()).collect::<Vec<_>>()), SAID[2..]);
    let graver = tf(&["logs", "copy-files", "--level", "warning", "--grep", "shop.copy"]);
    assert_eq!((graver.len(), &graver[0]["fields"]["event"]), (1, &"disk_nearly_full".into()), "{graver:#?}");
}

#[test]
fn a_program_writes_fields_to_the_journal_and_tf_shows_its_lines_and_its_run() {
    let manager = LiveManager::start();
    let definition = format!(
        "[[services]]\nname = \"copies\"\nstart_command = [\"{}\"]\nenv = {{ LOG_TO = \"journald\" }}\n",
        program().display()
    );
    let file = manager.write("jobs.toml", &definition);
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "--wait", "copies"]).expect(0);
    let entries = || bridge::entries(&manager).into_iter().filter(|entry| entry["APP"] == "copy-files");
    let own = || entries().filter(|entry| entry["LOGGER"] == "shop.copy").collect::<Vec<_>>();
    wait_until("its lines are in the journal", SOON, || own().len() == SAID.len());
    let run = own()[0]["TASKFLOWS_RUN_ID"].as_str().unwrap().to_owned();
    for (entry, (attempt, level, event)) in own().iter().zip(SAID) {
        let priority = if level == "warning" { "4" } else { "6" };
        for (field, value) in [
            ("MESSAGE", event),
            ("PRIORITY", priority),
            ("SYSLOG_IDENTIFIER", "copy-files"),
            ("TASKFLOWS_RUN_ID", &run),
            ("TASKFLOWS_ATTEMPT", &attempt.to_string()),
            ("CONTEXT_TARGET", "/srv/backup"),
            ("_TRANSPORT", "journal"),
            // The end of the program waits until journald has looked it up.
            ("_SYSTEMD_USER_UNIT", "taskflows-copies.service"),
        ] {
            assert_eq!(entry[field], value, "{field}: {entry:#}");
        }
        assert_eq!(entry["EVENT_FINGERPRINT"].as_str().unwrap().len(), 8);
    }
    let tf = |arguments: &[&str]| -> Vec<Value> {
        let output = manager.tf(&[arguments, &["-o", "jsonl"]].concat()).expect(0);
        output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let shown = tf(&["logs", "copies", "--grep", "^(copy_started|disk_nearly_full|files_copied)$"]);
    let shown: Vec<_> = shown
        .iter()
        .map(|row| (&row["run"], row["attempt"].as_u64(), row["level"].as_str(), row["message"].as_str()))
        .collect();
    let run = Value::from(run);
    let expected = SAID.map(|(attempt, level, event)| (&run, Some(attempt), Some(level), Some(event)));
    assert_eq!(shown, expected);
    let runs = tf(&["history", "copy-files", "--source", "journal"]);
    assert_eq!((runs.len(), &runs[0]["id"]), (1, &run), "{runs:#?}");
    check_run(&runs[0]);
    check_attempts(&tf(&["history", run.as_str().unwrap(), "--source", "journal"])[0]);
}

/// journald looks up the unit of a process when it takes its entry, and the identifier of such an entry is the program's, not
/// the service's. Where a program does not wait for that at its end, some of a hundred lose their last lines.
#[test]
fn the_last_lines_of_programs_that_write_to_the_journal_themselves_are_found() {
    const RUNS: usize = 60;
    let manager = LiveManager::start();
    let definition = format!(
        "[[services]]\nname = \"copies\"\nstart_command = [\"{}\"]\nenv = {{ LOG_TO = \"journald\" }}\n\
         systemd = {{ Unit = {{ StartLimitIntervalSec = 0 }} }}\n",
        program().display()
    );
    let file = manager.write("jobs.toml", &definition);
    manager.tf(&["create", &file]).expect(0);
    let script =
        format!("for n in $(seq {RUNS}); do systemctl --user start --wait taskflows-copies || exit 1; done");
    assert!(manager.command("sh").args(["-c", &script]).status().unwrap().success());
    let found = || {
        let found = manager.tf(&["logs", "copies", "--grep", "^files_copied$", "-n", "1000", "-o", "raw"]);
        found.expect(0).stdout.lines().count()
    };
    wait_until("every run's last line", SOON, || found() == RUNS);
}
