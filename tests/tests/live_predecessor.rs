//! What the Python taskflows got wrong, seen right here on a real manager. Each test tells the old fault first.

use std::fs;
use std::time::Duration;

use jiff::Timestamp;
use taskflows_tests::{Engine, IMAGE, LiveManager, wait_until};

const SOON: Duration = Duration::from_secs(20);

fn unit(manager: &LiveManager, name: &str) -> String {
    fs::read_to_string(manager.unit_directory().join(name)).unwrap()
}

/// It wrote `Constraint…=`, which systemd ignores, so that a silent constraint did nothing.
#[test]
fn a_silent_constraint_skips_and_a_loud_one_fails() {
    let manager = LiveManager::start();
    let service = |name: &str, silent: bool| {
        format!(
            "[[services]]\nname = \"{name}\"\nstart_command = \"true\"\n\
             startup_requirements = {{ amount = \"999T\", constraint = \">=\", silent = {silent} }}\n"
        )
    };
    let file = manager.write("jobs.toml", &(service("silent", true) + &service("loud", false)));
    manager.tf(&["create", &file]).expect(0);
    let skipped = manager.tf(&["start", "silent"]).expect(0);
    assert!(skipped.stderr.contains("Skipped silent"), "{}", skipped.stderr);
    let failed = manager.tf(&["start", "loud"]).expect(1);
    assert!(failed.stderr.contains("assert"), "{}", failed.stderr);
}

/// It wrote `After=database`, which systemd refuses, instead of the unit that it had made.
#[test]
fn a_bare_name_is_one_of_ours() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        "[[services]]\nname = \"database\"\nstart_command = \"sleep infinity\"\n\
         [[services]]\nname = \"web\"\nstart_command = \"sleep infinity\"\n\
         start_after = [\"database\", \"basic.target\"]\nrequires = \"database\"\n",
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "web"]).expect(0);
    assert_eq!(manager.property("taskflows-database.service", "ActiveState"), "active");
    let after = manager.property("taskflows-web.service", "After");
    assert!(after.contains("taskflows-database.service") && after.contains("basic.target"), "{after}");
}

/// It enabled stop and restart timers without starting them, so that they waited for the next login; enabled the
/// helper services too, so that a boot stopped what it had just started; and gave them the conditions of the
/// service, so that a stop could be refused.
#[test]
fn helpers_act_from_the_first_day_on_schedule_only_and_whatever_the_service_asks_for() {
    let mut manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        r#"
[[services]]
name = "web"
start_command = "sleep infinity"
stop_schedule = "*-*-* 03:00"
restart_schedule = "Sun 04:00"
enabled = true
startup_requirements = { type = "CPUs", amount = 1 }
conflicts = "rival"
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    for timer in ["stop-taskflows-web.timer", "restart-taskflows-web.timer"] {
        assert_eq!(manager.property(timer, "ActiveState"), "active", "{timer}");
    }
    let boot: Vec<String> = fs::read_dir(manager.unit_directory().join("default.target.wants"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(boot, ["taskflows-web.service"]);
    for helper in ["stop-taskflows-web.service", "restart-taskflows-web.service"] {
        let text = unit(&manager, helper);
        assert!(
            !text.contains("Assert") && !text.contains("Conflicts") && !text.contains("[Install]"),
            "{text}"
        );
    }
    manager.reboot();
    wait_until("it runs after the boot", SOON, || {
        manager.property("taskflows-web.service", "ActiveState") == "active"
    });
    // What the timer would do at 03:00.
    manager.systemctl(&["start", "stop-taskflows-web.service"]).expect(0);
    assert_eq!(manager.property("taskflows-web.service", "ActiveState"), "inactive");
}

/// It kept directives in sets, so that their order, and which of two `TimeoutStopSec=` won, was chance; and wrote
/// the description twice.
#[test]
fn a_unit_says_each_thing_once_and_the_same_way_each_time() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        r#"
[[services]]
name = "web"
description = "Serves"
start_command = "sleep infinity"
cgroup_config = { timeout_stop = "7s", pids_limit = 50, nofile_limit = 99 }
env = { C = "3", A = "1", B = "2" }
"#,
    );
    let rendered = manager.tf(&["render", &file, "-o", "json"]).expect(0).stdout;
    for _ in 0..5 {
        assert_eq!(manager.tf(&["render", &file, "-o", "json"]).expect(0).stdout, rendered);
    }
    manager.tf(&["create", &file]).expect(0);
    let text = unit(&manager, "taskflows-web.service");
    for key in ["Description=", "TimeoutStopSec=", "Type=", "KillSignal="] {
        assert!(text.matches(&format!("\n{key}")).count() <= 1, "{key}: {text}");
    }
    assert_eq!(manager.property("taskflows-web.service", "TimeoutStopUSec"), "7s");
    assert_eq!(manager.property("taskflows-web.service", "Description"), "Serves");
}

