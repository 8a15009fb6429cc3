//! Alerts from a definition to those who read them: systemd runs, the hook and `tf exec` queue, the sender brings it.

use std::time::Duration;

use serde_json::Value;
use taskflows_tests::{LiveManager, MailServer, SlackEmulator, wait_until};

const SOON: Duration = Duration::from_secs(30);
const RECEIVERS: [&str; 2] = ["someone@example.org", "someone.else@example.org"];

/// A manager with a channel of Slack and two mailboxes.
struct Stage {
    manager: LiveManager,
    slack: SlackEmulator,
    mail: MailServer,
}

impl Stage {
    fn start() -> Self {
        Self { manager: LiveManager::start(), slack: SlackEmulator::start(), mail: MailServer::start() }
    }

    /// The example of the README's section on alerts, by the servers of this stage.
    fn group(&self, name: &str, more: &str) -> String {
        let (user, password) = self.mail.credentials();
        format!(
            r#"
[alerts.{name}]
send_to = [
    {{ type = "slack", channel = "ops", api_url = "{}", bot_token = "{}" }},
    {{ type = "email", addr = "sender@example.org", username = "{user}", password = "{password}", receiver_addr = [
        "{}", "{}",
    ], smtp_server = "localhost", smtp_port = {}, tls = "starttls", ca_file = "{}" }},
]
{more}
"#,
            self.slack.api_url(),
            SlackEmulator::TOKEN,
            RECEIVERS[0],
            RECEIVERS[1],
            self.mail.starttls_port,
            self.mail.ca_file().display(),
        )
    }

    fn create(&self, definition: &str) {
        let file = self.manager.write("jobs.toml", definition);
        self.manager.tf(&["create", &file]).expect(0);
    }

    /// What stands in the channel, the oldest first.
    fn posts(&self) -> Vec<Value> {
        let list: Value = serde_json::from_str(&self.slack.call("conversations.list", "")).unwrap();
        let channel = list["channels"].as_array().unwrap().iter().find(|one| one["name"] == "ops").unwrap();
        let form = format!("channel={}", channel["id"].as_str().unwrap());
        let mut posts = messages(&self.slack, "conversations.history", &form);
        posts.reverse();
        posts
    }

    /// What stands below a post.
    fn replies(&self, post: &Value) -> Vec<Value> {
        let list: Value = serde_json::from_str(&self.slack.call("conversations.list", "")).unwrap();
        let channel = list["channels"].as_array().unwrap().iter().find(|one| one["name"] == "ops").unwrap();
        let (id, ts) = (channel["id"].as_str().unwrap(), post["ts"].as_str().unwrap());
        messages(&self.slack, "conversations.replies", &format!("channel={id}&ts={ts}")).split_off(1)
    }

    /// Waits for so many mails in each box, and returns those of each receiver, the oldest first.
    fn boxes(&self, count: usize) -> [Vec<Mail>; 2] {
        let mails: Vec<Mail> = self.mail.mails(count * 2).iter().map(|text| Mail::read(text)).collect();
        RECEIVERS.map(|receiver| {
            let own: Vec<Mail> = mails.iter().filter(|mail| mail.header("To") == receiver).cloned().collect();
            assert_eq!(own.len(), count, "{mails:#?}");
            let other = RECEIVERS.iter().find(|other| **other != receiver).unwrap();
            assert!(own.iter().all(|mail| !mail.0.contains(other)), "{own:#?}");
            own
        })
    }
}

fn messages(slack: &SlackEmulator, method: &str, form: &str) -> Vec<Value> {
    let answer: Value = serde_json::from_str(&slack.call(method, form)).unwrap();
    assert_eq!(answer["ok"], true, "{answer}");
    answer["messages"].as_array().unwrap().clone()
}

fn texts(posts: &[Value]) -> Vec<String> {
    posts.iter().map(|post| post["text"].as_str().unwrap_or_default().to_owned()).collect()
}

/// A mail with its lines unfolded and decoded.
#[derive(Clone, Debug)]
struct Mail(String);

