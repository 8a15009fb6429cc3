//! What a plan says is what systemd does then; services that are gone go in the same change; edits end to end.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use taskflows_tests::{LiveManager, Output, tf_binary, wait_until};

const SOON: Duration = Duration::from_secs(10);

fn service(name: &str, rest: &str) -> String {
    format!("[[services]]\nname = \"{name}\"\n{rest}\n")
}

/// Returns the effects that a plan, as JSON, tells of a service.
fn effects(plan: &Output, name: &str) -> Vec<serde_json::Value> {
    let rows: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    let row = rows.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap();
    row["effects"].as_array().unwrap().clone()
}

fn kinds(effects: &[serde_json::Value]) -> Vec<&str> {
    effects.iter().map(|effect| effect["kind"].as_str().unwrap()).collect()
}

/// Returns the next elapse of a calendar timer as systemd has it.
fn next_elapse(manager: &LiveManager, timer: &str) -> jiff::Timestamp {
    let told = manager.property(timer, "NextElapseUSecRealtime");
    let civil = told.split_once(' ').unwrap().1.rsplit_once(' ').unwrap().0;
    let civil: jiff::civil::DateTime = civil.parse().unwrap();
    civil.to_zoned(jiff::tz::TimeZone::system()).unwrap().timestamp()
}

fn time(value: &serde_json::Value) -> jiff::Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn the_times_of_a_plan_are_the_times_of_systemd() {
    let manager = LiveManager::start();
    let define = |run: &str, stop: &str| {
        let schedules = format!(
            "start_command = \"true\"\nstart_schedule = [\"{run}\", \"2030-01-01\"]\nstop_schedule = \"{stop}\""
        );
        manager.write("jobs.toml", &service("night", &schedules))
    };
    let file = define("*-*-* 02:00 Europe/Berlin", "*-*-* 04:00 America/New_York");
    let plan = manager.tf(&["plan", &file, "-o", "json"]).expect(7);
    manager.tf(&["create", &file]).expect(0);
    let timers = ["taskflows-night.timer", "stop-taskflows-night.timer"];
    let before = timers.map(|timer| next_elapse(&manager, timer));
    let told = effects(&plan, "night");
    assert_eq!(kinds(&told), ["first", "first"]);
    assert_eq!([&told[0]["what"], &told[1]["what"]], ["run", "stop"]);
    assert_eq!([time(&told[0]["at"]), time(&told[1]["at"])], before);

    let file = define("Mon *-*-* 03:30 Asia/Kolkata", "*-*~01 05:15:30");
    let told = effects(&manager.tf(&["plan", &file, "-o", "json"]).expect(7), "night");
    let created = manager.tf(&["create", &file]).expect(0);
    let after = timers.map(|timer| next_elapse(&manager, timer));
    assert_eq!(kinds(&told), ["next_moves", "next_moves"]);
    assert_eq!([time(&told[0]["from"]), time(&told[1]["from"])], before);
    assert_eq!([time(&told[0]["to"]), time(&told[1]["to"])], after);
    assert!(created.stderr.contains("Updated night; next run moves from "), "{}", created.stderr);
    assert!(created.stderr.contains("; next stop moves from "), "{}", created.stderr);
}