/// It wrote the abbreviation of a zone, which systemd cannot read.
#[test]
fn an_instant_in_a_named_zone_is_that_instant() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        "[[services]]\nname = \"once\"\nstart_command = \"true\"\n\
         start_schedule = { at = \"2040-05-05T16:50:08[America/New_York]\" }\n",
    );
    manager.tf(&["create", &file]).expect(0);
    let told = manager.tf(&["next", "once", "-o", "json"]).expect(0).stdout;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let at: Timestamp = told[0]["at"].as_str().unwrap().parse().unwrap();
    assert_eq!(at.to_string(), "2040-05-05T20:50:08Z");
    let next = manager.property("taskflows-once.timer", "NextElapseUSecRealtime");
    assert_eq!(next, at.strftime("%a %Y-%m-%d %H:%M:%S UTC").to_string());
}

/// It escaped neither `%` nor `$`, so that `date +%Y` got a path.
#[test]
fn percent_and_dollar_arrive_as_they_are_written() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        r#"
[[services]]
name = "odd"
start_command = ["sh", "-c", 'printf "<%s>" "$@" "$VALUE"; echo', "sh", "+%Y-%m-%d", "${HOME}", "100%", "a;b", ""]
env = { VALUE = "%h $HOME \"q\"" }
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "odd", "--wait"]).expect(0);
    wait_until("the arguments are logged", SOON, || {
        manager.tf(&["logs", "odd"]).stdout.contains("<+%Y-%m-%d><${HOME}><100%><a;b><><%h $HOME \"q\">")
    });
}

/// It removed the old definition first and stopped what ran, whatever became of the new one.
#[test]
fn create_leaves_alone_what_runs_and_what_cannot_be_replaced() {
    let manager = LiveManager::start();
    let text =
        "[[services]]\nname = \"web\"\nstart_command = \"sleep infinity\"\nstart_schedule = \"daily\"\n";
    let file = manager.write("jobs.toml", text);
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "web"]).expect(0);
    let pid = manager.property("taskflows-web.service", "MainPID");
    let before = unit(&manager, "taskflows-web.timer");
    // One that never fires, and one that systemd refuses.
    for wrong in ["\"2020-01-01\"", "\"daily\"\nsystemd = { Service = { Type = \"dbus\" } }"] {
        manager.write("jobs.toml", &text.replace("\"daily\"", wrong));
        assert_ne!(manager.tf(&["create", &file]).code, 0, "{wrong}");
        assert_eq!(unit(&manager, "taskflows-web.timer"), before);
        assert_eq!(manager.property("taskflows-web.timer", "ActiveState"), "active");
    }
    manager.write("jobs.toml", &text.replace("daily", "weekly"));
    manager.tf(&["create", &file]).expect(0);
    assert_eq!(manager.property("taskflows-web.service", "MainPID"), pid);
}

/// It started the container in the background, so that the unit ended at once and stopped it; sent its output
/// nowhere, and looked for its logs under another name.
#[test]
fn a_container_is_the_service_and_its_logs_are_the_services() {
    let (manager, engine) = (LiveManager::start(), Engine::start());
    let file = manager.write(
        "jobs.toml",
        &format!(
            r#"
[[services]]
name = "web"
start_command = ["sh", "-c", "echo serving; exec sleep 1000"]
restart_policy = "always"
environment = {{ image = "{IMAGE}", name = "other-name", network_mode = "none", init = true, engine_host = "{}" }}
"#,
            engine.host()
        ),
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "web"]).expect(0);
    wait_until("it logs", SOON, || manager.tf(&["logs", "web"]).stdout.contains("serving"));
    assert_eq!(manager.property("taskflows-web.service", "ActiveState"), "active");
    assert_eq!(manager.property("taskflows-web.service", "NRestarts"), "0");
    assert_eq!(engine.containers(), ["other-name"]);
    manager.tf(&["stop", "web"]).expect(0);
    assert_eq!(manager.property("taskflows-web.service", "ActiveState"), "inactive");
    manager.tf(&["remove", "web", "--yes"]).expect(0);
}
