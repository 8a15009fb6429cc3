//! `tf doctor` and `tf why` against a real manager: what is wrong is found, and why a service ran or did not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use taskflows_tests::{LiveManager, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// What `tf doctor` found beyond what is good, as `severity check subject`.
#[track_caller]
fn doctor(manager: &LiveManager, exit: i32) -> Vec<String> {
    let found = manager.tf(&["doctor", "-o", "json"]).expect(exit).stdout;
    let found: Value = serde_json::from_str(&found).unwrap();
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let findings = found.as_array().unwrap().iter();
    findings
        .filter(|finding| ["error", "warning"].contains(&finding["severity"].as_str().unwrap()))
        // Whether the machine's clock is set by the network is not ours to say.
        .filter(|finding| finding["check"] != "clock")
        .map(|one| format!("{} {} {}", word(one, "severity"), word(one, "check"), word(one, "subject")))
        .collect()
}

/// What `tf why` answers.
#[track_caller]
fn why(manager: &LiveManager, arguments: &[&str]) -> Value {
    let arguments = [&["why", "-o", "json"], arguments].concat();
    let answer = manager.tf(&arguments).expect(0).stdout;
    serde_json::from_str::<Value>(&answer).unwrap()[0].take()
}

fn codes(answer: &Value) -> Vec<String> {
    let reasons = answer["reasons"].as_array().unwrap().iter();
    reasons.map(|reason| reason["code"].as_str().unwrap().to_owned()).collect()
}

/// The first reason's sentence.
fn first(answer: &Value) -> String {
    answer["reasons"][0]["message"].as_str().unwrap().to_owned()
}

fn is(answer: &Value, verdict: &str, code: &str) -> bool {
    answer["verdict"] == verdict && answer["reasons"][0]["code"] == code
}

fn ahead(seconds: i64) -> Timestamp {
    Timestamp::now().checked_add(SignedDuration::from_secs(seconds)).unwrap()
}

fn sleep_until(time: Timestamp) {
    let wait = time.duration_since(Timestamp::now());
    std::thread::sleep(Duration::try_from(wait).unwrap_or_default());
}

#[test]
fn a_good_host_has_no_fault_and_each_fault_is_found() {
    let manager = LiveManager::start();
    assert_eq!(doctor(&manager, 0), Vec::<String>::new(), "nothing is installed");
    let once = ahead(3);
    manager.write("variables.env", "A=1\n");
    let file = manager.write(
        "jobs.toml",
        &format!(
            r#"
[[services]]
name = "good"
start_command = "true"
start_schedule = "*-*-* 02:00 Europe/Berlin"
env_file = "variables.env"
working_directory = "~"

[[services]]
name = "once"
start_command = "true"
start_schedule = {{ at = "{once}" }}

[[services]]
name = "edited"
start_command = "true"

[[services]]
name = "stopped"
start_command = "true"
start_schedule = "daily"

[[services]]
name = "bad"
start_command = "false"
"#
        ),
    );
    manager.tf(&["create", &file]).expect(0);
    assert_eq!(doctor(&manager, 0), Vec::<String>::new(), "all is as it should be");

    let units = manager.unit_directory();
    let edited = units.join("taskflows-edited.service");
    let text = fs::read_to_string(&edited).unwrap();
    fs::write(&edited, text.replace("ExecStart=true", "ExecStart=/no/such/program")).unwrap();
    fs::remove_file(manager.home().join("variables.env")).unwrap();
    fs::write(units.join("taskflows-foreign.service"), "[Service]\nExecStart=true\n").unwrap();
    fs::write(units.join("taskflows-masked.service"), "").unwrap();
    fs::set_permissions(&units, fs::Permissions::from_mode(0o777)).unwrap();
    manager.tf(&["stop", "stopped", "--timers"]).expect(0);
    manager.tf(&["start", "bad"]).expect(1);
    sleep_until(once);
    wait_until("the timer has elapsed", SOON, || manager.tf(&["list", "once"]).stdout.contains("never"));
    let found = doctor(&manager, 1);
    let directory = format!("error directory {}", units.display());
    for expected in [
        directory.as_str(),
        "error failed taskflows-bad.service",
        "error masked taskflows-masked.service",
        "error needs taskflows-edited.service",
        "error needs taskflows-good.service",
        "error timer taskflows-stopped.timer",
        "warning drift taskflows-edited.service",
        "warning foreign taskflows-foreign.service",
        "warning never taskflows-once.timer",
    ] {
        assert!(found.iter().any(|one| one == expected), "{expected} is not among {found:#?}");
    }
    // The table says the same, and what to type.
    let table = manager.tf(&["doctor"]).expect(1);
    assert!(table.stdout.contains(&format!("fix: chmod 0755 {}", units.display())), "{}", table.stdout);
    assert!(table.stderr.contains(" errors, "), "{}", table.stderr);

    // What it says helps.
    fs::set_permissions(&units, fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(units.join("taskflows-foreign.service")).unwrap();
    fs::remove_file(units.join("taskflows-masked.service")).unwrap();
    manager.write("variables.env", "A=1\n");
    manager.tf(&["start", "stopped", "--timers"]).expect(0);
    manager.tf(&["remove", "once", "bad", "edited", "--yes"]).expect(0);
    assert_eq!(doctor(&manager, 0), Vec::<String>::new());
}

#[test]
fn units_that_the_manager_has_otherwise_are_found() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        r#"
[[services]]
name = "long"
start_command = "sleep 300"

[[services]]
name = "stale"
start_command = "true"
start_schedule = "daily"
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "long"]).expect(0);
    fs::remove_file(manager.unit_directory().join("taskflows-long.service")).unwrap();
    let stale = manager.unit_directory().join("taskflows-stale.timer");
    let text = fs::read_to_string(&stale).unwrap();
    fs::write(&stale, text.replace("OnCalendar=daily", "OnCalendar=weekly")).unwrap();
    let later = std::time::SystemTime::now() + Duration::from_secs(5);
    fs::File::options().write(true).open(&stale).unwrap().set_modified(later).unwrap();
    let found = doctor(&manager, 0);
    let drift = "warning drift taskflows-stale.timer".to_owned();
    assert_eq!(
        found.iter().filter(|one| **one == drift).count(),
        2,
        "edited, and not read again: {found:#?}"
    );
    assert!(found.contains(&"warning drift taskflows-long.service".to_owned()), "{found:#?}");
    let answer = why(&manager, &["stale"]);
    assert!(codes(&answer).contains(&"drift".to_owned()), "{answer:#}");
    manager.systemctl(&["stop", "taskflows-long.service"]);
}

