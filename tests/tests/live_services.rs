//! The main job against a real manager: definitions become units that run, are seen, and go.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use taskflows_tests::{LiveManager, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// Returns inode, mtime and text of every file under `directory`.
fn fingerprint(directory: &Path) -> Vec<(String, u64, i64, i64, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(fingerprint(&path));
            continue;
        }
        let metadata = path.symlink_metadata().unwrap();
        let text = fs::read_to_string(&path).unwrap_or_default();
        found.push((
            path.display().to_string(),
            metadata.ino(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            text,
        ));
    }
    found.sort();
    found
}

#[test]
fn the_three_examples_of_the_seed_run() {
    let manager = LiveManager::start();
    let at = Timestamp::now().checked_add(jiff::SignedDuration::from_secs(3)).unwrap();
    let text = format!(
        r#"
[[services]]
name = "daily-backup"
start_command = "docker start backup-service"
start_schedule = "Mon-Sun 14:00 America/New_York"

[[services]]
name = "write-message"
start_command = "bash -c 'echo hello >> hello.txt'"
start_schedule = {{ at = "{at}" }}
working_directory = "~"

[[services]]
name = "resource-aware-task"
start_command = "docker start my-service"
start_schedule = {{ start_on = "boot", period = "5min", relative_to = "start" }}
system_load_constraints = {{ type = "CPUPressure", max_percent = 80, timespan = "5min", silent = true }}
"#
    );
    let file = manager.write("seed.toml", &text);
    manager.tf(&["create", &file]).expect(0);

    // systemd's own answer, and ours, are the next two in the afternoon of New York.
    let told = manager.property("taskflows-daily-backup.timer", "NextElapseUSecRealtime");
    let zone = jiff::tz::db().get("America/New_York").unwrap();
    let now = Timestamp::now().to_zoned(zone);
    let today = now.with().hour(14).minute(0).second(0).subsec_nanosecond(0).build().unwrap();
    let next = if today > now { today } else { today.tomorrow().unwrap() };
    let shown =
        next.timestamp().to_zoned(jiff::tz::TimeZone::system()).strftime("%a %Y-%m-%d %H:%M:%S").to_string();
    assert!(told.starts_with(&shown), "{told} is not {shown}");
    let listed: serde_json::Value =
        serde_json::from_str(&manager.tf(&["list", "daily-backup", "-o", "json"]).expect(0).stdout).unwrap();
    assert_eq!(listed[0]["next"], next.timestamp().to_string());
    assert_eq!(listed[0]["state"], "waiting");

    // The second writes its line at its time, and its timer never elapses again.
    wait_until("hello.txt", SOON, || manager.home().join("hello.txt").exists());
    assert!(Timestamp::now() >= at, "it ran too early");
    assert_eq!(fs::read_to_string(manager.home().join("hello.txt")).unwrap(), "hello\n");
    wait_until("the timer has elapsed", SOON, || {
        manager.tf(&["list", "write-message"]).stdout.contains("never")
    });

    let unit = manager.tf(&["show", "resource-aware-task"]).expect(0).stdout;
    assert!(unit.contains("\nConditionCPUPressure=80%/5min\n"), "{unit}");
    assert!(unit.contains("\nOnBootSec=1s\nOnUnitActiveSec=5min\n"), "{unit}");
    let known =
        manager.systemctl(&["show", "taskflows-resource-aware-task.timer", "-p", "TimersMonotonic"]).stdout;
    assert!(known.contains("OnUnitActiveUSec=5min"), "{known}");
}

