//! Every field of a service against a real manager: systemd understands it, and it does what it says.

use std::fs;
use std::time::Duration;

use jiff::Timestamp;
use taskflows_tests::{LiveManager, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// Fails for every line of the units that are installed which systemd does not understand: it tells of one in a
/// warning only, and goes on without it.
#[track_caller]
fn verify(manager: &LiveManager, count: usize) {
    let units: Vec<String> = fs::read_dir(manager.unit_directory())
        .unwrap()
        .map(|entry| entry.unwrap().path().display().to_string())
        .filter(|path| path.ends_with(".service") || path.ends_with(".timer"))
        .collect();
    assert_eq!(units.len(), count);
    let mut verify = manager.command("systemd-analyze");
    let verified = verify.args(["--user", "--man=no", "verify"]).args(&units).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    let of_ours: Vec<&str> = said.lines().filter(|line| line.contains("taskflows-")).collect();
    assert!(of_ours.is_empty() && verified.status.success(), "{said}");
    // The manager that loaded them had no more to say.
    let mut journal = manager.command("journalctl");
    journal.arg(format!("--directory={}", manager.journal_directory().display()));
    let told = journal.args(["--no-pager", "--output=cat"]).output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let ignored = told.lines().find(|line| line.contains("Unknown key") || line.contains("ignoring"));
    assert_eq!(ignored, None);
}

#[test]
fn systemd_understands_every_environment_and_limit() {
    let manager = LiveManager::start();
    let mut text = include_str!("../../taskflows-core/tests/files/environments.toml").to_owned();
    // systemd-analyze looks for programs in its own directories only, whatever ExecSearchPath= says.
    for (there, here) in
        [("app.env", "/dev/null"), ("env_name = \"science\"", "path = \"/usr\""), ("\"python ", "\"sh ")]
    {
        text = text.replace(there, here);
    }
    for program in ["docker", "podman", "uv"] {
        let path = manager.home().join("bin").join(program);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/bin/true", &path).unwrap();
    }
    fs::create_dir_all(manager.home().join("project")).unwrap();
    let file = manager.write("environments.toml", &text);
    let path = format!("{}/bin:{}", manager.home().display(), std::env::var("PATH").unwrap());
    let mut tf = manager.command(taskflows_tests::tf_binary());
    let created = tf.args(["create", &file]).env("PATH", path).output().unwrap();
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    verify(&manager, 5);
    // What was written is what the manager has.
    let unit = "taskflows-venv.service";
    for (property, value) in [
        ("CPUQuotaPerSecUSec", "500ms"),
        ("CPUWeight", "200"),
        ("MemoryMax", "2147483648"),
        ("MemoryHigh", "1073741824"),
        ("MemoryLow", "805306368"),
        ("MemorySwapMax", "1073741824"),
        ("IOWeight", "50"),
        ("IOReadBandwidthMax", "/dev/sda 10485760\n/dev/sdb 5"),
        ("TasksMax", "100"),
        ("LimitNOFILE", "1024"),
        ("OOMScoreAdjust", "-5"),
        ("OOMPolicy", "kill"),
        ("ProtectSystem", "strict"),
        ("ReadOnlyPaths", "/"),
        ("CapabilityBoundingSet", "cap_net_bind_service"),
        ("DeviceAllow", "/dev/ttyUSB0 r"),
        ("TimeoutStopUSec", "10s"),
        ("WorkingDirectory", "/srv"),
    ] {
        assert_eq!(manager.property(unit, property), value, "{property}");
    }
    manager.tf(&["remove", "*", "--yes"]).expect(0);
}

#[test]
fn systemd_understands_every_line_we_write() {
    let manager = LiveManager::start();
    let mut text = include_str!("../../taskflows-core/tests/files/full.toml").to_owned();
    for (program, here) in [
        ("pg_dump", "true"),
        ("pg_ctl", "true"),
        ("curl", "true"),
        ("secrets.env", "/dev/null"),
        ("\"serve\"", "\"true\""),
    ] {
        text = text.replace(program, here);
    }
    let file = manager.write("full.toml", &text);
    manager.tf(&["create", &file]).expect(0);
    verify(&manager, 9);
    // The next starts are those that systemd computed.
    let next = manager.tf(&["next", "nightly*", "-n", "1", "-o", "json"]).expect(0).stdout;
    let next: serde_json::Value = serde_json::from_str(&next).unwrap();
    let at: Timestamp = next[0]["at"].as_str().unwrap().parse().unwrap();
    let told = manager.property("taskflows-nightly_backup.timer", "NextElapseUSecRealtime");
    assert_eq!(told, at.strftime("%a %Y-%m-%d %H:%M:%S UTC").to_string());
    // The manager has what the definition says.
    let unit = "taskflows-nightly_backup.service";
    assert_eq!(manager.property(unit, "RuntimeMaxUSec"), "1h 30min");
    assert_eq!(manager.property(unit, "Nice"), "5");
    assert_eq!(manager.property(unit, "Restart"), "on-failure");
    assert_eq!(manager.property(unit, "KillSignal"), "2");
    assert_eq!(
        manager.property(unit, "Requires").split(' ').find(|unit| unit.contains("poller")),
        Some("taskflows-poller.service")
    );
    let failure = manager.property(unit, "OnFailure");
    assert!(failure.contains("taskflows-daemon.service") && failure.contains("x2dby.device"), "{failure}");
    assert_eq!(manager.property("restart-taskflows-nightly_backup.timer", "RandomizedDelayUSec"), "5min");
    assert_eq!(manager.property("taskflows-daemon.service", "NotifyAccess"), "main");
    assert_eq!(manager.property("taskflows-daemon.service", "Restart"), "on-watchdog");
    assert_eq!(manager.property(unit, "Description"), "Copies 100% of the database");
    manager.tf(&["remove", "*", "--yes"]).expect(0);
}

#[test]
fn a_service_brings_along_what_it_requires_and_reads_its_credentials() {
    let manager = LiveManager::start();
    manager.write("token.txt", "s3cret 100%\n");
    let file = manager.write(
        "jobs.toml",
        r#"
[[services]]
name = "data base"
start_command = "sleep infinity"

[[services]]
name = "web"
start_command = ["sh", "-c", "cat $CREDENTIALS_DIRECTORY/token; exec sleep infinity"]
requires = "data base"
start_after = "data base"
credentials = { token = "token.txt" }
kill_signal = "SIGINT"

[[services]]
name = "alarm"
start_command = "echo alarmed"

[[services]]
name = "failing"
start_command = "false"
on_failure = "alarm"
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "web"]).expect(0);
    assert_eq!(manager.property("taskflows-data_base.service", "ActiveState"), "active");
    wait_until("the credential is read", SOON, || {
        manager.tf(&["logs", "web"]).stdout.contains("s3cret 100%")
    });
    for entry in fs::read_dir(manager.unit_directory()).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
        assert!(!text.contains("s3cret"), "a secret stands in a unit file");
    }
    // What is required stops: so does what requires it.
    manager.tf(&["stop", "data base"]).expect(0);
    wait_until("web stops too", SOON, || {
        manager.property("taskflows-web.service", "ActiveState") != "active"
    });
    manager.tf(&["start", "failing"]).expect(1);
    wait_until("the alarm is raised", SOON, || manager.tf(&["logs", "alarm"]).stdout.contains("alarmed"));
    manager.tf(&["remove", "*", "--yes"]).expect(0);
}

#[test]
fn a_service_that_hangs_is_ended_by_its_watchdog() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        r#"
[[services]]
name = "hangs"
start_command = ["sh", "-c", "systemd-notify --ready; exec sleep 60"]
watchdog = { interval = "1s", restart_on_hang = false }
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "hangs"]).expect(0);
    wait_until("the watchdog ends it", SOON, || manager.tf(&["status", "hangs"]).code == 3);
    let status = manager.tf(&["status", "hangs"]).expect(3).stdout;
    assert!(status.contains("did not answer its watchdog in time"), "{status}");
    manager.tf(&["remove", "hangs", "--yes"]).expect(0);
}