#[test]
fn a_manager_that_is_away_does_not_hide_the_rest() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        "[[services]]\nname = \"a\"\nstart_command = \"true\"\nstart_schedule = \"daily\"\n",
    );
    manager.tf(&["create", &file]).expect(0);
    let unit = manager.unit_directory().join("taskflows-a.service");
    let text = fs::read_to_string(&unit).unwrap();
    fs::write(&unit, text + "# by hand\n").unwrap();
    let tf = |arguments: &[&str]| {
        let mut command = manager.command(taskflows_tests::tf_binary());
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
        let output = command.args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, told) = tf(&["doctor", "-v"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("error    the systemd user manager: does not answer"), "{told}");
    assert!(told.contains("taskflows-a.service: was changed by hand"), "{told}");
    assert!(told.contains("the unit directory is yours"), "{told}");
    let (code, told) = tf(&["why", "a"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("The systemd manager does not answer"), "{told}");
    let (code, _) = tf(&["why", "nobody"]);
    assert_eq!(code, Some(4));
}

#[test]
fn a_manager_that_hangs_is_told_within_the_limits() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        "[[services]]\nname = \"a\"\nstart_command = \"no-such-program\"\nstart_schedule = \"daily\"\n",
    );
    manager.tf(&["create", &file]).expect(0);
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &manager.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    };
    signal("-STOP");
    let began = Instant::now();
    let told = manager.tf(&["doctor"]);
    let why = manager.tf(&["why", "a"]);
    let took = began.elapsed();
    signal("-CONT");
    assert!(took < Duration::from_secs(16), "{took:?}");
    let told = told.expect(1).stdout;
    assert!(told.contains("does not answer") && told.contains("runs no-such-program"), "{told}");
    assert!(why.expect(0).stdout.contains("does not answer"));
}

#[test]
fn why_names_the_condition_or_assert_with_the_value_measured_now() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        r#"
[[services]]
name = "skipped"
start_command = "true"
system_load_constraints = [
    { type = "CPUs", amount = 1, silent = true },
    { type = "Memory", amount = "999TB", silent = true },
]

