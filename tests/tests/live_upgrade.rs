//! What becomes of services that run while `tf create` gives their units the hook, which those of older versions have not.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use taskflows_tests::{LiveManager, wait_until};

const SOON: Duration = Duration::from_secs(20);

const DEFINITION: &str = r#"
version = 1

[[services]]
name = "server"
start_command = ["/bin/sleep", "3811"]

[[services]]
name = "job"
start_command = ["/bin/sh", "-c", "until test -e $HOME/go; do sleep 0.1; done; exit 3"]
"#;

/// Takes the hook out of a unit and seals it as the version that wrote it would have done.
fn make_old(manager: &LiveManager, name: &str) {
    let path = manager.unit_directory().join(format!("taskflows-{name}.service"));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\nExecStopPost=-"), "{text}");
    let lines = || text.split_inclusive('\n').filter(|line| !line.starts_with("ExecStopPost="));
    let is_meant = |line: &&str| {
        !["Version=", "Hash="].iter().any(|key| line.starts_with(&format!("X-Taskflows-{key}")))
    };
    let mut sum = manager.command("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let meaning: String = lines().filter(is_meant).collect();
    sum.stdin.take().unwrap().write_all(meaning.as_bytes()).unwrap();
    let sum = String::from_utf8(sum.wait_with_output().unwrap().stdout).unwrap();
    let sealed = lines().map(|line| match line.strip_prefix("X-Taskflows-Hash=") {
        Some(_) => format!("X-Taskflows-Hash={}\n", &sum[..32]),
        None => line.to_owned(),
    });
    std::fs::write(&path, sealed.collect::<String>()).unwrap();
}

fn history(manager: &LiveManager, name: &str) -> Vec<Value> {
    let output = manager.tf(&["history", name, "-o", "json"]).expect(0);
    serde_json::from_str(&output.stdout).unwrap()
}

#[test]
fn services_that_run_gain_the_hook_without_a_restart_and_their_runs_are_kept_at_their_end() {
    let manager = LiveManager::start();
    let file = manager.write("jobs.toml", DEFINITION);
    manager.tf(&["create", &file]).expect(0);
    ["server", "job"].iter().for_each(|name| make_old(&manager, name));
    manager.systemctl(&["daemon-reload"]).expect(0);
    manager.tf(&["start", "server", "job"]).expect(0);
    let marks = || {
        ["server", "job"].map(|name| {
            let unit = format!("taskflows-{name}.service");
            (manager.property(&unit, "MainPID"), manager.property(&unit, "InvocationID"))
        })
    };
    let before = marks();
    assert!(before.iter().all(|(pid, _)| pid != "0"), "{before:?}");

    let dry = manager.tf(&["create", "--dry-run", &file]).expect(0);
    assert_eq!(dry.stdout.matches("> applies to the run under way as well").count(), 2, "{}", dry.stdout);
    assert!(dry.stdout.contains("+ ExecStopPost=-"), "{}", dry.stdout);
    let done = manager.tf(&["create", &file]).expect(0).stderr;
    assert!(done.contains("Updated server; applies to the run under way as well."), "{done}");
    assert_eq!(marks(), before, "nothing is started again");
    let again = manager.tf(&["create", &file]).expect(0).stderr;
    assert!(again.contains("Nothing changed"), "{again}");

    let running = history(&manager, "server");
    assert_eq!((running.len(), &running[0]["outcome"]), (1, &"running".into()), "{running:?}");
    manager.write("go", "");
    wait_until("the end of the job is kept", SOON, || {
        let runs = history(&manager, "job");
        runs.len() == 1 && runs[0]["outcome"] == "failed"
    });
    let job = history(&manager, "job").remove(0);
    assert_eq!((&job["reason"], &job["exit"]), (&"exit code 3".into(), &"3".into()), "{job}");
    assert_eq!(job["id"].as_str().unwrap(), before[1].1);
    assert!(job["started"].as_str() < job["ended"].as_str(), "{job}");

    manager.tf(&["stop", "server"]).expect(0);
    let server = history(&manager, "server");
    assert_eq!((server.len(), &server[0]["outcome"]), (1, &"ok".into()), "{server:?}");
    assert_eq!(server[0]["id"].as_str().unwrap(), before[0].1);
}