#[test]
fn a_period_goes_on_from_the_last_run() {
    let manager = LiveManager::start();
    let define = |period: &str| {
        let schedule = format!("{{ start_on = \"boot\", period = \"{period}\", relative_to = \"start\" }}");
        let rest = format!("start_command = \"true\"\nstart_schedule = {schedule}");
        manager.write("jobs.toml", &service("often", &rest))
    };
    let file = define("1h");
    let plan = manager.tf(&["plan", &file, "-o", "json"]).expect(7);
    assert_eq!(kinds(&effects(&plan, "often")), ["starts_at_once"]);
    manager.tf(&["create", &file]).expect(0);
    let ran = || manager.property("taskflows-often.timer", "LastTriggerUSec");
    wait_until("it has run", SOON, || {
        !ran().is_empty() && manager.tf(&["list", "often"]).stdout.contains("ok ")
    });
    let first = ran();

    let file = define("2h");
    let told = effects(&manager.tf(&["plan", &file, "-o", "json"]).expect(7), "often");
    assert_eq!(kinds(&told), ["next_moves"]);
    manager.tf(&["create", &file]).expect(0);
    assert_eq!(ran(), first, "a longer period starts nothing");
    let listed: serde_json::Value =
        serde_json::from_str(&manager.tf(&["status", "often", "-o", "json"]).stdout).unwrap();
    let apart = time(&told[0]["to"]).duration_since(time(&listed[0]["next"])).abs();
    assert!(apart < jiff::SignedDuration::from_secs(2), "{told:?} {listed}");

    let file = define("1ms");
    let told = effects(&manager.tf(&["plan", &file, "-o", "json"]).expect(7), "often");
    assert_eq!(kinds(&told), ["starts_at_once"], "the new period is over already");
}

#[test]
fn a_change_to_what_runs_says_whether_it_needs_a_restart() {
    let manager = LiveManager::start();
    let define = |rest: &str| {
        manager.write("jobs.toml", &service("web", &format!("start_command = \"sleep 1000\"\n{rest}")))
    };
    let file = define("systemd.Service.MemoryMax = \"200M\"\ntimeout = \"1h\"");
    manager.tf(&["create", &file, "--now"]).expect(0);
    let pid = manager.property("taskflows-web.service", "MainPID");
    let group = manager.property("taskflows-web.service", "ControlGroup");
    let limit = || {
        let v1 = format!("/sys/fs/cgroup/memory{group}/memory.limit_in_bytes");
        let v2 = format!("/sys/fs/cgroup{group}/memory.max");
        fs::read_to_string(v1).or_else(|_| fs::read_to_string(v2)).unwrap().trim().to_owned()
    };
    assert_eq!(limit(), (200 << 20).to_string());
    let told = |file: &str| {
        let plan = manager.tf(&["plan", file, "-o", "json"]).expect(7);
        kinds(&effects(&plan, "web")).join(" ")
    };

    let file = define("systemd.Service.MemoryMax = \"100M\"\ntimeout = \"1h\"\nstart_after = \"other\"");
    assert_eq!(told(&file), "applies_at_once");
    manager.tf(&["create", &file]).expect(0);
    assert_eq!(limit(), (100 << 20).to_string(), "the limit is in force for what runs");

    let file = define("env = { A = \"1\" }\ntimeout = \"1h\"");
    assert_eq!(told(&file), "restart_needed");
    let created = manager.tf(&["create", &file]).expect(0);
    assert!(created.stderr.contains("restart needed to apply"), "{}", created.stderr);
    let environment =
        |pid: &str| String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/environ")).unwrap()).into_owned();
    assert!(!environment(&pid).contains("A=1"), "what runs goes on as it began");
    manager.tf(&["restart", "web"]).expect(0);
    assert!(environment(&manager.property("taskflows-web.service", "MainPID")).contains("A=1"));

    // A time limit is in force at once as well, so it ends what has run longer.
    let file = define("env = { A = \"1\" }\ntimeout = \"1s\"");
    assert_eq!(told(&file), "applies_at_once");
    manager.tf(&["create", &file]).expect(0);
    wait_until("it is ended", SOON, || manager.tf(&["list", "web"]).stdout.contains("failed"));
}

#[test]
fn without_a_manager_a_plan_is_made_from_the_files() {
    let manager = LiveManager::start();
    let define = |time: &str| {
        let rest = format!("start_command = \"true\"\nstart_schedule = \"*-*-* {time} UTC\"");
        manager.write("jobs.toml", &service("night", &rest))
    };
    manager.tf(&["create", &define("02:00")]).expect(0);
    let file = define("03:00");
    let asked = effects(&manager.tf(&["plan", &file, "-o", "json"]).expect(7), "night");
    let mut command = manager.command(tf_binary());
    command.args(["plan", &file, "-o", "json"]).env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(7), "{stderr}");
    assert!(stderr.contains("note: could not reach the systemd user manager"), "{stderr}");
    let blind = Output { code: 7, stdout: String::from_utf8(output.stdout).unwrap(), stderr };
    assert_eq!(effects(&blind, "night"), asked);
}