impl Mail {
    fn read(text: &str) -> Self {
        // Quoted-printable: a line that ends in `=` goes on, `=3D` is a byte.
        let joined = text.replace("\r\n", "\n").replace("=\n", "").replace("\n ", " ");
        let mut bytes = Vec::new();
        let mut rest = joined.as_bytes();
        while let [first, more @ ..] = rest {
            let hex =
                more.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
            match (first, hex) {
                (b'=', Some(byte)) => {
                    bytes.push(byte);
                    rest = &more[2..];
                }
                _ => {
                    bytes.push(*first);
                    rest = more;
                }
            }
        }
        Self(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn header(&self, name: &str) -> &str {
        let found = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_else(|| panic!("no {name} in {}", self.0))
    }
}

#[test]
fn the_start_an_error_and_the_end_of_a_task_are_told_in_slack_and_to_each_mailbox() {
    let stage = Stage::start();
    let group = stage.group("critical", r#"send_on = ["start", "error", "finish"]"#);
    stage.create(&format!(
        r#"{group}
[[services]]
name = "some-task"
start_command = ["/bin/sh", "-c", "echo copying; echo password=hunter2; [ -e tried ] || {{ touch tried; exit 3; }}"]
working_directory = "{}"
task = {{ retries = 1, timeout = "30s", backoff = "1s", alerts = "critical" }}
"#,
        stage.manager.home().display()
    ));
    stage.manager.tf(&["start", "some-task", "--wait"]).expect(0);
    let [ours, others] = stage.boxes(3);
    for mails in [&ours, &others] {
        let subjects: Vec<&str> = mails.iter().map(|mail| mail.header("Subject")).collect();
        assert!(subjects[0].ends_with("some-task started"), "{subjects:?}");
        assert!(subjects[1].contains("some-task failed, attempt 1 of 2: exit code 3"), "{subjects:?}");
        assert!(subjects[2].contains("some-task finished after "), "{subjects:?}");
        let error = &mails[1].0;
        assert!(error.contains("copying\n"), "{error}");
        assert!(error.contains("password=****") && !error.contains("hunter2"), "{error}");
        assert!(error.contains("Attempt") && error.contains("1 of 2"), "{error}");
    }
    let posts = stage.posts();
    let said = texts(&posts);
    assert_eq!(said.len(), 3, "{said:#?}");
    assert!(said[0].contains("some-task started"), "{said:#?}");
    assert!(said[1].contains("some-task failed, attempt 1 of 2"), "{said:#?}");
    assert!(said[2].contains("some-task finished after"), "{said:#?}");
    let error = posts[1].to_string();
    assert!(error.contains("copying") && error.contains("password=****"), "{error}");
    assert!(!serde_json::to_string(&posts).unwrap().contains("hunter2"));
    let channels = stage.manager.tf(&["alert", "list", "--channels", "-o", "json"]).expect(0).stdout;
    let channels: Value = serde_json::from_str(&channels).unwrap();
    let waiting: Vec<&Value> = channels.as_array().unwrap().iter().map(|one| &one["queued"]).collect();
    assert_eq!(waiting, [0, 0, 0], "{channels}");
    let list = stage.manager.tf(&["alert", "list"]).expect(0);
    assert!(list.stderr.contains("Nothing is wrong"), "{}{}", list.stdout, list.stderr);
}

#[test]
fn a_failure_is_one_incident_that_is_taken_on_and_recovers_where_it_was_told() {
    let stage = Stage::start();
    stage.create(&format!(
        r#"{}
[[services]]
name = "nightly"
start_command = ["/bin/sh", "-c", "echo no space on /srv; [ -e good ] || exit 4"]
working_directory = "{}"
alerts = "ops"
"#,
        stage.group("ops", ""),
        stage.manager.home().display()
    ));
    stage.manager.tf(&["start", "nightly", "--wait"]);
    stage.boxes(1);
    wait_until("it stands in Slack", SOON, || stage.posts().len() == 1);
    // A second failure within the minute is no second message.
    stage.manager.tf(&["start", "nightly", "--wait"]);
    let list = stage.manager.tf(&["alert", "list", "-o", "json"]).expect(0);
    let list: Value = serde_json::from_str(&list.stdout).unwrap();
    assert_eq!((&list[0]["service"], &list[0]["failures"]), (&"nightly".into(), &2.into()), "{list}");
    stage.manager.tf(&["alert", "ack", "nightly", "--by", "Ann"]).expect(0);
    wait_until("Slack says who took it on", SOON, || stage.posts()[0].to_string().contains("Ann"));
    let post = stage.posts()[0].to_string();
    assert!(post.contains("nightly failed: exit code 4") && post.contains("no space on /srv"), "{post}");

    stage.manager.write("good", "");
    stage.manager.tf(&["start", "nightly", "--wait"]).expect(0);
    let [ours, others] = stage.boxes(2);
    for mails in [&ours, &others] {
        assert!(mails[1].header("Subject").contains("nightly"), "{mails:#?}");
        assert!(mails[1].0.contains("Downtime"), "{mails:#?}");
        assert_eq!(mails[1].header("In-Reply-To"), mails[0].header("Message-ID"));
        assert!(mails[1].header("References").contains(mails[0].header("Message-ID")));
    }
    wait_until("Slack has it below", SOON, || !stage.replies(&stage.posts()[0]).is_empty());
    let posts = stage.posts();
    assert_eq!(posts.len(), 1, "{posts:#?}");
    let amended = posts[0].to_string();
    assert!(amended.contains("Downtime") && amended.contains("nightly failed"), "{amended}");
    let replies = stage.replies(&posts[0]);
    assert_eq!(replies.len(), 1, "{replies:#?}");
    let list = stage.manager.tf(&["alert", "list", "-o", "json"]).expect(0);
    assert_eq!(list.stdout.trim(), "[]");
    if let Some(directory) = std::env::var_os("TASKFLOWS_TEST_KEEP") {
        let keep = |name: &str, text: String| {
            std::fs::write(std::path::Path::new(&directory).join(name), text).unwrap();
        };
        keep("slack.json", serde_json::to_string_pretty(&(&posts, &replies)).unwrap());
        stage.mail.mails(4).into_iter().enumerate().for_each(|(at, mail)| keep(&format!("{at}.eml"), mail));
    }
}
