//! `tf logging check` over a real journal, by the kit's own script, to a server with Loki's API; and with each stage broken in
//! turn. Between them stands, in place of Fluent Bit, what runs its script: Lua 5.1.

#[path = "kit/lua.rs"]
#[allow(dead_code, reason = "another test uses the rest of it")]
mod lua;

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lua::{Record, Sent, sent};
use serde_json::{Value, json};
use taskflows_tests::{ForwardReceiver, Forwarding, LiveManager, LokiStandIn, repository, tf_binary};

/// Nobody listens there.
const NOBODY: &str = "127.0.0.1:9";

/// All that a line goes through.
struct World {
    manager: LiveManager,
    loki: LokiStandIn,
}

/// What a check is told.
struct Check<'a> {
    world: &'a World,
    loki: String,
    fluent_bit: Option<String>,
    /// Commands before `tf`, in the manager's mount namespace.
    before: &'a str,
}

impl World {
    fn start() -> Self {
        Self { manager: LiveManager::start(), loki: LokiStandIn::start() }
    }

    fn check(&self) -> Check<'_> {
        Check { world: self, loki: self.loki.url(), fluent_bit: None, before: "" }
    }

    /// Does what Fluent Bit does, until it is told to end: what the journal and the forward input have goes through the
    /// script to Loki, once.
    fn pump(&self, receiver: &ForwardReceiver, is_over: &AtomicBool) {
        let (mut of_journal, mut of_programs) = (0, 0);
        while !is_over.load(Ordering::Relaxed) {
            let entries = self.journal();
            let messages = receiver.messages();
            let records = messages.iter().flat_map(|message| {
                message.entries.iter().map(|(sec, nsec, map)| Record::of_map("taskflows", (*sec, *nsec), map))
            });
            let records: Vec<Record> = records.collect();
            let new: Vec<Record> =
                entries[of_journal..].iter().chain(&records[of_programs..]).cloned().collect();
            (of_journal, of_programs) = (entries.len(), records.len());
            sent(&new).into_iter().flatten().for_each(|line| self.push(&line));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Returns the entries of checks as the input of Fluent Bit makes records of them: names in small letters.
    fn journal(&self) -> Vec<Record> {
        let mut command = self.manager.command("journalctl");
        command.arg(format!("--directory={}", self.manager.journal_directory().display()));
        command.args(["--quiet", "--output=json", "SYSLOG_IDENTIFIER=taskflows-logging-check"]);
        let output = command.output().unwrap();
        let record = |line: &str| {
            let entry: Value = serde_json::from_str(line).unwrap();
            let micros: i64 = entry["__REALTIME_TIMESTAMP"].as_str().unwrap().parse().unwrap();
            let fields = entry.as_object().unwrap().iter().filter(|(name, _)| !name.starts_with("__"));
            let fields = fields.map(|(name, value)| (name.to_lowercase(), value.clone()));
            Record::recorded(
                &json!({ "time_us": micros, "record": fields.collect::<serde_json::Map<_, _>>() }),
            )
        };
        String::from_utf8(output.stdout).unwrap().lines().map(record).collect()
    }

    fn push(&self, line: &Sent) {
        let time = format!("{}{:09}", line.sec, line.nsec);
        let stream = json!({ "stream": line.labels, "values": [[time, line.line]] });
        let answer = self.loki.ask("POST", "/loki/api/v1/push", &json!({ "streams": [stream] }).to_string());
        assert_eq!(answer.as_ref().map(|(status, _)| *status), Some(204), "{answer:?}");
    }
}

impl Check<'_> {
    /// Runs `tf logging check` and returns its exit code and its stages.
    fn run(&self, timeout: &str) -> (Option<i32>, Vec<Value>) {
        let manager = &self.world.manager;
        let mut command = Command::new(repository().join("scripts/user-manager"));
        command.arg("exec").arg(manager.home().parent().unwrap());
        command.args(["unshare", "--mount", "sh", "-c", &format!("{} exec \"$@\"", self.before), "sh"]);
        command.arg(tf_binary()).args(["logging", "check", "--timeout", timeout, "-o", "json"]);
        command.env("TASKFLOWS_JOURNAL_DIRECTORY", manager.journal_directory());
        command.env("TASKFLOWS_LOKI_URL", &self.loki).env_remove("TASKFLOWS_FLUENT_BIT");
        command.envs(self.fluent_bit.iter().map(|address| ("TASKFLOWS_FLUENT_BIT", address)));
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let stages = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        (output.status.code(), stages)
    }

    /// Checks that it fails, and which stages do; no other stage does.
    #[track_caller]
    fn fails_at(&self, expected: &[&str]) {
        let (code, stages) = self.run("1s");
        assert_eq!(with(&stages, "failed"), expected, "{stages:#?}");
        assert_eq!(code, Some(1), "{stages:#?}");
        for stage in stages.iter().filter(|stage| stage["result"] == "failed") {
            assert!(stage["hint"].is_string(), "{stage}");
        }
    }
}

/// Returns the stages that ended so.
fn with<'a>(stages: &'a [Value], result: &str) -> Vec<&'a str> {
    let stages = stages.iter().filter(|stage| stage["result"] == result);
    stages.map(|stage| stage["stage"].as_str().unwrap()).collect()
}

#[test]
fn a_line_goes_all_the_way_or_the_stage_is_named_where_it_stopped() {
    let world = World::start();
    let receiver = ForwardReceiver::start([Forwarding::Acknowledge]);
    let fluent_bit = Some(receiver.address().to_owned());

    let (is_over, well) = (AtomicBool::new(false), Check { fluent_bit: fluent_bit.clone(), ..world.check() });
    let (code, stages) = std::thread::scope(|scope| {
        let pump = scope.spawn(|| world.pump(&receiver, &is_over));
        let result = well.run("30s");
        is_over.store(true, Ordering::Relaxed);
        pump.join().unwrap();
        result
    });
    let all = ["journal", "forward", "Loki", "journal to Loki", "forward to Loki", "labels"];
    assert_eq!(with(&stages, "ok"), all, "{stages:#?}");
    // Neither Fluent Bit's server of HTTP nor Loki's figures are here.
    assert_eq!(with(&stages, "skipped"), ["Fluent Bit", "refused"], "{stages:#?}");
    assert_eq!(code, Some(0), "{stages:#?}");
    let labels = stages.iter().find(|stage| stage["stage"] == "labels").unwrap();
    assert!(labels["detail"].as_str().unwrap().contains(" labels, "), "{labels}");

    // Fluent Bit takes lines and sends none on.
    well.fails_at(&["journal to Loki", "forward to Loki"]);
    // It closes connections, or is not there.
    let closing = ForwardReceiver::start([Forwarding::CloseAfter(20)]);
    let closing = Check { fluent_bit: Some(closing.address().to_owned()), ..world.check() };
    closing.fails_at(&["forward", "journal to Loki"]);
    Check { fluent_bit: Some(NOBODY.to_owned()), ..world.check() }.fails_at(&["forward", "journal to Loki"]);
    // Without one a line is sent to Loki itself.
    let (code, stages) = world.check().run("30s");
    assert_eq!(with(&stages, "ok"), ["journal", "Loki", "push", "push to Loki", "labels"], "{stages:#?}");
    assert_eq!(code, Some(0), "{stages:#?}");
    // No journal takes entries.
    let hidden = "mount -t tmpfs none /run/systemd/journal;";
    Check { before: hidden, ..world.check() }.fails_at(&["journal"]);
    // Loki is not there.
    Check { loki: format!("http://{NOBODY}"), fluent_bit, ..world.check() }.fails_at(&["Loki"]);
}
