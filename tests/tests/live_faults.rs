//! What goes wrong, and what is left then: nothing half done.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use taskflows_systemd::Mark;
use taskflows_tests::{LiveManager, tf_binary};

const SYSTEM_CALLS: &str = "openat,write,fsync,syncfs,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,sendmsg,flock";

fn define(manager: &LiveManager, file: &str, version: u32) -> String {
    let service = |name: &str| {
        format!(
            "[[services]]\nname = \"{name}\"\nstart_command = \"echo {version}\"\nstart_schedule = \"*-*-* 0{version}:00\"\n"
        )
    };
    manager.write(file, &[service("a"), service("b")].join("\n"))
}

/// Every unit file is whole, as its own fingerprint says.
fn assert_whole(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|suffix| suffix == "service" || suffix == "timer") {
            let text = fs::read_to_string(&path).unwrap();
            let mark =
                Mark::read(&text).unwrap_or_else(|| panic!("{} has no mark: {text:?}", path.display()));
            assert!(mark.is_intact(&text), "{} is not whole", path.display());
        }
    }
}

fn assert_installed(manager: &LiveManager, version: u32) {
    for name in ["a", "b"] {
        let service =
            fs::read_to_string(manager.unit_directory().join(format!("taskflows-{name}.service"))).unwrap();
        assert!(service.contains(&format!("ExecStart=echo {version}\n")), "{service}");
        let timer = format!("taskflows-{name}.timer");
        assert_eq!(manager.property(&timer, "ActiveState"), "active");
        assert_eq!(manager.property(&timer, "UnitFileState"), "enabled");
        assert_eq!(manager.property(&timer, "NeedDaemonReload"), "no");
        assert!(manager.property(&timer, "TimersCalendar").contains(&format!("0{version}:00:00")));
    }
}

fn leftovers(manager: &LiveManager) -> Vec<String> {
    let area = manager.unit_directory().join(".taskflows");
    let names = fs::read_dir(area).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "lock").collect()
}

#[test]
fn killed_at_any_system_call_create_is_repaired_by_the_next() {
    let manager = LiveManager::start();
    let files = [define(&manager, "one.toml", 1), define(&manager, "two.toml", 2)];
    manager.tf(&["create", &files[0]]).expect(0);
    let mut killed = 0;
    for call in 1.. {
        let version = call % 2;
        let inject = format!("inject={SYSTEM_CALLS}:signal=KILL:when={call}");
        let status = manager
            .command("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-e", &inject])
            .arg(tf_binary())
            .args(["create", &files[version]])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        if status.success() {
            break;
        }
        killed += 1;
        assert_whole(&manager.unit_directory());
        manager.tf(&["create", &files[version]]).expect(0);
        assert_whole(&manager.unit_directory());
        // Not at each of them, since each takes several processes.
        if call % 5 == 0 || killed < 5 {
            assert_installed(&manager, version as u32 + 1);
        }
        assert_eq!(leftovers(&manager), Vec::<String>::new(), "after call {call}");
    }
    assert!(killed > 40, "strace injected only {killed} kills");
    assert_installed(&manager, 2 - (killed as u32) % 2);
}

#[test]
fn an_error_at_any_write_changes_nothing() {
    let manager = LiveManager::start();
    let files = [define(&manager, "one.toml", 1), define(&manager, "two.toml", 2)];
    manager.tf(&["create", &files[0]]).expect(0);
    let mut failed = 0;
    // One kind at a time: strace counts each for itself, and a second fault would hit the way back.
    for kind in
        ["fsync", "rename", "renameat,renameat2", "link,linkat", "symlink,symlinkat", "mkdir", "mkdirat"]
    {
        for call in 1.. {
            let inject = format!("inject={kind}:error=ENOSPC:when={call}");
            let output = manager
                .command("strace")
                .args(["-f", "-qq", "-o", "/dev/null", "-e", &inject])
                .arg(tf_binary())
                .args(["create", &files[1]])
                .stdin(Stdio::null())
                .output()
                .unwrap();
            if output.status.success() {
                // Not reached any more; what it did is taken back for the next kind.
                manager.tf(&["create", &files[0]]).expect(0);
                break;
            }
            failed += 1;
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(stderr.contains("No space left on device"), "{stderr}");
            assert!(stderr.contains(".config/systemd/user"), "the message names no path: {stderr}");
            assert_installed(&manager, 1);
            let left = leftovers(&manager);
            assert!(left.is_empty() || left == ["staging"], "after {kind} {call}: {left:?}");
        }
    }
    assert!(failed > 8, "strace injected only {failed} errors");
    manager.tf(&["create", &files[1]]).expect(0);
    assert_installed(&manager, 2);
}

