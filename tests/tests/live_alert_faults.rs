//! What may go wrong between a run and those who are told of it: nothing is lost, nothing is told twice, and the run
//! itself is unharmed.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use taskflows_tests::{
    Answer, HttpReceiver, LiveManager, MailServer, Output, repository, tf_binary, wait_until,
};

const SOON: Duration = Duration::from_secs(30);
const GOOD: Answer = Answer::Http(200, "", "ok");

/// A manager whose service `broken` fails and whose service `good` does not.
struct Stage {
    manager: LiveManager,
}

impl Stage {
    /// Installs both with these groups; alerts are sent when the test says so.
    fn new(groups: &str) -> Self {
        let stage = Self { manager: LiveManager::start() };
        stage.create(groups);
        stage
            .manager
            .systemctl(&["stop", "own-taskflows-alerts.path", "own-taskflows-monitor.timer"])
            .expect(0);
        stage
    }

    fn create(&self, groups: &str) {
        let file = self.manager.write("jobs.toml", &format!("{groups}{SERVICES}"));
        self.manager.tf(&["create", &file]).expect(0);
    }

    fn data(&self) -> PathBuf {
        self.manager.home().join(".local/state/taskflows")
    }

    fn fail(&self) {
        self.manager.tf(&["start", "broken", "--wait"]);
    }

    fn send(&self) -> Output {
        self.manager.tf(&["alert", "send"])
    }

    fn channels(&self) -> Vec<Value> {
        let list = self.manager.tf(&["alert", "list", "--channels", "-o", "json"]).expect(0).stdout;
        serde_json::from_str(&list).unwrap()
    }

    /// Lets `broken` run and tells whether systemd sees of it what it is to see, and what the journal says.
    #[track_caller]
    fn is_unharmed(&self) -> String {
        let unit = "taskflows-broken.service";
        self.fail();
        assert_eq!(self.manager.property(unit, "Result"), "exit-code");
        assert_eq!(self.manager.property(unit, "ExecMainStatus"), "3");
        assert_eq!(self.manager.property(unit, "ActiveState"), "failed");
        self.manager.tf(&["start", "good", "--wait"]).expect(0);
        assert_eq!(self.manager.property("taskflows-good.service", "Result"), "success");
        assert_eq!(self.manager.property("taskflows-good.service", "ActiveState"), "inactive");
        self.journal()
    }

    fn journal(&self) -> String {
        let mut journal = self.manager.command("journalctl");
        journal.arg("--directory").arg(self.manager.journal_directory()).args(["-o", "cat"]);
        String::from_utf8_lossy(&journal.output().unwrap().stdout).into_owned()
    }

