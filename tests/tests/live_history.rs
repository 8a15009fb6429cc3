//! Every run of every service, as the store and the journal of a real manager tell of it.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use taskflows_tests::{LiveManager, repository, tf_binary, wait_until};

const SOON: Duration = Duration::from_secs(30);

const DEFINITION: &str = r#"
version = 1

[[services]]
name = "ok"
start_command = ["/bin/sh", "-c", "echo fine"]

[[services]]
name = "bad"
start_command = ["/bin/sh", "-c", "echo words of woe; exit 3"]

[[services]]
name = "killed"
start_command = ["/bin/sh", "-c", "kill -9 $$"]

[[services]]
name = "slow"
start_command = ["/bin/sleep", "3711"]
timeout = "300ms"

[[services]]
name = "unprepared"
start_command = ["/bin/true"]
systemd = { Service = { ExecStartPre = "/bin/false" } }

[[services]]
name = "elsewhere"
start_command = ["/bin/sh", "-c", "exit 4"]
env = { HOME = "/nowhere", XDG_STATE_HOME = "/nowhere/state", XDG_CONFIG_HOME = "/nowhere/config" }

[[services]]
name = "task-elsewhere"
start_command = ["/bin/sh", "-c", "test $HOME = /nowhere"]
env = { HOME = "/nowhere", TASKFLOWS_DATA_DIR = "/nowhere/data" }
task = {}

[[services]]
name = "server"
start_command = ["/bin/sleep", "3712"]

[[services]]
name = "again"
start_command = ["/bin/sh", "-c", "exit 5"]
restart_policy = { condition = "on-failure", delay = "100ms", max_attempts = 2, window = "1min" }

[[services]]
name = "tried"
start_command = ["/bin/sh", "-c", "echo try; test $TASKFLOWS_ATTEMPT = 3"]
task = { retries = 2, backoff = "20ms" }

[[services]]
name = "late"
start_command = ["/bin/sleep", "3713"]
task = { timeout = "200ms", kill_after = "1s" }

[[services]]
name = "driver"
start_command = ["/bin/sleep", "3714"]
task = {}

[[services]]
name = "timed"
start_command = ["/bin/true"]
start_schedule = { schedule = "*:*:0/2" }

[[services]]
name = "unwanted"
start_command = ["/bin/true"]
systemd = { Unit = { ConditionPathExists = "/nowhere/at/all" } }
"#;

/// Runs `tf` beside the manager as a user of a name; in its mount namespace, where its journal is.
fn tf_as_ada(manager: &LiveManager, arguments: &[&str]) -> String {
    let directory = manager.home().parent().map(PathBuf::from).unwrap();
    let mut command = manager.command(repository().join("scripts/user-manager"));
    command.arg("exec").arg(directory).args(["env", "USER=ada"]).arg(tf_binary()).args(arguments);
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn history(manager: &LiveManager, arguments: &[&str]) -> Vec<Value> {
    let output = manager.tf(&[&["history", "-n", "200", "-o", "json"], arguments].concat()).expect(0);
    serde_json::from_str(&output.stdout).unwrap()
}

/// What both sources must say alike of a run.
fn told(run: &Value) -> Value {
    let mut run = run.clone();
    for own in ["command", "directory"] {
        run[own] = Value::Null;
    }
    run
}

fn of<'a>(runs: &'a [Value], task: &str) -> Vec<&'a Value> {
    runs.iter().filter(|run| run["task"] == task).collect()
}

fn words(run: &Value) -> (&str, &str, &str) {
    let text = |name: &str| run[name].as_str().unwrap_or("-");
    (text("outcome"), text("reason"), text("exit"))
}

fn is_quiet(manager: &LiveManager) -> bool {
    let runs = history(manager, &[]);
    let open = runs.iter().filter(|run| run["outcome"] == "running").count();
    open == 0 && of(&runs, "timed").len() >= 2 && of(&runs, "again").len() >= 2
}

/// Runs each service until it is over.
fn act(manager: &LiveManager) {
    let file = manager.write("jobs.toml", DEFINITION);
    manager.tf(&["create", &file]).expect(0);
    let plain = ["ok", "bad", "killed", "slow", "unprepared", "elsewhere", "task-elsewhere", "tried", "late"];
    tf_as_ada(manager, &[&["start", "--wait"][..], &plain].concat());
    tf_as_ada(manager, &["start", "server", "again", "driver", "unwanted"]);
    wait_until("the driver drives", SOON, || {
        of(&history(manager, &[]), "driver").iter().any(|run| run["outcome"] == "running")
    });
    let running = history(manager, &["server"]);
    assert_eq!((running.len(), &running[0]["outcome"]), (1, &"running".into()), "{running:?}");
    manager.systemctl(&["kill", "--kill-who=main", "--signal=KILL", "taskflows-driver.service"]).expect(0);
    manager.tf(&["stop", "server"]).expect(0);
    tf_as_ada(manager, &["exec", "--name", "by-hand", "--retries", "1", "--backoff", "1ms", "--", "false"]);
    wait_until("all runs are kept", SOON, || is_quiet(manager));
    manager.tf(&["disable", "timed"]).expect(0);
}