#[test]
fn a_unit_that_systemd_refuses_takes_everything_back() {
    let manager = LiveManager::start();
    let good = define(&manager, "one.toml", 1);
    manager.tf(&["create", &good]).expect(0);
    let bad = manager.write(
        "bad.toml",
        "[[services]]\nname = \"a\"\nstart_command = \"echo 2\"\nstart_schedule = \"hourly\"\n\
         [[services]]\nname = \"new\"\nstart_command = \"true\"\nstart_schedule = \"daily\"\n\
         systemd.Service.Type = \"oneshot\"\nsystemd.Service.Restart = \"always\"\n",
    );
    let refused = manager.tf(&["create", &bad]).expect(1);
    assert!(refused.stderr.contains("systemd refused to"), "{}", refused.stderr);
    assert!(!manager.unit_directory().join("taskflows-new.service").exists());
    assert_installed(&manager, 1);
    assert_eq!(leftovers(&manager), Vec::<String>::new());
}

#[test]
fn a_unit_that_is_not_ours_is_never_touched() {
    let manager = LiveManager::start();
    let directory = manager.unit_directory();
    let foreign = directory.join("taskflows-x.service");
    fs::write(&foreign, "[Service]\nExecStart=true\n").unwrap();
    let canary = manager.write("canary", "untouched");
    std::os::unix::fs::symlink(&canary, directory.join("taskflows-y.service")).unwrap();
    for name in ["x", "y"] {
        let file = manager
            .write("def.toml", &format!("[[services]]\nname = \"{name}\"\nstart_command = \"true\"\n"));
        let create = manager.tf(&["create", &file]).expect(1);
        assert!(create.stderr.contains("is not a unit of taskflows"), "{}", create.stderr);
        let remove = manager.tf(&["remove", name, "--yes"]).expect(1);
        assert!(remove.stderr.contains("is not a unit of taskflows"), "{}", remove.stderr);
        manager.tf(&["disable", name]).expect(1);
    }
    assert_eq!(fs::read_to_string(&foreign).unwrap(), "[Service]\nExecStart=true\n");
    assert_eq!(fs::read_to_string(&canary).unwrap(), "untouched");
    assert_eq!(manager.tf(&["list", "-o", "name"]).expect(0).stdout, "");
}