#[test]
fn creating_again_touches_nothing_and_an_edit_only_what_it_is_about() {
    let manager = LiveManager::start();
    let define = |command: &str| {
        let service = |name: &str, command: &str| {
            format!(
                "[[services]]\nname = \"{name}\"\nstart_command = \"{command}\"\nstart_schedule = \"daily\"\n"
            )
        };
        manager.write(
            "three.toml",
            &[service("a", "sleep 1000"), service("b", command), service("c", "true")].join("\n"),
        )
    };
    let file = define("true");
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "a"]).expect(0);
    let process = manager.property("taskflows-a.service", "MainPID");
    let reloads = || manager.property("taskflows-a.service", "NeedDaemonReload");
    let before = fingerprint(&manager.unit_directory());

    let again = manager.tf(&["create", &file]).expect(0);
    assert!(again.stderr.contains("Nothing changed: all 3 services are as defined."), "{}", again.stderr);
    assert_eq!(fingerprint(&manager.unit_directory()), before);
    manager.tf(&["plan", &file]).expect(0);

    define("false");
    let plan = manager.tf(&["plan", &file]).expect(7);
    assert!(
        plan.stdout.contains("~ b ") && plan.stdout.contains("- ExecStart=true\n    + ExecStart=false"),
        "{}",
        plan.stdout
    );
    assert!(!plan.stdout.contains(" a ") && !plan.stdout.contains(" c "), "{}", plan.stdout);
    assert_eq!(fingerprint(&manager.unit_directory()), before, "a plan changes nothing");
    manager.tf(&["create", &file]).expect(0);
    let changed: Vec<String> = fingerprint(&manager.unit_directory())
        .into_iter()
        .filter(|file| !before.contains(file))
        .map(|(path, ..)| path.rsplit('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(changed, ["taskflows-b.service"]);
    assert_eq!(manager.property("taskflows-a.service", "MainPID"), process, "a was not restarted");
    assert_eq!(reloads(), "no", "systemd knows the files as they are");
}

#[test]
fn a_removed_service_leaves_nothing_behind() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.yaml",
        "services:\n\
         - {name: bad, start_command: 'false', start_schedule: daily}\n\
         - {name: long, start_command: sleep 1000, stop_schedule: daily, restart_schedule: weekly, enabled: yes}\n",
    );
    manager.tf(&["create", &file]).expect(0);
    let helpers = ["stop-taskflows-long.timer", "restart-taskflows-long.timer"];
    for timer in helpers {
        assert_eq!(manager.property(timer, "ActiveState"), "active", "helper timers are started at once");
    }
    let wants = fs::read_dir(manager.unit_directory().join("default.target.wants")).unwrap();
    let wants: Vec<String> = wants.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(wants, ["taskflows-long.service"], "no helper starts at boot");

    manager.tf(&["start", "bad"]).expect(1);
    manager.tf(&["start", "long"]).expect(0);
    manager.tf(&["remove", "*"]).expect(2);
    manager.tf(&["remove", "*", "--yes"]).expect(0);
    let left = fingerprint(&manager.unit_directory());
    assert!(left.iter().all(|(path, ..)| path.ends_with("/.taskflows/lock")), "{left:?}");
    let loaded = manager.systemctl(&["list-units", "--all", "--no-legend", "*taskflows-*"]).stdout;
    assert_eq!(loaded.trim(), "");
    let stamps = manager.home().join(".local/share/systemd/timers");
    assert_eq!(fs::read_dir(stamps).map_or(0, Iterator::count), 0, "no stamp makes a namesake catch up");
}