#[test]
fn the_store_and_the_journal_tell_the_same_of_every_run_and_a_lost_store_is_filled_again() {
    let manager = LiveManager::start();
    act(&manager);
    let kept = history(&manager, &[]);
    for (task, wanted) in [
        ("ok", ("ok", "-", "0")),
        ("bad", ("failed", "exit code 3", "3")),
        ("killed", ("failed", "killed by SIGKILL", "SIGKILL")),
        ("slow", ("failed", "timed out", "SIGTERM")),
        ("unprepared", ("failed", "could not be prepared: exit code 1", "1")),
        ("elsewhere", ("failed", "exit code 4", "4")),
        ("task-elsewhere", ("ok", "-", "0")),
        ("server", ("ok", "stopped by SIGTERM", "0")),
        ("tried", ("ok", "-", "0")),
        ("late", ("failed", "timed out", "SIGTERM")),
        ("driver", ("failed", "killed by SIGKILL", "SIGKILL")),
        ("by-hand", ("failed", "exit code 1", "1")),
    ] {
        let runs = of(&kept, task);
        assert_eq!(runs.len(), 1, "{task}: {kept:#?}");
        assert_eq!(words(runs[0]), wanted, "{task}");
        assert_eq!((&runs[0]["trigger"], &runs[0]["by"]), (&"manual".into(), &"ada".into()), "{task}");
    }
    let again = of(&kept, "again");
    assert_eq!((&again[0]["trigger"], &again[1]["trigger"]), (&"restart".into(), &"manual".into()));
    for timed in of(&kept, "timed") {
        assert_eq!((&timed["trigger"], &timed["outcome"]), (&"timer".into(), &"ok".into()));
        assert!(timed["scheduled"].is_string());
    }
    assert_eq!(
        (&of(&kept, "tried")[0]["attempts"], &of(&kept, "by-hand")[0]["attempts"]),
        (&3.into(), &2.into())
    );
    assert!(!PathBuf::from("/nowhere").exists(), "what a service says of its home moves nothing of ours");

    let journal = history(&manager, &["--source", "journal"]);
    let skipped = of(&journal, "unwanted");
    assert_eq!((skipped.len(), &skipped[0]["outcome"]), (1, &"skipped".into()));
    let noted: Vec<Value> = journal.iter().filter(|run| run["outcome"] != "skipped").map(told).collect();
    assert_eq!(noted, kept.iter().map(told).collect::<Vec<_>>());
    for task in ["tried", "by-hand", "late", "ok"] {
        let id = of(&kept, task)[0]["id"].as_str().unwrap();
        let attempted = |source: &str| {
            let run = history(&manager, &[id, "--source", source]).remove(0);
            let mut attempts = run["attempted"].as_array().unwrap().clone();
            attempts.iter_mut().for_each(|attempt| attempt["tail"] = Value::Null);
            attempts
        };
        assert_eq!(attempted("store"), attempted("journal"), "{task}");
    }
    assert_eq!(history(&manager, &["bad", "--source", "journal", "--failed"]).len(), 1);
    assert_eq!(history(&manager, &["ok", "--source", "journal", "--failed"]).len(), 0);

    lose_and_rebuild(&manager, &kept);
}

fn lose(manager: &LiveManager) {
    let data = manager.home().join(".local/state/taskflows");
    for file in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(data.join(file));
    }
}

fn lose_and_rebuild(manager: &LiveManager, kept: &[Value]) {
    let data = manager.home().join(".local/state/taskflows");
    lose(manager);
    assert_eq!(history(manager, &[]).len(), 0);
    let dry = manager.tf(&["history", "--rebuild", "--dry-run"]).expect(0).stderr;
    // Those of the store and the start that was skipped.
    let count = kept.len() + 1;
    assert!(dry.contains(&format!("Would add {count} runs")), "{dry}");
    assert_eq!(history(manager, &[]).len(), 0, "a dry run changes nothing");
    let done = manager.tf(&["history", "--rebuild"]).expect(0).stderr;
    assert!(done.contains(&format!("Added {count} runs")), "{done}");
    let rebuilt: Vec<Value> =
        history(manager, &[]).into_iter().filter(|run| run["outcome"] != "skipped").collect();
    assert_eq!(rebuilt, kept.iter().map(told).collect::<Vec<_>>());
    let again = manager.tf(&["history", "--rebuild"]).expect(0).stderr;
    assert!(again.contains("Added 0 runs"), "{again}");

    std::fs::write(data.join("state.db"), "no database at all, and long enough for a header ".repeat(9))
        .unwrap();
    let _ = std::fs::remove_file(data.join("state.db-wal"));
    let _ = std::fs::remove_file(data.join("state.db-shm"));
    let broken = manager.tf(&["history"]).expect(1).stderr;
    assert!(broken.contains("--rebuild"), "{broken}");
    let done = manager.tf(&["history", "--rebuild"]).expect(0).stderr;
    assert!(done.contains("state.db.broken-") && done.contains(&format!("Added {count} runs")), "{done}");
}