#[test]
fn without_a_manager_one_message_tells_the_remedy() {
    let manager = LiveManager::start();
    let file = define(&manager, "one.toml", 1);
    let told = |variables: &[(&str, &str)], unset: &[&str], arguments: &[&str]| {
        let mut command = manager.command(tf_binary());
        command.args(arguments).envs(variables.iter().copied());
        for name in unset {
            command.env_remove(name);
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let elsewhere = [("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")];
    for arguments in [&["create", file.as_str()][..], &["list"], &["status"], &["remove", "a"]] {
        let (code, stderr) = told(&elsewhere, &[], arguments);
        assert_eq!(code, 9, "{arguments:?}: {stderr}");
        assert!(
            stderr.contains("could not reach the systemd user manager") && stderr.contains("hint: "),
            "{stderr}"
        );
    }
    let (code, stderr) =
        told(&[("XDG_RUNTIME_DIR", "/nonexistent")], &["DBUS_SESSION_BUS_ADDRESS"], &["create", &file]);
    assert!(code == 9 && stderr.contains("loginctl enable-linger"), "{code} {stderr}");
    let (code, stderr) = told(&[], &["HOME"], &["list"]);
    assert!(code == 2 && stderr.contains("HOME"), "{code} {stderr}");
    let left = fs::read_dir(manager.unit_directory()).map_or(0, Iterator::count);
    assert_eq!(left, 0, "nothing was written");
}

#[test]
fn a_manager_that_hangs_costs_a_limit_and_changes_nothing() {
    let manager = LiveManager::start();
    let file = define(&manager, "one.toml", 1);
    manager.tf(&["list"]).expect(0);
    let signal = |name: &str| {
        assert!(manager.command("kill").args([name, &manager.pid().to_string()]).status().unwrap().success())
    };
    signal("-STOP");
    let began = Instant::now();
    let output = manager.tf(&["create", &file]);
    let took = began.elapsed();
    signal("-CONT");
    assert_eq!(output.code, 8, "{}", output.stderr);
    assert!(output.stderr.contains("no answer within 5s"), "{}", output.stderr);
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert_eq!(fs::read_dir(manager.unit_directory()).map_or(0, Iterator::count), 0);
    manager.tf(&["create", &file]).expect(0);
    assert_installed(&manager, 1);
}

#[test]
fn a_manager_that_dies_in_the_middle_leaves_nothing_half_done() {
    let mut manager = LiveManager::start();
    let one = define(&manager, "one.toml", 1);
    let two = define(&manager, "two.toml", 2);
    manager.tf(&["create", &one]).expect(0);
    // The manager is held, so that the command waits for it, and then it is gone.
    let mut child = manager
        .command("strace")
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "inject=symlink,symlinkat,rename,renameat,renameat2:delay_exit=60000",
        ])
        .arg(tf_binary())
        .args(["create", &two])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pending = manager.unit_directory().join(".taskflows/pending");
    taskflows_tests::wait_until("the change is decided", Duration::from_secs(10), || pending.exists());
    assert!(manager.command("kill").args(["-KILL", &manager.pid().to_string()]).status().unwrap().success());
    let code = child.wait().unwrap().code().unwrap();
    let mut stderr = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut stderr).unwrap();
    assert!(matches!(code, 8 | 9), "{code}: {stderr}");
    assert!(stderr.starts_with("error: ") && stderr.contains("hint: "), "{stderr}");
    assert_whole(&manager.unit_directory());
    manager.reboot();
    manager.tf(&["create", &two]).expect(0);
    assert_installed(&manager, 2);
    assert_eq!(leftovers(&manager), Vec::<String>::new());
}

#[test]
fn creates_at_the_same_time_do_not_mix() {
    let manager = LiveManager::start();
    let files: Vec<String> = (0..8).map(|n| define(&manager, &format!("{n}.toml"), n % 2 + 1)).collect();
    let spawn = |file: &String| {
        manager
            .command(tf_binary())
            .args(["create", file])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = files.iter().map(spawn).collect();
    for mut child in children {
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    let service = fs::read_to_string(manager.unit_directory().join("taskflows-a.service")).unwrap();
    assert_installed(&manager, if service.contains("echo 1") { 1 } else { 2 });
}

#[test]
fn a_schedule_that_never_fires_or_has_no_zone_is_refused() {
    let manager = LiveManager::start();
    for (schedule, reason) in [
        ("2026-02-30", "never fire"),
        ("2001-01-01 00:00", "never fire"),
        ("daily Europe/Berlln", "did you mean `Europe/Berlin`?"),
        ("daily CEST", "there is no time zone `CEST`"),
        ("daily +02:00", "a fixed offset is no zone"),
    ] {
        let file = manager.write(
            "def.toml",
            &format!(
                "[[services]]\nname = \"x\"\nstart_command = \"true\"\nstart_schedule = \"{schedule}\"\n"
            ),
        );
        let output = manager.tf(&["create", &file]).expect(2);
        assert!(output.stderr.contains(reason), "{schedule}: {}", output.stderr);
    }
    assert_eq!(fs::read_dir(manager.unit_directory()).map_or(0, Iterator::count), 0);
}