[[services]]
name = "refused"
start_command = "true"
system_load_constraints = [{ type = "CPUs", amount = 100000 }, { type = "Memory", amount = "1MB" }]
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "skipped"]).expect(0);
    manager.tf(&["start", "refused"]).expect(1);
    wait_until("the journal tells of both", SOON, || {
        is(&why(&manager, &["skipped"]), "not-started", "condition")
            && is(&why(&manager, &["refused"]), "not-started", "assert")
    });
    let answer = why(&manager, &["skipped"]);
    let (message, unmet) = (first(&answer), &answer["constraints"][1]);
    assert!(message.contains("ConditionMemory=>=1098412116148224 asks for at least 999.0T"), "{message}");
    assert_eq!((&unmet["is_met"], &answer["constraints"][0]["is_met"]), (&false.into(), &true.into()));
    let now = unmet["now"].as_str().unwrap();
    assert!(now.ends_with("of memory") && message.contains(now), "{message}");
    let answer = why(&manager, &["refused"]);
    let message = first(&answer);
    assert!(message.contains("AssertCPUs=>=100000") && !message.contains("AssertMemory"), "{message}");
    assert_eq!(answer["attempt"]["result"], "assert");
    let told = manager.tf(&["why", "skipped"]).expect(0).stdout;
    assert!(told.starts_with("skipped: not started\n"), "{told}");
}

#[test]
fn a_start_that_failed_shows_what_it_wrote_and_no_earlier_run() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        "[[services]]\nname = \"a\"\nstart_command = [\"sh\", \"-c\", \"sleep 0.2; echo said; exit 3\"]\n",
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "a", "--wait"]).expect(1);
    wait_until("the journal has it", SOON, || manager.tf(&["logs", "a"]).stdout.contains("said"));
    let told = manager.tf(&["start", "a", "--wait"]).expect(1).stderr;
    assert!(told.matches("said").count() <= 1 && told.matches("Failed with").count() <= 1, "{told}");
}

#[test]
fn a_service_does_not_inherit_the_runs_of_a_removed_one_of_its_name() {
    let manager = LiveManager::start();
    let define = |command: &str| {
        let text = format!("[[services]]\nname = \"a\"\nstart_command = \"{command}\"\n");
        manager.tf(&["create", &manager.write("jobs.toml", &text)]).expect(0);
    };
    let last = || manager.tf(&["list", "-o", "json"]).expect(0).stdout;
    define("sh -c 'exit 3'");
    manager.tf(&["start", "a"]).expect(1);
    wait_until("the journal tells of it", SOON, || is(&why(&manager, &["a"]), "failed", "failed"));
    // A changed definition keeps its history.
    define("sh -c 'exit 4'");
    assert!(is(&why(&manager, &["a"]), "failed", "failed"));
    assert!(last().contains("failed"), "{}", last());
    manager.tf(&["remove", "a"]).expect(0);
    define("true");
    let answer = why(&manager, &["a"]);
    assert!(codes(&answer).contains(&"never-ran".to_owned()), "{answer:#}");
    assert_eq!(answer["verdict"], "off");
    assert!(!last().contains("failed"), "{}", last());
    manager.tf(&["start", "a"]).expect(0);
    wait_until("its own run is told", SOON, || last().contains("\"ok\""));
}

#[test]
fn why_tells_what_kept_systemd_from_preparing_a_start() {
    let manager = LiveManager::start();
    manager.write("v.env", "A=1\n");
    let file = manager
        .write("jobs.toml", "[[services]]\nname = \"a\"\nstart_command = \"true\"\nenv_file = \"v.env\"\n");
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "a", "--wait"]).expect(0);
    std::thread::sleep(Duration::from_millis(1200));
    fs::remove_file(manager.home().join("v.env")).unwrap();
    manager.tf(&["start", "a"]).expect(1);
    wait_until("the journal tells of it", SOON, || is(&why(&manager, &["a"]), "failed", "failed"));
    let answer = why(&manager, &["a"]);
    assert_eq!(codes(&answer), ["failed", "needs", "unscheduled"], "{answer:#}");
    assert!(first(&answer).contains("systemd could not prepare it"), "{answer:#}");

    // A command that prepares the run and fails is told the same by every command.
    manager.write("v.env", "A=1\n");
    let directory = manager.unit_directory().join("taskflows-a.service.d");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("prepare.conf"), "[Service]\nExecStartPre=false\n").unwrap();
    manager.systemctl(&["daemon-reload"]).expect(0);
    let told = manager.tf(&["start", "a"]).expect(1).stderr;
    let words = "could not be prepared: exit code 1";
    assert!(told.contains(words), "{told}");
    wait_until("the journal tells of it", SOON, || first(&why(&manager, &["a"])).contains(words));
    for arguments in [&["doctor"][..], &["status", "a"]] {
        let told = manager.tf(arguments).stdout;
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn a_required_unit_that_does_not_exist_is_named() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        "[[services]]\nname = \"needs\"\nstart_command = \"true\"\nrequires = \"gone\"\n",
    );
    manager.tf(&["create", &file]).expect(0);
    let told = manager.tf(&["start", "needs"]).expect(1).stderr;
    assert!(told.contains("it requires taskflows-gone.service, and there is no such unit"), "{told}");
    assert_eq!(doctor(&manager, 1), ["error needs taskflows-needs.service"]);
}

