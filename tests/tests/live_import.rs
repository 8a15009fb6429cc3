//! What is imported does on a live manager what it did before.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use taskflows_tests::{LiveManager, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// Runs every job of a crontab once; each writes to the file `out` of its own name.
fn run_all(manager: &LiveManager, crontab: &str) {
    let imported = manager.tf_with(&["import", "crontab", "-"], crontab).expect(0);
    manager.tf_with(&["create", "-", "--now"], &imported.stdout).expect(0);
}

#[track_caller]
fn written(manager: &LiveManager, name: &str) -> String {
    let path = manager.home().join(name);
    wait_until(&format!("{name} is written"), SOON, || path.exists());
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_input_of_a_job_arrives_byte_for_byte() {
    let manager = LiveManager::start();
    let cases = [
        ("one%Dear Joe,%%\\% of \"it\" \\n 'x' $HOME %", "Dear Joe,\n\n% of \"it\" \\n 'x' $HOME \n"),
        ("two%  begins and ends with spaces  ", "  begins and ends with spaces  \n"),
        ("three%%", "\n"),
        ("four%", ""),
        ("five%\ttab\t%back\\", "\ttab\t\nback\\\n"),
        ("six%é 日本 ; # [Service]", "é 日本 ; # [Service]\n"),
        ("seven%%%", "\n\n"),
        ("eight%\\\\%h", "\\%h\n"),
        ("nine", ""),
    ];
    let line = |(text, _): &(&str, &str)| {
        let (name, input) =
            text.split_once('%').map_or((*text, String::new()), |(name, rest)| (name, format!("%{rest}")));
        format!("0 0 1 1 * cat > {name}.part && mv {name}.part {name}{input}\n")
    };
    run_all(&manager, &cases.iter().map(line).collect::<String>());
    for (text, input) in cases {
        assert_eq!(written(&manager, text.split('%').next().unwrap()), input, "{text}");
    }
}

#[test]
fn a_job_has_the_shell_directory_and_variables_that_cron_gives_it() {
    let manager = LiveManager::start();
    run_all(
        &manager,
        "GREETING = ' a $HOME 100% \"b\" '\n\
         0 0 1 1 * printf '\\%s\\n' \"$0\" \"$SHELL\" \"$PATH\" \"$HOME\" \"$PWD\" \"$GREETING\" > plain.part; mv plain.part plain\n\
         SHELL=/bin/bash\nPATH=/bin:/opt/x\n\
         0 0 1 1 * [[ $BASH_VERSION ]] && echo \"$PATH\" > bash.part; mv bash.part bash\n",
    );
    let home = manager.home().display().to_string();
    let plain = format!("/bin/sh\n/bin/sh\n/usr/bin:/bin\n{home}\n{home}\n a $HOME 100% \"b\" \n");
    assert_eq!(written(&manager, "plain"), plain);
    assert_eq!(written(&manager, "bash"), "/bin:/opt/x\n");
}

#[test]
fn what_a_job_leaves_in_the_background_goes_on() {
    let manager = LiveManager::start();
    run_all(&manager, "0 0 1 1 * sleep 300 > /dev/null & echo $! > pid.part; mv pid.part pid\n");
    let pid = written(&manager, "pid").trim().to_owned();
    let unit = "taskflows-sleep.service";
    wait_until("the job has ended", SOON, || manager.property(unit, "ActiveState") == "inactive");
    let command = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    assert_eq!(command, "sleep\n");
    assert_eq!(manager.property(unit, "Result"), "success");
    manager.command("kill").arg(pid).status().unwrap();
}

#[test]
fn a_timer_elapses_when_cron_would_run_the_job() {
    let manager = LiveManager::start();
    let crontab = "0 9 1,15 * Fri true\n*/7 3-5 * * * true\n";
    let rows = manager.tf_with(&["import", "crontab", "-", "-o", "json"], crontab).expect(0).stdout;
    let rows: serde_json::Value = serde_json::from_str(&rows).unwrap();
    run_all(&manager, crontab);
    for (row, unit) in [(0, "taskflows-true.timer"), (1, "taskflows-true-2.timer")] {
        let next: jiff::Timestamp = rows[row]["old"][0].as_str().unwrap().parse().unwrap();
        let told = manager.property(unit, "NextElapseUSecRealtime");
        assert_eq!(told, next.strftime("%a %Y-%m-%d %H:%M:%S UTC").to_string());
    }
}

const SERVICE: &str = r#"[Unit]
Description=Copies 100%% of it
Documentation=man:backup(8)
After=network-online.target other.service
Wants=network-online.target
ConditionMemory=>=1M
ConditionPathExists=/
OnFailure=other.service

[Service]
Type=oneshot
Environment="A=x y" B=$c 'D=50%% "q"' \
  E=1
EnvironmentFile=-/etc/default/none
WorkingDirectory=%h
ExecStartPre=-/bin/mkdir -p %t/x
ExecStart=/bin/sh -c 'echo "$$A" "%%" ; true' "a b" \x41
ExecStop=/bin/true
TimeoutStartSec=10min
Nice=5
KillSignal=SIGINT
"#;

const DROP_IN: &str = "[Service]\nNice=\nNice=7\nEnvironment=E=2 F=3\nExecStop=\n";

const TIMER: &str = "\
[Timer]
OnCalendar=*-*-* 02:30
OnCalendar=Sat 12:00
OnBootSec=15min
RandomizedDelaySec=5min
FixedRandomDelay=yes
Persistent=true
[Install]
WantedBy=timers.target
";

const DAEMON: &str = "\
[Unit]
Description=Serves
StartLimitIntervalSec=20
StartLimitBurst=3
[Service]
Type=exec
ExecStart=-/bin/sleep $SECONDS
Environment=SECONDS=600
RuntimeMaxSec=2h
Restart=on-failure
RestartSec=3
TimeoutStopSec=7
ExecReload=/bin/kill -HUP $MAINPID
";

/// What differs between two units of the same meaning: their names, files, what happened to them, and what
/// taskflows gives every service.
const OWN: [&str; 24] = [
    // What keeps the run; no unit of others has it.
    "ExecStopPost",
    "ExecStopPostEx",
    "ControlGroup",
    "ControlGroupId",
    "ExecMainPID",
    "MainPID",
    "MemoryCurrent",
    "TasksCurrent",
    "Following",
    "FragmentPath",
    "DropInPaths",
    "Id",
    "InvocationID",
    "Names",
    "NextElapseUSecRealtime",
    "NextElapseUSecMonotonic",
    "Before",
    "RequiredBy",
    "SyslogIdentifier",
    "StandardError",
    "TriggeredBy",
    "Triggers",
    "Unit",
    "UnitFileState",
];

fn properties(manager: &LiveManager, unit: &str) -> BTreeMap<String, String> {
    let shown = manager.systemctl(&["show", "--all", unit]).expect(0).stdout;
    let pairs = shown.lines().filter_map(|line| line.split_once('='));
    let is_own = |key: &str| OWN.contains(&key) || key.contains("Timestamp") || key.contains("State");
    let settled = |(key, value): (&str, &str)| {
        let value = value.replace("taskflows-", "");
        // The times at which a command ran stand within it.
        let value = value.split(" ; start_time=").next().unwrap_or_default().to_owned();
        let value = value.replace("PYTHONUNBUFFERED=1", "").trim().to_owned();
        // A list of units has no order.
        let mut words: Vec<&str> = value.split(' ').collect();
        if ["After", "Environment"].contains(&key) {
            words.sort_unstable();
        }
        (key.to_owned(), words.join(" "))
    };
    pairs.filter(|(key, _)| !is_own(key)).map(settled).collect()
}

#[track_caller]
fn same(manager: &LiveManager, old: &str) {
    let (before, after) = (properties(manager, old), properties(manager, &format!("taskflows-{old}")));
    // A timer is described by the name of its service.
    let is_own = |key: &str| key == "Description" && old.ends_with(".timer");
    let differing: Vec<String> = before
        .iter()
        .filter(|(key, value)| after.get(*key) != Some(value) && !is_own(key))
        .map(|(key, value)| format!("{key}: {value:?} became {:?}", after.get(key)))
        .collect();
    assert!(differing.is_empty() && before.len() > 50, "{old}:\n{}", differing.join("\n"));
    assert_eq!(before.len(), after.len());
}

#[test]
fn a_unit_that_was_written_by_hand_keeps_its_properties() {
    let manager = LiveManager::start();
    let directory = manager.unit_directory();
    std::fs::create_dir_all(directory.join("backup.service.d")).unwrap();
    for (name, text) in [
        ("backup.service", SERVICE),
        ("backup.service.d/10-more.conf", DROP_IN),
        ("backup.timer", TIMER),
        ("daemon.service", DAEMON),
        ("web.service", "[Service]\nExecStart=/bin/true\n"),
        ("web.socket", "[Socket]\nListenStream=%t/web.sock\n"),
        ("at@.service", "[Service]\nExecStart=/bin/echo %i\n"),
    ] {
        std::fs::write(directory.join(name), text).unwrap();
    }
    manager.systemctl(&["daemon-reload"]).expect(0);
    manager.systemctl(&["enable", "--now", "backup.timer"]).expect(0);
    manager.systemctl(&["start", "web.socket"]).expect(0);
    let file = manager.home().join("units.toml").display().to_string();
    let told = manager.tf(&["import", "systemd", "backup", "daemon.service", "--write", &file]).expect(0);
    let verdict = "approximate  backup.service: backup\n             Timer.OnBootSec: starts it once more";
    assert!(told.stdout.contains(verdict), "{}", told.stdout);
    assert!(told.stdout.contains("next 5 runs equal"), "{}", told.stdout);
    manager.tf(&["create", &file]).expect(0);
    // Loaded, so that their properties are shown and not the defaults.
    for unit in ["daemon.service", "taskflows-daemon.service"] {
        manager.systemctl(&["start", unit]).expect(0);
    }
    for unit in ["backup.service", "backup.timer", "daemon.service"] {
        same(&manager, unit);
    }
    // What cannot be kept is told.
    let told = manager.tf(&["import", "systemd", "web.service"]).expect(6);
    assert!(told.stderr.contains("socket starts"), "{}", told.stderr);
    assert!(manager.tf(&["import", "systemd", "at@x.service"]).expect(6).stderr.contains("template"));
    assert!(manager.tf(&["import", "systemd", "taskflows-daemon"]).expect(6).stderr.contains("by taskflows"));
    manager.tf(&["import", "systemd", "nosuch"]).expect(4);
    manager.tf(&["import", "systemd", "web.socket"]).expect(2);
    manager.tf(&["remove", "*", "--yes"]).expect(0);
}

/// Pieces of a command line or an assignment that some layer might read in another way.
const PIECES: [&str; 40] = [
    "a", "b c", " ", "  ", "\\t", "\\n", "\\x41", "\\101", "\\s", "\\\\", "\\\"", "\\'", "\\;", "\\d",
    "\\u00e9", "\"", "'", "\" \"", "' '", "\"\"", "$", "$$", "$HOME", "${HOME}", "$$HOME", "%%", "%h", "%t",
    "%", "%z", ";", " ; ", "=", "#", "é", "~", "|", "-x", "/b/../c", "\\",
];

/// Returns a property as JSON, in which every word stands by itself.
fn words(manager: &LiveManager, unit: &str, property: &str) -> String {
    let escape =
        |c: char| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("_{:02x}", c as u32) };
    let path = format!("/org/freedesktop/systemd1/unit/{}", unit.chars().map(escape).collect::<String>());
    let service = "org.freedesktop.systemd1.Service";
    let mut busctl = manager.command("busctl");
    busctl.args([
        "--user",
        "--json=short",
        "get-property",
        "org.freedesktop.systemd1",
        &path,
        service,
        property,
    ]);
    let output = busctl.output().unwrap();
    assert!(output.status.success(), "{unit}: {}", String::from_utf8_lossy(&output.stderr));
    let mut value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    if let Some(items) = value["data"].as_array_mut() {
        items.retain(|item| item != "PYTHONUNBUFFERED=1");
        // A list of variables has no order.
        items.sort_by_key(|item| if item.is_string() { item.to_string() } else { String::new() });
    }
    value.to_string()
}