#[test]
fn a_hundred_services_cost_one_reload_and_a_list_one_call() {
    let manager = LiveManager::start();
    let define = |count: usize| {
        let service = |n: usize| {
            format!("[[services]]\nname = \"s{n}\"\nstart_command = \"true\"\nstart_schedule = \"daily\"\n")
        };
        manager.write("many.toml", &(0..count).map(service).collect::<String>())
    };
    let calls = |arguments: &[&str]| {
        let log = manager.home().join("bus.log");
        let mut monitor = manager
            .command("busctl")
            .args(["--user", "monitor", "--json=short", "org.freedesktop.systemd1"])
            .stdout(fs::File::create(&log).unwrap())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // The monitor hears itself come; a call of ours before and after shows that it listens to all.
        let ping = |unit: &str| {
            wait_until("the monitor listens", SOON, || {
                manager
                    .command("busctl")
                    .args([
                        "--user",
                        "call",
                        "org.freedesktop.systemd1",
                        "/org/freedesktop/systemd1",
                        "org.freedesktop.systemd1.Manager",
                        "LoadUnit",
                        "s",
                        unit,
                    ])
                    .output()
                    .unwrap();
                fs::read_to_string(&log).unwrap().contains(unit)
            });
        };
        ping("begin.service");
        manager.tf(arguments).expect(0);
        ping("end.service");
        monitor.kill().unwrap();
        monitor.wait().unwrap();
        let text = fs::read_to_string(&log).unwrap();
        let methods = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        methods
            .filter(|message| message["type"] == "method_call" && message["member"] != "LoadUnit")
            .filter(|message| message["destination"] == "org.freedesktop.systemd1")
            .map(|message| message["member"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<String>>()
    };
    let count = |calls: &[String], member: &str| calls.iter().filter(|call| *call == member).count();

    let created = calls(&["create", &define(100)]);
    assert_eq!(count(&created, "Reload"), 1, "{created:?}");
    assert_eq!(count(&created, "StartUnit"), 100);
    assert_eq!(count(&created, "ListUnitFilesByPatterns") + count(&created, "ListUnitFiles"), 0);
    assert_eq!(calls(&["list"]), ["ListUnitsByPatterns"]);
    // Where nothing changes it is asked once whether timers were stopped, which the manager alone knows.
    assert_eq!(calls(&["create", &define(100)]), ["ListUnitsByPatterns"]);
    let removed = calls(&["remove", "s*", "--yes"]);
    assert_eq!(count(&removed, "Reload"), 1, "{removed:?}");
}

#[test]
fn what_happened_is_what_is_told() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        r#"
[[services]]
name = "works"
start_command = "bash -c 'echo done'"
[[services]]
name = "fails"
start_command = "bash -c 'echo no such planet; exit 3'"
[[services]]
name = "stays"
start_command = "sleep 1000"
[[services]]
name = "missing"
start_command = "/nonexistent/program"
[[services]]
name = "killed"
start_command = "bash -c 'kill -9 $$'"
[[services]]
name = "busy"
start_command = "true"
system_load_constraints = { type = "Memory", amount = "900T", silent = true }
[[services]]
name = "refused"
start_command = "true"
system_load_constraints = { type = "CPUs", amount = 4096 }
[[services]]
name = "slow"
start_command = "sleep 1000"
timeout = "1s"
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    let told = |arguments: &[&str], code: i32, words: &[&str]| {
        let output = manager.tf(arguments).expect(code);
        for word in words {
            assert!(output.stderr.contains(word), "{arguments:?} does not tell {word:?}:\n{}", output.stderr);
        }
    };
    told(&["start", "works", "--wait"], 0, &["works ran and ended well after"]);
    told(&["start", "fails"], 1, &["`fails` failed: exit code 3", "no such planet"]);
    told(&["start", "missing"], 1, &["its program was not found"]);
    told(&["start", "killed", "--wait"], 1, &["killed by SIGKILL"]);
    told(&["start", "busy"], 0, &["Skipped busy: a condition"]);
    told(&["start", "refused"], 1, &["could not start taskflows-refused.service: an assert"]);
    told(&["start", "slow", "--wait"], 1, &["`slow` failed: timed out"]);
    told(&["start", "stays"], 0, &["Started stays; it runs."]);
    told(&["start", "stays"], 0, &["stays runs already."]);
    told(&["restart", "stays"], 0, &["Restarted stays; it runs."]);
    told(&["start", "works", "fails"], 6, &["works ran and ended well", "`fails` failed"]);
    told(&["status", "nosuch"], 4, &["no service `nosuch` is installed"]);
    told(&["start", "work"], 4, &["did you mean `works`?"]);
    told(&["stop", "no*"], 4, &["no service matches `no*`"]);
    manager.tf(&["status", "stays"]).expect(0);
    told(&["stop", "stays"], 0, &["Stopped stays."]);
    told(&["stop", "stays"], 0, &["stays was not running."]);
    manager.tf(&["status", "stays"]).expect(3);

    let list: serde_json::Value =
        serde_json::from_str(&manager.tf(&["list", "-o", "json"]).expect(0).stdout).unwrap();
    let row = |name: &str| list.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    assert_eq!(row("fails")["last"]["result"], "failed");
    assert_eq!(row("fails")["last"]["reason"], "exit code 3");
    assert_eq!(row("fails")["state"], "failed");
    assert_eq!(row("works")["last"]["result"], "ok");
    assert_eq!(row("busy")["last"]["result"], "skipped");
    let logs = manager.tf(&["logs", "fails", "works", "-o", "jsonl"]).expect(0).stdout;
    assert!(
        logs.contains("\"message\":\"no such planet\"") && logs.contains("\"message\":\"done\""),
        "{logs}"
    );
}

#[test]
fn a_schedule_is_switched_off_and_on_and_survives_a_reboot() {
    let mut manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        "[[services]]\nname = \"tick\"\nstart_command = \"true\"\nstart_schedule = \"daily\"\n",
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["disable", "tick"]).expect(0);
    assert_eq!(manager.property("taskflows-tick.timer", "ActiveState"), "inactive");
    assert!(manager.tf(&["list"]).stdout.contains("off"));
    let again = manager.tf(&["disable", "tick"]).expect(0);
    assert!(again.stderr.contains("tick is disabled already."), "{}", again.stderr);
    manager.reboot();
    assert_eq!(manager.property("taskflows-tick.timer", "ActiveState"), "inactive");
    let unchanged = manager.tf(&["create", &file]).expect(0);
    assert!(unchanged.stderr.contains("Nothing changed"), "what was disabled stays so: {}", unchanged.stderr);
    manager.tf(&["enable", "tick"]).expect(0);
    assert_eq!(manager.property("taskflows-tick.timer", "ActiveState"), "active");
    manager.reboot();
    assert_eq!(manager.property("taskflows-tick.timer", "ActiveState"), "active");
}

