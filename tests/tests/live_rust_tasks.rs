//! A program with a task, its alerts by a real mail server and an emulator of Slack.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use taskflows_tests::{MailServer, SlackEmulator, tf_binary, wait_until};

/// The example of the crate `taskflows`, which tests build with everything else.
fn program() -> Command {
    let path = tf_binary().with_file_name("examples").join("alerts");
    assert!(
        path.exists(),
        "{} is built by `cargo test --workspace`, or `cargo build --examples`",
        path.display()
    );
    let mut command = Command::new(path);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn by_mail(command: &mut Command, server: &MailServer, receivers: &str) {
    let (user, password) = server.credentials();
    command
        .env("EMAIL_ADDR", "tasks@x.org")
        .env("EMAIL_PWD", password)
        .env("EMAIL_TO", receivers)
        .env("SMTP_USER", user)
        .env("SMTP_SERVER", "localhost")
        .env("SMTP_PORT", server.tls_port.to_string())
        .env("SMTP_TLS", "implicit")
        .env("SMTP_CA", server.ca_file());
}

fn subject(mail: &str) -> String {
    mail.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned()
}

#[test]
fn the_start_the_error_and_the_end_are_told_to_everybody() {
    let (mail, slack) = (MailServer::start(), SlackEmulator::start());
    let data = tempfile::tempdir().unwrap();
    let mut command = program();
    by_mail(&mut command, &mail, "bob@x.org,eve@y.org");
    command
        .env("TASKFLOWS_DATA_DIR", data.path())
        .env("SLACK_CHANNEL", "ops")
        .env("SLACK_API", slack.api_url())
        .env("SLACK_BOT_TOKEN", SlackEmulator::TOKEN)
        .env("FAIL", "no space left, token=hunter2-secret");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("no space left"), "{said}");

    // Two attempts fail, so each is told of four times: the start, two errors, the end.
    let mails = mail.mails(8);
    for receiver in ["bob@x.org", "eve@y.org"] {
        let own = mails.iter().filter(|one| one.contains(&format!("\nTo: {receiver}")));
        let mut subjects: Vec<String> = own.map(|one| subject(one)).collect();
        subjects.sort();
        assert_eq!(subjects.len(), 4, "{subjects:?}");
        assert!(subjects.iter().any(|one| one == "some-task started"), "{subjects:?}");
        assert!(subjects.iter().any(|one| one.contains("attempt 1 of 2")), "{subjects:?}");
        assert!(
            subjects.iter().any(|one| one.starts_with("[ERROR] some-task failed: no space left")),
            "{subjects:?}"
        );
    }
    assert!(mails.iter().all(|one| !one.contains("hunter2-secret")));
    let list: Value = serde_json::from_str(&slack.call("conversations.list", "")).unwrap();
    let ops = list["channels"].as_array().unwrap().iter().find(|one| one["name"] == "ops").unwrap();
    let history = slack.call("conversations.history", &format!("channel={}", ops["id"].as_str().unwrap()));
    assert!(history.contains("some-task started") && history.contains("attempt 2 of 2"), "{history}");
    assert!(!history.contains("hunter2-secret"));

    // The history has the run, and nothing waits.
    let mut tf = Command::new(tf_binary());
    let told = tf.env("TASKFLOWS_DATA_DIR", data.path()).args(["history", "-o", "jsonl"]).output().unwrap();
    let run: Value = serde_json::from_slice(&told.stdout).unwrap_or_default();
    assert_eq!((&run["task"], &run["outcome"]), (&"some-task".into(), &"failed".into()), "{run}");
}

/// Takes connections and says nothing.
fn mute() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn what_a_killed_program_queued_the_next_one_sends_once() {
    let data = tempfile::tempdir().unwrap();
    let (_listener, port) = mute();
    let mail = MailServer::start();
    let mut command = program();
    by_mail(&mut command, &mail, "bob@x.org");
    command.env("TASKFLOWS_DATA_DIR", data.path()).env("SMTP_PORT", port.to_string());
    let mut child = command.spawn().unwrap();
    let database = data.path().join("state.db");
    let waiting = || {
        let mut tf = Command::new(tf_binary());
        tf.env("TASKFLOWS_DATA_DIR", data.path()).args(["alert", "list", "--channels", "-o", "json"]);
        let rows: Value = serde_json::from_slice(&tf.output().unwrap().stdout).unwrap_or_default();
        rows[0]["queued"].as_u64().unwrap_or_default()
    };
    wait_until("both alerts are queued", Duration::from_secs(20), || database.exists() && waiting() == 2);
    child.kill().unwrap();
    child.wait().unwrap();

    // The first message of the killed program is its own until its lease is over; the others wait behind it.
    let mut command = program();
    by_mail(&mut command, &mail, "bob@x.org");
    command.env("TASKFLOWS_DATA_DIR", data.path()).env("FLUSH_SECONDS", "150");
    let output = command.output().unwrap();
    assert!(output.status.success());
    assert_eq!(waiting(), 0, "{}", String::from_utf8_lossy(&output.stderr));
    let mails = mail.mails(4);
    let keys: Vec<String> = mails
        .iter()
        .filter_map(|one| one.lines().find_map(|line| line.strip_prefix("Message-ID: ")).map(str::to_owned))
        .collect();
    let unique: std::collections::BTreeSet<&String> = keys.iter().collect();
    assert_eq!(unique.len(), keys.len(), "{keys:?}");
}

#[test]
fn a_mute_receiver_delays_no_task_and_the_end_of_a_program_by_its_limit_only() {
    let data = tempfile::tempdir().unwrap();
    let (_listener, port) = mute();
    let mail = MailServer::start();
    let mut command = program();
    by_mail(&mut command, &mail, "bob@x.org");
    command.env("TASKFLOWS_DATA_DIR", data.path()).env("SMTP_PORT", port.to_string());
    let began = Instant::now();
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Hi.\n");
    assert!(output.status.success());
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}