/// Whatever systemd makes of a line that was written by hand, it makes of the line that is imported.
#[test]
fn generated_lines_mean_the_same_before_and_after() {
    const CASES: usize = 250;
    let manager = LiveManager::start();
    std::fs::create_dir_all(manager.unit_directory()).unwrap();
    let mut runner = TestRunner::deterministic();
    let pieces = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..5);
    let mut text = || pieces.new_tree(&mut runner).unwrap().current().concat();
    let mut paths = Vec::new();
    for case in 0..CASES {
        let prefix = ["", "", "", "-", "@", ":", "+"][case % 7];
        let unit = format!(
            "[Service]\nType=exec\nExecStart={prefix}/bin/true {}\nExecStop=/bin/echo {}\nEnvironment=A={} \"B={}\" {}\n\
             WorkingDirectory=/{}\nEnvironmentFile=/none{}\n[Unit]\nDescription={}\n",
            text(),
            text(),
            text(),
            text(),
            text(),
            text(),
            text(),
            text(),
        );
        let path = manager.unit_directory().join(format!("case{case}.service"));
        std::fs::write(&path, unit).unwrap();
        paths.push(path.display().to_string());
    }
    // What systemd does not take before it need not take afterwards.
    manager.systemctl(&["daemon-reload"]).expect(0);
    let is_loaded = |case: &usize| manager.property(&format!("case{case}.service"), "LoadState") == "loaded";
    let cases: Vec<usize> = (0..CASES).filter(is_loaded).collect();
    let paths: Vec<String> = cases.iter().map(|case| paths[*case].clone()).collect();
    let import: Vec<&str> =
        ["import", "systemd"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let imported = manager.tf(&import);
    assert!([0, 6].contains(&imported.code), "{}", imported.stderr);
    manager.tf_with(&["create", "-"], &imported.stdout).expect(0);
    let (mut compared, mut differences) = (0, Vec::new());
    for (case, path) in cases.into_iter().zip(&paths) {
        if !imported.stdout.contains(&format!("\nname = \"case{case}\"\n")) {
            continue;
        }
        compared += 1;
        let (before, after) = (format!("case{case}.service"), format!("taskflows-case{case}.service"));
        let (old, new) = (properties(&manager, &before), properties(&manager, &after));
        for key in ["WorkingDirectory", "EnvironmentFiles", "Description", "LoadState"] {
            // A description that systemd cannot read is the unit's name.
            let is_name = key == "Description" && old.get(key) == Some(&before);
            if old.get(key) != new.get(key) && !is_name {
                differences.push(format!("{key}: {:?} became {:?}", old.get(key), new.get(key)));
            }
        }
        // The words of these, each by itself.
        for key in ["ExecStart", "ExecStop", "Environment"] {
            // The manager shows two dollars where it hands over one, as it does one within a word.
            let words = |unit: &str| words(&manager, unit, key).replace("$$", "$");
            let (old, new) = (words(&before), words(&after));
            assert!(key != "ExecStart" || old.contains("/bin/true"), "{old}");
            if old != new {
                let text = std::fs::read_to_string(path).unwrap();
                differences.push(format!("{key}: {old} became {new}\n{text}"));
            }
        }
    }
    assert!(compared > CASES / 3, "only {compared} are imported");
    assert!(
        differences.is_empty(),
        "{} of {compared} differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}
