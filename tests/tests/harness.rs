//! The private manager is a real one, keeps to itself, and leaves nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use taskflows_tests::{LiveManager, Output, repository, wait_until};

#[test]
fn a_private_manager_runs_units_and_keeps_their_lines() {
    let manager = LiveManager::start();
    // From outside its mount namespace systemctl finds no running systemd on some machines.
    let directory = manager.home().parent().unwrap().to_owned();
    let state = user_manager("exec", &directory, &["systemctl", "--user", "is-system-running"]).stdout;
    assert!(["running", "degraded"].contains(&state.trim()), "{state}");

    let code = |program: &str| {
        let mut command = manager.command("systemd-run");
        command.args(["--user", "--wait", "--quiet", program]).status().unwrap().code()
    };
    assert_eq!(code("true"), Some(0));
    assert_eq!(code("false"), Some(1));

    let unit_directory = manager.unit_directory();
    let unit = |name: &str, text: &str| std::fs::write(unit_directory.join(name), text).unwrap();
    // It lives on for a moment: journald takes the unit of a line from the process that wrote it.
    unit("tick.service", "[Service]\nType=oneshot\nExecStart=sh -c 'echo the line of tick; sleep 1'\n");
    unit("tick.timer", "[Timer]\nOnActiveSec=100ms\nAccuracySec=1ms\n");
    manager.systemctl(&["daemon-reload"]).expect(0);
    manager.systemctl(&["start", "tick.timer"]).expect(0);
    wait_until("the line of the unit that the timer started", Duration::from_secs(20), || {
        let mut journalctl = manager.command("journalctl");
        journalctl.arg("-D").arg(manager.journal_directory()).args([
            "-o",
            "cat",
            "_SYSTEMD_USER_UNIT=tick.service",
        ]);
        String::from_utf8(journalctl.output().unwrap().stdout)
            .unwrap()
            .lines()
            .any(|line| line == "the line of tick")
    });
}

#[test]
fn a_manager_ends_with_its_services_and_control_groups() {
    let manager = LiveManager::start();
    let mut command = manager.command("systemd-run");
    // A service that stays after it is told to end, so that more than a signal is needed.
    let stubborn =
        ["--user", "--quiet", "--unit=stubborn", "bash", "-c", "trap '' TERM; while :; do sleep 600; done"];
    assert!(command.args(stubborn).status().unwrap().success());
    let service: i32 = manager.property("stubborn.service", "MainPID").parse().unwrap();
    let processes = [manager.pid(), service];
    let groups = control_groups(manager.pid());
    assert!(!groups.is_empty() && groups.iter().all(|group| group.is_dir()), "{groups:?}");
    assert!(processes.iter().all(|pid| lives(*pid)));
    let directory = manager.home().parent().unwrap().to_owned();

    drop(manager);

    assert!(!processes.iter().any(|pid| lives(*pid)), "{processes:?}");
    assert_eq!(groups.iter().filter(|group| group.exists()).collect::<Vec<_>>(), Vec::<&PathBuf>::new());
    assert!(!directory.exists());
}

#[test]
fn managers_do_not_see_each_other() {
    let (first, second) = (LiveManager::start(), LiveManager::start());
    let mut command = first.command("systemd-run");
    assert!(command.args(["--user", "--quiet", "--unit=mine", "sleep", "600"]).status().unwrap().success());
    assert_eq!(second.property("mine.service", "ActiveState"), "inactive");
    drop(second);
    assert_eq!(first.property("mine.service", "ActiveState"), "active");
}

#[test]
fn a_reboot_keeps_files_and_brings_enabled_units_back() {
    let mut manager = LiveManager::start();
    let text = "[Service]\nExecStart=sleep 600\n[Install]\nWantedBy=default.target\n";
    std::fs::write(manager.unit_directory().join("kept.service"), text).unwrap();
    manager.systemctl(&["enable", "--quiet", "kept.service"]).expect(0);
    let before = manager.pid();
    manager.reboot();
    assert_ne!(manager.pid(), before);
    assert_eq!(manager.property("kept.service", "ActiveState"), "active");
}

#[test]
fn a_start_that_fails_says_why_and_leaves_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("x".repeat(90));
    let output = user_manager("start", &directory, &[]);
    assert_eq!(output.code, 1, "{}", output.stdout);
    assert!(output.stderr.contains("too long"), "{}", output.stderr);
    assert!(!directory.join("pid").exists() && !directory.join("conf").exists());
}

fn user_manager(verb: &str, directory: &Path, rest: &[&str]) -> Output {
    let mut command = Command::new(repository().join("scripts/user-manager"));
    let output = command.arg(verb).arg(directory).args(rest).output().unwrap();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Tells whether a process runs; one that has ended and waits to be collected does not.
fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).is_some_and(|state| !"ZX".contains(state))
}

/// Returns the topmost directories of a manager's control groups, one for each hierarchy that has one.
fn control_groups(pid: i32) -> Vec<PathBuf> {
    let own = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let mut slices = own.lines().filter_map(|line| line.rsplit(':').next()?.split('/').nth(1));
    let slice = slices.rfind(|name| name.starts_with("tftest")).unwrap().to_owned();
    let mounts = std::fs::read_dir("/sys/fs/cgroup").unwrap().map(|entry| entry.unwrap().path());
    let roots = mounts.filter(|path| path.is_dir()).chain([PathBuf::from("/sys/fs/cgroup")]);
    roots.map(|root| root.join(&slice)).filter(|group| group.exists()).collect()
}