#[test]
fn a_task_that_runs_while_the_store_is_lost_keeps_its_beginning_and_its_end() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        "version = 1\n[[services]]\nname = \"long\"\nstart_command = [\"/bin/sleep\", \"3715\"]\ntask = {}\n",
    );
    manager.tf(&["create", &file]).expect(0);
    tf_as_ada(&manager, &["start", "long"]);
    wait_until("it runs", SOON, || {
        history(&manager, &["long"]).iter().any(|run| run["by"] == "ada" && run["outcome"] == "running")
    });
    lose(&manager);
    let done = manager.tf(&["history", "--rebuild"]).expect(0).stderr;
    assert!(done.contains("Added 1 run "), "{done}");
    let words = |output: taskflows_tests::Output| output.expect(0).stdout;
    let shown = words(manager.tf(&["history", "long", "-o", "json"]));
    assert!(shown.contains("\"running\"") && shown.contains("\"ada\""), "{shown}");
    let one = words(manager.tf(&["history", history(&manager, &["long"])[0]["id"].as_str().unwrap()]));
    assert!(one.contains("attempts: 1\n"), "{one}");
    manager.tf(&["stop", "long"]).expect(0);
    let ended = history(&manager, &["long"]);
    // What its driver kept went into the file that is gone; the hook's word is that of systemd.
    assert_eq!((ended.len(), &ended[0]["outcome"], &ended[0]["by"]), (1, &"ok".into(), &"ada".into()));
    assert_eq!(ended[0]["reason"], "stopped by SIGTERM");
    assert_eq!(told(&ended[0]), told(&history(&manager, &["long", "--source", "journal"])[0]));
}

#[test]
fn who_is_told_of_a_task_is_found_though_its_variables_name_another_home() {
    let manager = LiveManager::start();
    // Nobody takes mail there: what is told waits.
    let file = manager.write(
        "jobs.toml",
        r#"
version = 1

[alerts.ops]
send_to = [{ type = "email", addr = "a@example.org", username = "a", password = "b", receiver_addr = ["b@example.org"], smtp_server = "localhost", smtp_port = 1, tls = "starttls" }]
send_on = ["start"]

[[services]]
name = "moved"
start_command = ["/bin/sh", "-c", "test $HOME = /nowhere"]
env = { HOME = "/nowhere", XDG_CONFIG_HOME = "/nowhere/config" }
task = { alerts = "ops" }
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "--wait", "moved"]).expect(0);
    wait_until("its start is told", SOON, || {
        let channels = manager.tf(&["alert", "list", "--channels", "-o", "json"]).expect(0).stdout;
        let channels: Value = serde_json::from_str(&channels).unwrap();
        channels.as_array().unwrap().iter().any(|one| one["queued"] == 1)
    });
    assert!(!PathBuf::from("/nowhere").exists());
}

#[test]
fn a_run_is_shown_with_its_log_and_fits_eighty_columns() {
    let manager = LiveManager::start();
    let name = "a-service-with-a-name-that-is-much-longer-than-a-column-of-a-table";
    let text = format!(
        "version = 1\n[[services]]\nname = \"{name}\"\nstart_command = [\"/bin/sh\", \"-c\", \"echo words; exit 3\"]\n"
    );
    let file = manager.write("jobs.toml", &text);
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "--wait", name]);
    let id = history(&manager, &[])[0]["id"].as_str().unwrap().to_owned();
    wait_until("the log is there", SOON, || {
        manager.tf(&["history", &id[..8]]).expect(0).stdout.lines().any(|line| line.ends_with(" words"))
    });
    let mut command: Command = manager.command("script");
    let typed = format!("stty cols 80; {} history", tf_binary().display());
    let shown = command.args(["-qec", &typed, "/dev/null"]).env("NO_COLOR", "1").output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains(&id[..8]) && shown.contains("exit code 3"), "{shown}");
    for line in shown.lines() {
        assert!(line.trim_end().chars().count() <= 80, "{line}");
    }
}