    /// Runs a script where the manager sees the files.
    fn within(&self, script: &str) {
        let directory = self.manager.home().parent().unwrap().to_owned();
        let mut command = Command::new(repository().join("scripts/user-manager"));
        command.arg("exec").arg(directory).args(["sh", "-ec", script, "sh"]).arg(self.data());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

const SERVICES: &str = r#"
[[services]]
name = "broken"
start_command = ["/bin/sh", "-c", "exit 3"]
alerts = "ops"

[[services]]
name = "good"
start_command = "true"
alerts = "ops"
"#;

fn webhook(receiver: &HttpReceiver) -> String {
    let to = format!(r#"{{ type = "webhook", url = "{}", allow_http = true }}"#, receiver.url());
    format!("[alerts.ops]\nsend_to = {to}\n")
}

fn keys(receiver: &HttpReceiver) -> Vec<String> {
    let key = |one: &taskflows_tests::Received| one.header("idempotency-key").unwrap().to_owned();
    receiver.received().iter().map(key).collect()
}

#[test]
fn what_a_killed_sender_left_is_sent_by_the_next_with_the_same_key() {
    let receiver = HttpReceiver::start([Answer::Mute]);
    let stage = Stage::new(&webhook(&receiver));
    stage.fail();
    let mut sender = stage.manager.command(tf_binary());
    let mut sender: Child = sender.args(["alert", "send"]).stderr(Stdio::null()).spawn().unwrap();
    wait_until("it is on its way", SOON, || receiver.received().len() == 1);
    sender.kill().unwrap();
    sender.wait().unwrap();
    receiver.answer([GOOD]);
    // Until the lease is over nobody knows that the sender is dead.
    assert!(stage.manager.tf(&["alert", "send", "--patience", "1s"]).stderr.contains("1 wait"));
    let script = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); \
        db.execute('UPDATE outbox SET leased_until = 1, not_before = 1'); db.commit()";
    let python = Command::new("python3").args(["-c", script]).arg(stage.data().join("state.db")).status();
    assert!(python.unwrap().success());
    assert!(stage.send().expect(0).stderr.contains("Sent 1."));
    assert!(stage.send().expect(0).stderr.contains("Nothing waits."));
    let keys = keys(&receiver);
    assert!(keys.len() == 2 && keys[0] == keys[1], "{keys:?}");
}

#[test]
fn a_slack_that_asks_to_wait_is_given_the_time() {
    let slow = Answer::Http(429, "Retry-After: 3\r\n", "");
    let sent =
        Answer::Http(200, "Content-Type: application/json\r\n", r#"{"ok":true,"channel":"C1","ts":"1.1"}"#);
    let slack = HttpReceiver::start([slow, sent]);
    let stage = Stage::new(&format!(
        "[alerts.ops]\nsend_to = {{ type = 'slack', channel = 'ops', api_url = '{}', bot_token = 'xoxb-1' }}\n",
        slack.url()
    ));
    stage.fail();
    assert!(stage.send().expect(0).stderr.contains("Sent 1."));
    let received = slack.received();
    assert_eq!(received.len(), 2, "{received:#?}");
    let wait = received[1].at.duration_since(received[0].at);
    assert!((Duration::from_secs(3)..Duration::from_secs(6)).contains(&wait), "{wait:?}");
}

#[test]
fn a_mail_server_that_is_busy_is_asked_again() {
    let (port, log) = busy_mail_server(2);
    let stage = Stage::new(&format!(
        "[alerts.ops]\nsend_to = {{ type = 'email', addr = 'a@example.org', password = 'x', receiver_addr = 'b@example.org', \
         smtp_server = 'localhost', smtp_port = {port}, tls = 'none' }}\n"
    ));
    stage.fail();
    assert!(stage.send().expect(0).stderr.contains("Sent 1."));
    let log = log.lock().unwrap().clone();
    assert_eq!(log, ["451", "451", "250"]);
}

/// A mail server that answers 451 to the first senders, and takes what comes then.
fn busy_mail_server(busy: usize) -> (u16, std::sync::Arc<std::sync::Mutex<Vec<&'static str>>>) {
    use std::io::{BufRead as _, BufReader};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let log = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = std::sync::Arc::clone(&log);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"220 localhost\r\n");
            let mut in_data = false;
            for line in BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok) {
                let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
                let answer = match (in_data, verb.as_str()) {
                    (true, _) if line == "." => {
                        in_data = false;
                        kept.lock().unwrap().push("250");
                        "250 taken\r\n"
                    }
                    (true, _) => continue,
                    (_, "EHLO") => "250-localhost\r\n250 AUTH PLAIN\r\n",
                    (_, "AUTH") => "235 welcome\r\n",
                    (_, "MAIL") if kept.lock().unwrap().len() < busy => {
                        kept.lock().unwrap().push("451");
                        "451 4.3.0 busy\r\n"
                    }
                    (_, "DATA") => {
                        in_data = true;
                        "354 go on\r\n"
                    }
                    _ => "250 fine\r\n",
                };
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    (port, log)
}

#[test]
fn a_wrong_password_is_told_through_the_fallback_and_where_channels_are_listed() {
    let mail = MailServer::start();
    let stage = Stage { manager: LiveManager::start() };
    let told = stage.manager.home().join("told");
    stage.create(&format!(
        r#"
[alerts.ops]
send_to = {{ type = "email", addr = "a@example.org", username = "alerts", password = "wr0ng", receiver_addr = "b@example.org", smtp_server = "localhost", smtp_port = {}, tls = "starttls", ca_file = "{}" }}
fallback = "pager"

[alerts.pager]
send_to = {{ type = "command", command = ["/bin/sh", "-c", "cat >> {}"] }}
"#,
        mail.starttls_port,
        mail.ca_file().display(),
        told.display()
    ));
    stage.fail();
    wait_until("the pager is told", SOON, || {
        fs::read_to_string(&told).is_ok_and(|text| text.contains("did not reach"))
    });
    let text = fs::read_to_string(&told).unwrap();
    assert!(text.contains("1 alert did not reach email:b@example.org"), "{text}");
    assert!(!text.contains("wr0ng"), "{text}");
    let channels = stage.channels();
    let channel = channels.iter().find(|one| one["channel"] == "email:b@example.org").unwrap();
    assert_eq!((&channel["undelivered"], &channel["queued"]), (&1.into(), &0.into()), "{channel}");
    let error = channel["last_error"].as_str().unwrap();
    assert!(error.contains("password") && !error.contains("wr0ng"), "{error}");
}

#[test]
fn a_full_disk_harms_no_run_and_is_told_in_the_journal() {
    let stage = Stage::new("[alerts.ops]\nsend_to = { type = 'command', command = ['true'] }\n");
    stage.fail();
    stage.within(
        "cp -a \"$1\" \"$1.kept\"; mount -t tmpfs -o size=2m tmpfs \"$1\"; cp -a \"$1.kept\"/* \"$1\"; \
         head -c 4000000 /dev/zero > \"$1/ballast\" || true",
    );
    let journal = stage.is_unharmed();
    assert!(journal.contains("full"), "{journal}");
    assert!(journal.contains(&stage.data().display().to_string()), "{journal}");
}

#[test]
fn damaged_files_harm_no_run_and_are_named() {
    for name in ["state.db", "alerts.json"] {
        let stage = Stage::new("[alerts.ops]\nsend_to = { type = 'command', command = ['true'] }\n");
        stage.fail();
        let path = stage.data().join(name);
        for more in ["state.db-wal", "state.db-shm"] {
            let _ = fs::remove_file(stage.data().join(more));
        }
        fs::write(&path, "{ neither JSON nor SQLite").unwrap();
        let journal = stage.is_unharmed();
        assert!(journal.contains(&path.display().to_string()), "{name}: {journal}");
        for command in [&["alert", "list"], &["alert", "send"]] {
            let output = stage.manager.tf(command);
            assert_ne!(output.code, 0);
            assert!(output.stderr.contains(&path.display().to_string()), "{}", output.stderr);
        }
    }
}

#[test]
fn a_mute_receiver_delays_no_run() {
    let receiver = HttpReceiver::start([GOOD]);
    let stage = Stage::new(&webhook(&receiver));
    stage.manager.systemctl(&["start", "own-taskflows-alerts.path"]).expect(0);
    let took = || {
        let began = Instant::now();
        stage.fail();
        began.elapsed()
    };
    let before = took();
    wait_until("it is told", SOON, || receiver.received().len() == 1);
    receiver.answer([Answer::Mute]);
    stage.manager.tf(&["start", "good", "--wait"]).expect(0);
    stage.manager.tf(&["alert", "close", "broken"]).expect(0);
    let mute = took();
    wait_until("the mute one is asked", SOON, || receiver.received().len() == 2);
    let during = took();
    for one in [mute, during] {
        assert!(one < before + Duration::from_secs(1), "{before:?}, then {one:?}");
    }
}

#[test]
fn fifty_failures_at_once_are_one_message() {
    let receiver = HttpReceiver::start([GOOD]);
    let stage = Stage::new(&webhook(&receiver));
    let hook = |number: u32| {
        let mut command = stage.manager.command(tf_binary());
        command.args(["hook", "stopped", "broken"]).env("INVOCATION_ID", format!("{number:032x}"));
        command.env("SERVICE_RESULT", "exit-code").env("EXIT_CODE", "exited").env("EXIT_STATUS", "3");
        command.stderr(Stdio::piped()).spawn().unwrap()
    };
    for round in 0..5 {
        let hooks: Vec<Child> = (1..=10).map(|number| hook(round * 10 + number)).collect();
        for one in hooks {
            let output = one.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    let list = stage.manager.tf(&["alert", "list", "-o", "json"]).expect(0).stdout;
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!((list.as_array().unwrap().len(), &list[0]["failures"]), (1, &50.into()), "{list}");
    assert!(stage.send().expect(0).stderr.contains("Sent 1."));
    assert_eq!(receiver.received().len(), 1);
}

#[test]
fn what_waits_for_a_group_that_is_gone_is_shown_and_holds_up_nobody() {
    let receiver = HttpReceiver::start([Answer::Http(503, "", "")]);
    let stage = Stage::new(&webhook(&receiver));
    stage.fail();
    let services = SERVICES.replace("alerts = \"ops\"", "alerts = \"other\"");
    let told = stage.manager.home().join("told");
    let to = format!("{{ type = 'command', command = ['touch', '{}'] }}", told.display());
    let other = format!("[alerts.other]\nsend_to = {to}\n");
    let file = stage.manager.write("jobs.toml", &format!("{other}{services}"));
    stage.manager.tf(&["create", &file]).expect(0);
    let list = stage.manager.tf(&["alert", "list", "-o", "json"]).expect(0).stdout;
    assert_eq!(list.trim(), "[]", "what nobody is told of any more is not open");
    // What changes services starts the sender as well.
    stage.fail();
    wait_until("the other group is told", SOON, || told.exists());
    wait_until("the sender is not started again", SOON, || !stage.data().join("outbox.due").exists());
    let channels = stage.channels();
    assert!(channels.iter().any(|one| one["queued"].as_u64() > Some(0)), "{channels:?}");
}

#[test]
fn the_incident_of_a_service_that_is_removed_is_closed_and_that_is_told() {
    let receiver = HttpReceiver::start([GOOD]);
    let stage = Stage::new(&webhook(&receiver));
    stage.fail();
    stage.send().expect(0);
    stage.manager.tf(&["remove", "broken"]).expect(0);
    let list = stage.manager.tf(&["alert", "list", "-o", "json"]).expect(0).stdout;
    assert_eq!(list.trim(), "[]");
    let closed = |one: &taskflows_tests::Received| one.body.contains("Closed by ");
    wait_until("it is told", SOON, || receiver.received().iter().any(closed));
}