#[test]
fn enabling_a_service_tells_that_it_makes_up_for_a_missed_run() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        "[[services]]\nname = \"a\"\nstart_command = \"true\"\nstart_schedule = \"*:*:0/3\"\n",
    );
    manager.tf(&["create", &file]).expect(0);
    wait_until("it has run", SOON, || why(&manager, &["a"])["verdict"] == "ran");
    manager.tf(&["disable", "a"]).expect(0);
    std::thread::sleep(Duration::from_secs(4));
    let told = manager.tf(&["enable", "a", "--dry-run"]).expect(0).stderr;
    assert!(told.contains("Would enable a; it would make up at once for the run missed at"), "{told}");
    let told = manager.tf(&["enable", "a"]).expect(0).stderr;
    assert!(told.contains("Enabled a; it makes up for a missed run now; next run"), "{told}");
}

#[test]
fn why_tells_of_the_start_limit_and_of_a_failed_dependency() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        r#"
[[services]]
name = "base"
start_command = "false"
restart_policy = { condition = "always", delay = "50ms", max_attempts = 2, window = "5min" }

[[services]]
name = "needy"
start_command = "true"
requires = "base"
start_after = "base"
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "base"]).expect(1);
    wait_until("the limit is hit", SOON, || is(&why(&manager, &["base"]), "not-started", "start-limit"));
    let answer = why(&manager, &["base"]);
    let remedy = answer["reasons"][0]["remedy"].as_str().unwrap();
    assert!(remedy.ends_with("systemctl --user reset-failed taskflows-base.service"), "{remedy}");
    assert_eq!(doctor(&manager, 1), ["error start-limit taskflows-base.service"]);
    // The journal takes a moment to have what was written.
    wait_until("a start tells of the limit", SOON, || {
        manager.tf(&["start", "base"]).stderr.contains("its start limit is reached")
    });
    let told = manager.tf(&["start", "base"]).expect(1).stderr;
    assert!(told.contains("then: systemctl --user reset-failed taskflows-base.service"), "{told}");
    assert!(told.contains("starts in 5min"), "{told}");
    manager.tf(&["start", "needy"]).expect(1);
    wait_until("the dependency has failed", SOON, || {
        is(&why(&manager, &["needy"]), "not-started", "dependency")
    });
    manager.systemctl(&["reset-failed", "taskflows-base.service"]).expect(0);
    assert_eq!(doctor(&manager, 0), Vec::<String>::new());
}

#[test]
fn why_tells_of_the_timer_and_of_what_it_started() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        r#"
[[services]]
name = "ticks"
start_command = "sh -c 'echo tick'"
start_schedule = "*:*:0/2"