/// Writes `jobs.toml` with two services that run on the calendar, or with another in place of the second.
fn define(manager: &LiveManager, second: bool) -> String {
    let daily = |name: &str| service(name, "start_command = \"sleep 1000\"\nstart_schedule = \"daily\"");
    let text = if second { daily("a") + &daily("b") } else { daily("a") + &daily("c") };
    manager.write("jobs.toml", &text)
}

fn names(manager: &LiveManager) -> String {
    manager.tf(&["list", "-o", "name"]).expect(0).stdout.replace('\n', " ")
}

#[test]
fn a_service_that_is_gone_from_its_file_goes_with_the_change() {
    let manager = LiveManager::start();
    let file = define(&manager, true);
    manager.tf(&["create", &file]).expect(0);
    let other = manager.write("other.toml", &service("other", "start_command = \"true\""));
    manager.tf(&["create", &other]).expect(0);
    fs::write(manager.unit_directory().join("taskflows-foreign.service"), "[Service]\nExecStart=true\n")
        .unwrap();
    let drop_in = manager.unit_directory().join("taskflows-b.service.d");
    fs::create_dir(&drop_in).unwrap();
    fs::write(drop_in.join("nice.conf"), "[Service]\nNice=5\n").unwrap();
    manager.tf(&["start", "b"]).expect(0);
    define(&manager, false);

    let plan = manager.tf(&["plan", &file, "--prune"]).expect(7);
    assert!(
        plan.stdout.contains("- b  (") && plan.stdout.contains("> its run is stopped"),
        "{}",
        plan.stdout
    );
    let refused = manager.tf(&["create", &file, "--prune"]).expect(2);
    assert!(refused.stderr.contains("add --yes to remove them"), "{}", refused.stderr);
    assert_eq!(names(&manager), "a b other ", "what is refused changes nothing");
    assert_eq!(manager.property("taskflows-b.service", "ActiveState"), "active");

    let created = manager.tf(&["create", &file, "--prune", "--yes"]).expect(0);
    assert!(created.stderr.contains("1 created, 1 removed, 1 unchanged."), "{}", created.stderr);
    assert_eq!(names(&manager), "a c other ");
    assert_eq!(manager.property("taskflows-b.service", "ActiveState"), "inactive");
    assert_eq!(manager.property("taskflows-b.timer", "ActiveState"), "inactive");
    assert_eq!(manager.property("taskflows-c.timer", "ActiveState"), "active");
    assert!(manager.unit_directory().join("taskflows-foreign.service").exists());
    assert!(drop_in.join("nice.conf").exists(), "what others added is left alone");
    manager.tf(&["plan", &file, "--prune"]).expect(0);
}

#[test]
fn a_refused_unit_brings_back_what_was_to_go() {
    let manager = LiveManager::start();
    let file = define(&manager, true);
    manager.tf(&["create", &file]).expect(0);
    let bad =
        "start_command = \"true\"\nsystemd.Service.Type = \"oneshot\"\nsystemd.Service.Restart = \"always\"";
    manager.write("jobs.toml", &service("c", bad));
    let refused = manager.tf(&["create", &file, "--prune", "--yes"]).expect(1);
    assert!(refused.stderr.contains("systemd refused to"), "{}", refused.stderr);
    assert_eq!(names(&manager), "a b ");
    for timer in ["taskflows-a.timer", "taskflows-b.timer"] {
        assert_eq!(manager.property(timer, "ActiveState"), "active");
        assert_eq!(manager.property(timer, "UnitFileState"), "enabled");
    }
}