#[test]
fn logs_follow_what_is_written() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        "[[services]]\nname = \"talks\"\nstart_command = \"bash -c 'for i in 1 2 3; do echo line $i; sleep 0.3; done'\"\n",
    );
    manager.tf(&["create", &file]).expect(0);
    let log = manager.home().join("followed");
    let mut follow = manager
        .command(taskflows_tests::tf_binary())
        .args(["logs", "talks", "-f", "-n", "0"])
        .stdout(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    manager.tf(&["start", "talks"]).expect(0);
    wait_until("the third line is followed", SOON, || fs::read_to_string(&log).unwrap().contains("line 3"));
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[test]
fn a_changed_calendar_counts_from_now() {
    let manager = LiveManager::start();
    let define = |schedule: &str| {
        manager.write(
            "jobs.toml",
            &format!(
                "[[services]]\nname = \"once\"\nstart_command = \"true\"\nstart_schedule = \"{schedule}\"\n"
            ),
        )
    };
    manager.tf(&["create", &define("*:*:0/1")]).expect(0);
    wait_until("it ran", SOON, || manager.tf(&["list", "once"]).stdout.contains("ok "));
    manager.tf(&["create", &define("*-*-* 00:00:00")]).expect(0);
    std::thread::sleep(Duration::from_millis(1500));
    let runs = manager.tf(&["logs", "once", "--since", "1s"]).expect(0).stdout;
    assert_eq!(runs, "", "the new schedule has no elapse in the past");
    assert_eq!(manager.property("taskflows-once.timer", "ActiveState"), "active");
}

#[test]
fn to_wait_for_a_run_under_way_is_to_wait_for_its_end() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        r#"
[[services]]
name = "slow"
start_command = ["sh", "-c", "sleep 2; exit 3"]

[[services]]
name = "by-hand"
start_command = "true"
start_schedule = { start_on = "command", period = "1h", relative_to = "start" }
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "slow"]).expect(0);
    let told = manager.tf(&["start", "slow", "--wait"]).expect(1).stderr;
    assert!(told.contains("exit code 3"), "{told}");
    let next = manager.tf(&["next", "slow"]).expect(0).stderr;
    assert!(next.contains("Nothing is scheduled"), "{next}");
    // Its timer has elapsed and waits for the first start, which is not "never".
    let listed = manager.tf(&["list", "by-hand"]).expect(0).stdout;
    assert!(!listed.contains("never"), "{listed}");
    manager.tf(&["remove", "*", "--yes"]).expect(0);
}

#[test]
fn a_run_that_ended_with_its_manager_is_not_called_good() {
    let mut manager = LiveManager::start();
    let file = manager.write("jobs.toml", "[[services]]\nname = \"cut\"\nstart_command = \"sleep 300\"\n[[services]]\nname = \"other\"\nstart_command = \"true\"\n");
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "cut"]).expect(0);
    wait_until("the journal tells of the start", SOON, || {
        manager.tf(&["list", "cut"]).stdout.contains("running for")
    });
    assert!(manager.command("kill").args(["-KILL", &manager.pid().to_string()]).status().unwrap().success());
    manager.reboot();
    manager.tf(&["start", "other", "--wait"]).expect(0);
    wait_until("the journal tells of the new manager", SOON, || {
        manager.tf(&["list", "cut"]).stdout.contains("unknown")
    });
}

#[test]
fn an_edit_by_hand_is_lost_only_by_force() {
    let manager = LiveManager::start();
    let file = manager.write("jobs.toml", "[[services]]\nname = \"web\"\nstart_command = \"true\"\n");
    manager.tf(&["create", &file]).expect(0);
    let unit = manager.unit_directory().join("taskflows-web.service");
    let edited = fs::read_to_string(&unit).unwrap().replace("[Service]\n", "[Service]\nNice=7\n");
    fs::write(&unit, &edited).unwrap();
    let told = manager.tf(&["create", &file]).expect(1).stderr;
    assert!(told.contains("taskflows-web.service") && told.contains("--force"), "{told}");
    assert_eq!(fs::read_to_string(&unit).unwrap(), edited);
    let patch = manager.tf(&["diff", &file]).expect(7).stdout;
    assert!(patch.contains("-Nice=7"), "{patch}");
    manager.tf(&["create", &file, "--force"]).expect(0);
    assert!(!fs::read_to_string(&unit).unwrap().contains("Nice"));
    assert!(manager.tf(&["create", &file]).expect(0).stderr.contains("Nothing changed"));
    manager.tf(&["remove", "web", "--yes"]).expect(0);
}