[[services]]
name = "by-hand"
start_command = "sh -c 'exit 3'"
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "by-hand"]).expect(1);
    let answer = why(&manager, &["by-hand"]);
    assert!(is(&answer, "failed", "failed"), "{answer:#}");
    assert!(first(&answer).contains("by hand or by another unit"), "{answer:#}");
    assert!(first(&answer).contains("exit code 3"), "{answer:#}");
    wait_until("it ran", SOON, || is(&why(&manager, &["ticks"]), "ran", "ran"));
    let answer = why(&manager, &["ticks"]);
    assert!(first(&answer).contains("by its timer"), "{answer:#}");
    assert!(codes(&answer).contains(&"next".to_owned()), "{answer:#}");
    let ran: Timestamp = answer["attempt"]["at"].as_str().unwrap().parse().unwrap();
    let past = why(&manager, &["ticks", "--at", &ran.to_string()]);
    assert_eq!(past["attempt"]["at"], answer["attempt"]["at"], "{past:#}");
    let scheduled: Timestamp = past["scheduled"].as_str().unwrap().parse().unwrap();
    assert!(scheduled.as_second() % 2 == 0 && scheduled.as_second() == ran.as_second(), "{past:#}");
    wait_until("its lines are shown", SOON, || {
        let lines = why(&manager, &["ticks"])["lines"].to_string();
        lines.contains("tick")
    });

    manager.tf(&["disable", "ticks"]).expect(0);
    let answer = why(&manager, &["ticks"]);
    assert!(is(&answer, "off", "timer-off"), "{answer:#}");
    assert_eq!(answer["reasons"][0]["remedy"], "tf enable ticks");
    let off = ahead(0);
    std::thread::sleep(Duration::from_secs(3));
    manager.tf(&["enable", "ticks"]).expect(0);
    let due = off.checked_add(SignedDuration::from_secs(2)).unwrap().to_string();
    wait_until("the journal tells of it", SOON, || {
        is(&why(&manager, &["ticks", "--at", &due]), "missed", "timer-off")
    });
    let before = why(&manager, &["ticks", "--at", "1h"]);
    assert!(matches!(before["reasons"][0]["code"].as_str(), Some("timer-new" | "too-old")), "{before:#}");
    let coming = why(&manager, &["ticks", "--at", &ahead(3600).to_string()]);
    assert!(is(&coming, "coming", "coming"), "{coming:#}");
}

#[test]
fn why_tells_that_a_start_was_merged_with_a_run_under_way() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        "[[services]]\nname = \"slow\"\nstart_command = \"sleep 5\"\nstart_schedule = \"*:*:0/3\"\n",
    );
    manager.tf(&["create", &file]).expect(0);
    wait_until("it runs", SOON, || why(&manager, &["slow"])["verdict"] == "running");
    let answer = why(&manager, &["slow"]);
    let began: Timestamp = answer["attempt"]["at"].as_str().unwrap().parse().unwrap();
    // Due three seconds after the run began, which takes five.
    let due = began.checked_add(SignedDuration::from_millis(3_500)).unwrap();
    sleep_until(due);
    let now = why(&manager, &["slow"]);
    assert!(is(&now, "running", "running") && codes(&now).contains(&"merged".to_owned()), "{now:#}");
    let still = why(&manager, &["slow", "--at", &due.to_string()]);
    assert!(is(&still, "missed", "merged"), "{still:#}");
    assert!(first(&still).contains("it still is"), "{still:#}");
    wait_until("the next run begins", SOON, || {
        let answer = why(&manager, &["slow", "--at", &due.to_string()]);
        is(&answer, "missed", "merged") && first(&answer).contains("the next one began at")
    });
}

#[test]
fn why_tells_of_a_start_that_fell_due_while_no_manager_ran() {
    let mut manager = LiveManager::start();
    let due = ahead(4);
    let due = Timestamp::from_second(due.as_second()).unwrap();
    let file = manager.write(
        "jobs.toml",
        &format!(
            r#"
[[services]]
name = "made-up"
start_command = "true"
start_schedule = {{ at = "{due}" }}

[[services]]
name = "skipped"
start_command = "true"
start_schedule = {{ at = "{due}", persistent = false }}
"#
        ),
    );
    manager.tf(&["create", &file]).expect(0);
    manager.off_until(due.into());
    wait_until("the journal tells of the new manager", SOON, || {
        is(&why(&manager, &["skipped", "--at", &due.to_string()]), "missed", "manager-off")
    });
    let answer = why(&manager, &["skipped", "--at", &due.to_string()]);
    assert_eq!(codes(&answer), ["manager-off", "not-persistent"], "{answer:#}");
    assert_eq!(answer["scheduled"], due.to_string());
    wait_until("it is made up for", SOON, || {
        codes(&why(&manager, &["made-up", "--at", &due.to_string()])) == ["manager-off", "caught-up"]
    });
    // And without a time, it is what decides.
    let answer = why(&manager, &["skipped"]);
    assert!(codes(&answer).contains(&"manager-off".to_owned()), "{answer:#}");
}

#[test]
fn damaged_environments_are_found() {
    let manager = LiveManager::start();
    let file = manager.home().join(".local/state/taskflows/environments.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "{").unwrap();
    let found = doctor(&manager, 1);
    assert_eq!(found, [format!("error environments {}", file.display())]);
}