#[test]
fn killed_at_any_system_call_a_removal_and_a_change_are_both_made_or_neither() {
    const CALLS: &str = "openat,write,fsync,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,sendmsg";
    let manager = LiveManager::start();
    let file = define(&manager, true);
    manager.tf(&["create", &file]).expect(0);
    let (mut killed, mut seen) = (0, [0, 0]);
    for call in 1.. {
        let second = call % 2 == 0;
        define(&manager, second);
        let inject = format!("inject={CALLS}:signal=KILL:when={call}");
        let mut command = manager.command("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &inject]).arg(tf_binary());
        command.args(["create", &file, "--prune", "--yes"]);
        if command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success() {
            break;
        }
        killed += 1;
        // The next command that changes anything finishes or takes back: here it is about nothing.
        manager.tf(&["disable", "a"]).expect(0);
        manager.tf(&["enable", "a"]).expect(0);
        match names(&manager).as_str() {
            "a b " => seen[0] += 1,
            "a c " => seen[1] += 1,
            other => panic!("half of it is there after call {call}: {other}"),
        }
        manager.tf(&["create", &file, "--prune", "--yes"]).expect(0);
        assert_eq!(names(&manager), if second { "a b " } else { "a c " }, "after call {call}");
    }
    assert!(killed > 40, "strace injected only {killed} kills");
    assert!(seen[0] > 5 && seen[1] > 5, "{seen:?}");
}

#[test]
fn an_edit_by_hand_is_shown_though_the_definition_is_the_same() {
    let manager = LiveManager::start();
    let file = manager.write("jobs.toml", &service("web", "start_command = \"sleep 1\""));
    manager.tf(&["create", &file]).expect(0);
    let unit = manager.unit_directory().join("taskflows-web.service");
    let text = fs::read_to_string(&unit).unwrap();
    fs::write(&unit, text.replace("ExecStart=sleep 1", "ExecStart=sleep 2")).unwrap();
    let plan = manager.tf(&["plan", &file]).expect(7);
    assert!(
        plan.stdout.contains("! taskflows-web.service was edited by hand since taskflows wrote it\n")
            && plan.stdout.contains("- ExecStart=sleep 2\n    + ExecStart=sleep 1\n"),
        "{}",
        plan.stdout
    );
    manager.tf(&["create", &file]).expect(1);
    fs::write(manager.home().join("jobs.toml"), "services = []").unwrap();
    manager.tf(&["create", &file, "--prune", "-y"]).expect(1);
    manager.tf(&["create", &file, "--prune", "-y", "--force"]).expect(0);
    assert_eq!(names(&manager), "");
}

#[test]
fn a_drop_in_of_others_is_shown_and_left() {
    let manager = LiveManager::start();
    let file = manager.write("jobs.toml", &service("web", "start_command = \"sleep 1000\""));
    manager.tf(&["create", &file, "--now"]).expect(0);
    let directory = manager.unit_directory().join("taskflows-web.service.d");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("nice.conf"), "[Service]\nNice=5\n").unwrap();
    manager.systemctl(&["daemon-reload"]).expect(0);
    manager.tf(&["plan", &file]).expect(0);
    let shown = manager.tf(&["show", "web"]).expect(0);
    assert!(
        shown.stdout.contains("# taskflows-web.service.d/nice.conf\n[Service]\nNice=5\n"),
        "{}",
        shown.stdout
    );
    let removed = manager.tf(&["remove", "web"]).expect(0);
    assert!(
        removed.stderr.contains("taskflows-web.service.d/nice.conf is not of taskflows"),
        "{}",
        removed.stderr
    );
    assert!(directory.join("nice.conf").exists());
    assert_eq!(names(&manager), "");
}

