//! Tasks and alerts against a real manager: what is installed, what reaches a process, and who hears of its end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use taskflows_tests::{LiveManager, Output, tf_binary, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// A manager, and a program that plays `tf` for its units: it runs what it is to run, and notes what it is told.
struct Stage {
    manager: LiveManager,
    program: PathBuf,
}

impl Stage {
    fn new() -> Self {
        let manager = LiveManager::start();
        let home = manager.home().display().to_string();
        let script = format!(
            "#!/bin/sh\n\
             case $1 in\n\
             exec) echo \"$*\" >> {home}/noted; while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\";;\n\
             hook) echo \"$* $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS ${{#INVOCATION_ID}}\" >> {home}/noted;;\n\
             alert) echo \"$*\" >> {home}/noted; rm -f {home}/data/outbox.due;;\n\
             *) echo \"$* $TASKFLOWS_DATA_DIR\" >> {home}/noted;;\n\
             esac\n"
        );
        let program = manager.home().join("tf of ours");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { manager, program }
    }

    #[track_caller]
    fn tf(&self, arguments: &[&str]) -> Output {
        let mut command = self.manager.command(tf_binary());
        command.args(arguments).env("TASKFLOWS_TF", &self.program).env("EMAIL_PWD", "hunter2");
        let output = command.env("TASKFLOWS_DATA_DIR", self.data()).output().unwrap();
        Output {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn data(&self) -> PathBuf {
        self.manager.home().join("data")
    }

    fn noted(&self) -> String {
        fs::read_to_string(self.manager.home().join("noted")).unwrap_or_default()
    }

    fn wait_for(&self, line: &str) {
        wait_until(line, SOON, || self.noted().lines().any(|own| own.starts_with(line)));
    }

    fn state(&self, unit: &str) -> String {
        self.manager.property(unit, "ActiveState")
    }
}

const DEFINITION: &str = r#"
[alerts.critical]
send_to = { type = "email", addr = "a@example.org", password = "${env:EMAIL_PWD}", receiver_addr = "b@example.org" }

[[services]]
name = "some-task"
start_command = ["/bin/sh", "-c", "exit 3"]
task = { retries = 2, timeout = "30s", backoff = "10s..5min", alerts = "critical" }

[[services]]
name = "watched"
start_command = ["/bin/sh", "-c", "kill -9 $$"]
alerts = "critical"

[[services]]
name = "plain"
start_command = "true"
"#;

const OWN: [&str; 4] = [
    "own-taskflows-alerts.path",
    "own-taskflows-alerts.service",
    "own-taskflows-monitor.service",
    "own-taskflows-monitor.timer",
];

#[test]
fn tasks_and_alerts_are_installed_hear_of_ends_and_go() {
    let stage = Stage::new();
    let file = stage.manager.write("jobs.toml", DEFINITION);
    stage.tf(&["create", &file]).expect(0);
    let units = stage.manager.unit_directory();
    let unit = |name: &str| fs::read_to_string(units.join(name)).unwrap();
    // systemd has nothing against any of them.
    let all = ["taskflows-some-task.service", "taskflows-watched.service"].iter().chain(&OWN);
    for name in all {
        let path = units.join(name);
        let mut verify = stage.manager.command("systemd-analyze");
        let said = verify.args(["--user", "verify"]).arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        let complaints: Vec<&str> = said.lines().filter(|line| line.contains("taskflows-")).collect();
        assert!(complaints.is_empty(), "{name}: {complaints:?}");
        assert!(!unit(name).contains("hunter2"));
    }
    assert!(
        unit("taskflows-plain.service").contains("tf of ours\" hook stopped plain"),
        "its runs are kept as well"
    );
    let kept = stage.data().join("alerts.json");
    assert!(fs::read_to_string(&kept).unwrap().contains("hunter2"));
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);

    // Both hear how it ended.
    stage.tf(&["start", "some-task", "--wait"]);
    stage.wait_for("hook stopped some-task exit-code exited 3 32");
    assert!(
        stage.noted().contains(
            "exec --service some-task --retries 2 --timeout 30s --backoff 10s..5min -- /bin/sh -c exit 3"
        ),
        "{}",
        stage.noted()
    );
    stage.tf(&["start", "watched", "--wait"]);
    stage.wait_for("hook stopped watched signal killed KILL 32");

    // What is due is sent, now and again.
    assert_eq!(stage.state(OWN[0]), "active");
    assert_eq!(stage.state(OWN[3]), "active");
    for times in 1..=2 {
        fs::write(stage.data().join("outbox.due"), "").unwrap();
        wait_until("it is sent", SOON, || stage.noted().matches("alert send").count() == times);
        wait_until("none is due", SOON, || !stage.data().join("outbox.due").exists());
    }
    // The look for missed runs is told where the data is.
    stage.manager.systemctl(&["start", OWN[2]]).expect(0);
    stage.wait_for(&format!("monitor check --no-fail {}", stage.data().display()));

    // A second time nothing is to do, and nobody takes our own for services.
    let second = stage.tf(&["create", &file]).expect(0);
    assert!(second.stderr.contains("Nothing changed"), "{}", second.stderr);
    let list = stage.tf(&["list", "-o", "name"]).expect(0).stdout;
    assert_eq!(list.split_whitespace().collect::<Vec<_>>(), ["plain", "some-task", "watched"]);
    let doctor = stage.tf(&["doctor"]);
    // The script that plays tf looks for nothing, which doctor tells; else it has nothing against our own.
    let own: Vec<&str> = doctor.stdout.lines().filter(|line| line.contains("own-taskflows")).collect();
    assert!(own.iter().all(|line| line.contains("has not yet looked")), "{own:?}");

    // They go with the last service that has alerts, but not while alerts wait.
    stage.tf(&["remove", "some-task"]).expect(0);
    assert!(OWN.iter().all(|name| units.join(name).exists()));
    stage.manager.systemctl(&["stop", OWN[0]]).expect(0);
    fs::write(stage.data().join("outbox.due"), "").unwrap();
    stage.tf(&["remove", "watched"]).expect(0);
    assert!(OWN.iter().all(|name| units.join(name).exists()));
    fs::remove_file(stage.data().join("outbox.due")).unwrap();
    stage.tf(&["remove", "plain"]).expect(0);
    assert!(OWN.iter().all(|name| !units.join(name).exists() && stage.state(name) == "inactive"));
    assert!(fs::read_dir(units.join("default.target.wants")).unwrap().next().is_none());
    assert!(fs::read_to_string(&kept).unwrap().contains("critical"), "a group that services share stays");
}

#[test]
fn the_arguments_of_a_task_arrive_as_written() {
    let stage = Stage::new();
    let script = "for one; do printf '%s\\0' \"$one\"; done > \"$OUT.part\" && mv \"$OUT.part\" \"$OUT\"";
    let odd = [
        "",
        " ",
        "a  b",
        "$HOME ${X} $$",
        "50% %h %%",
        "'q' \"d\" \\ \\n",
        "a\nb\tc",
        "--",
        "-- x",
        "é日本",
        "\u{1}\u{7f}",
    ];
    let out = stage.manager.home().join("out");
    let argv: Vec<&str> = ["/bin/sh", "-c", script, "sh"].into_iter().chain(odd).collect();
    let definition = serde_json::json!({ "services": [{
        "name": "argv", "start_command": argv, "env": { "OUT": out }, "task": { "retries": 1 },
    }] });
    let file = stage.manager.write("argv.json", &definition.to_string());
    stage.tf(&["create", &file, "--now"]).expect(0);
    wait_until("it has run", SOON, || out.exists());
    let expected: Vec<u8> = odd.iter().flat_map(|one| one.bytes().chain([0])).collect();
    assert_eq!(String::from_utf8_lossy(&fs::read(&out).unwrap()), String::from_utf8_lossy(&expected));
}

#[test]
fn a_tf_that_moved_is_a_change() {
    let mut stage = Stage::new();
    let file = stage.manager.write("jobs.toml", DEFINITION);
    stage.tf(&["create", &file]).expect(0);
    let moved = stage.manager.home().join("moved");
    fs::rename(&stage.program, &moved).unwrap();
    stage.program = moved;
    let doctor = stage.tf(&["doctor"]);
    assert!(doctor.stdout.contains("tf of ours"), "{}{}", doctor.stdout, doctor.stderr);
    let plan = stage.tf(&["plan", &file]);
    assert!(plan.stdout.contains("~ some-task") && plan.stdout.contains("~ watched"), "{}", plan.stdout);
    assert!(plan.stdout.contains("~ plain"), "{}", plan.stdout);
    stage.tf(&["create", &file]).expect(0);
    let units = stage.manager.unit_directory();
    for name in OWN.iter().filter(|name| name.ends_with(".service")) {
        assert!(fs::read_to_string(units.join(name)).unwrap().contains("/moved "), "{name}");
    }
    assert_eq!(stage.state(OWN[0]), "active");
}