/// Runs `tf` with an editor that is a small script, which gets the file as its argument.
fn edit(manager: &LiveManager, script: &str, arguments: &[&str]) -> Output {
    let editor = manager.write("editor.sh", &format!("#!/bin/sh\n{script}\n"));
    assert!(Command::new("chmod").args(["+x", &editor]).status().unwrap().success());
    let mut command = manager.command(tf_binary());
    command.arg("edit").args(arguments).env("EDITOR", &editor).env("VISUAL", "");
    let output = command.stdin(Stdio::null()).output().unwrap();
    Output {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn an_edit_changes_file_and_units_or_neither() {
    let manager = LiveManager::start();
    let rest = "# the nightly one\nstart_command = \"true\"\nstart_schedule = \"*-*-* 02:00 UTC\"";
    let text = service("night", rest);
    let file = manager.write("jobs.toml", &text);
    manager.tf(&["create", &file]).expect(0);
    let timer = || fs::read_to_string(manager.unit_directory().join("taskflows-night.timer")).unwrap();
    let unchanged = |output: Output, code: i32, told: &str| {
        let output = output.expect(code);
        assert!(output.stderr.contains(told), "{}", output.stderr);
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        assert!(timer().contains("02:00"));
        // A text that cannot be applied is kept and named; no other copy is left.
        if let Some((_, kept)) = output.stderr.split_once("your text is in ") {
            fs::remove_file(kept.trim()).unwrap();
        }
        let is_copy = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with(".jobs.");
        let entries = fs::read_dir(manager.home()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(entries.filter(|name| is_copy(name)).count(), 0, "no copy is left");
    };
    unchanged(edit(&manager, "sed -i s/02:00/03:00/ \"$1\"", &["night"]), 2, "no terminal");
    unchanged(edit(&manager, "exit 4", &["night", "-y"]), 1, "ended with exit status: 4");
    unchanged(edit(&manager, "kill -9 $$", &["night", "-y"]), 1, "ended with signal: 9");
    unchanged(edit(&manager, "exit 0", &["night", "-y"]), 0, "the text is the same");
    unchanged(edit(&manager, "rm \"$1\"", &["night", "-y"]), 2, "could not read");
    unchanged(edit(&manager, "sed -i s/02:00/29:00/ \"$1\"", &["night", "-y"]), 2, "jobs.toml:5:");
    unchanged(
        edit(&manager, "sed -i s/UTC/Mars/ \"$1\"", &["night", "-y"]),
        2,
        "there is no time zone `Mars`",
    );
    unchanged(edit(&manager, ": > \"$1\"", &["night", "-y"]), 2, "a definition needs `services`");

    let edited = edit(&manager, "sed -i s/02:00/03:00/ \"$1\"", &["night", "-y"]).expect(0);
    assert!(edited.stderr.contains("Updated night; next run moves from "), "{}", edited.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), text.replace("02:00", "03:00"));
    assert!(manager.property("taskflows-night.timer", "TimersCalendar").contains("03:00:00"));
    manager.tf(&["plan", &file]).expect(0);
}

#[test]
fn a_paused_schedule_that_changes_catches_up_on_nothing() {
    let manager = LiveManager::start();
    let define = |time: &str| {
        let rest = format!("start_command = \"true\"\nstart_schedule = \"{time}\"");
        manager.write("jobs.toml", &service("paused", &rest))
    };
    manager.tf(&["create", &define("*:*:0/1")]).expect(0);
    wait_until("it ran", SOON, || manager.tf(&["list", "paused"]).stdout.contains("ok "));
    manager.tf(&["stop", "paused", "--timers"]).expect(0);
    let passed = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(1)).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let file = define(&passed.strftime("*-*-* %H:%M:%S UTC").to_string());
    let told = effects(&manager.tf(&["plan", &file, "-o", "json"]).expect(7), "paused");
    assert_eq!(kinds(&told), ["now_scheduled"]);
    manager.tf(&["create", &file]).expect(0);
    assert_eq!(time(&told[0]["at"]), next_elapse(&manager, "taskflows-paused.timer"));
    std::thread::sleep(Duration::from_secs(1));
    let runs = manager.tf(&["logs", "paused", "--since", "2s"]).expect(0).stdout;
    assert_eq!(runs, "", "it starts at the time that was told");
}

#[test]
fn a_time_between_the_last_run_and_now_is_not_made_up_for() {
    let manager = LiveManager::start();
    for persistent in [true, false] {
        let define = |time: jiff::Timestamp, command: &str| {
            let rest = format!(
                "start_command = \"{command}\"\n\
                 start_schedule = {{ schedule = \"{}\", persistent = {persistent} }}",
                time.strftime("*-*-* %H:%M:%S UTC")
            );
            manager.write("jobs.toml", &service("daily", &rest))
        };
        let later = |millis: i64| {
            jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_millis(millis)).unwrap()
        };
        let first = later(2_000);
        manager.tf(&["create", &define(first, "sleep 5")]).expect(0);
        let ran = || manager.property("taskflows-daily.timer", "LastTriggerUSec");
        wait_until("it ran", SOON, || !ran().is_empty());
        std::thread::sleep(Duration::from_secs(2));
        // Its run is still under way, and goes on.
        let pid = manager.property("taskflows-daily.service", "MainPID");
        let file = define(first.checked_add(jiff::SignedDuration::from_secs(1)).unwrap(), "sleep 5");
        let told = effects(&manager.tf(&["plan", &file, "-o", "json"]).expect(7), "daily");
        assert_eq!(kinds(&told), ["next_moves", "run_continues"]);
        manager.tf(&["create", &file]).expect(0);
        assert_eq!(time(&told[0]["to"]), next_elapse(&manager, "taskflows-daily.timer"));
        assert_eq!(ran(), "", "persistent = {persistent}: it is not made up for");
        assert_eq!(manager.property("taskflows-daily.service", "MainPID"), pid);
        assert_eq!(manager.property("taskflows-daily.timer", "UnitFileState"), "enabled");
        manager.tf(&["remove", "daily"]).expect(0);
    }
}

#[test]
fn a_new_service_makes_up_for_no_run_of_another_of_its_name() {
    let manager = LiveManager::start();
    let stamps = manager.home().join(".local/share/systemd/timers");
    fs::create_dir_all(&stamps).unwrap();
    let stamp = stamps.join("stamp-taskflows-heir.timer");
    fs::write(&stamp, "").unwrap();
    let old = Command::new("touch").args(["-d", "2026-01-01"]).arg(&stamp).status().unwrap();
    assert!(old.success());
    let file = manager
        .write("jobs.toml", &service("heir", "start_command = \"true\"\nstart_schedule = \"daily UTC\""));
    let told = effects(&manager.tf(&["plan", &file, "-o", "json"]).expect(7), "heir");
    assert_eq!(kinds(&told), ["first"]);
    manager.tf(&["create", &file]).expect(0);
    assert_eq!(time(&told[0]["at"]), next_elapse(&manager, "taskflows-heir.timer"));
    assert_eq!(manager.property("taskflows-heir.timer", "LastTriggerUSec"), "");
}

#[test]
fn an_edit_that_is_ended_ends_its_editor_and_keeps_the_text() {
    let manager = LiveManager::start();
    let file = manager.write("jobs.toml", "[[services]]\nname = \"a\"\nstart_command = \"true\"\n");
    manager.tf(&["create", &file]).expect(0);
    let mut command = manager.command(taskflows_tests::tf_binary());
    command.env("EDITOR", "sh -c 'echo \"# mine\" >> \"$1\"; echo $$ > editor.pid; exec sleep 300' sh");
    command.args(["edit", "a", "--yes"]).stdin(std::process::Stdio::null());
    let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let pid = manager.home().join("editor.pid");
    let written = || std::fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n'));
    wait_until("the editor runs", std::time::Duration::from_secs(20), written);
    manager.command("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{told}");
    let kept = told.split("your text is in ").nth(1).unwrap().trim();
    assert!(std::fs::read_to_string(kept).unwrap().ends_with("# mine\n"), "{told}");
    let editor = std::fs::read_to_string(&pid).unwrap();
    assert!(!std::path::Path::new("/proc").join(editor.trim()).exists(), "its editor is gone");
}
