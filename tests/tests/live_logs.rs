//! `tf logs` over the journal of a real manager.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use taskflows_tests::{LiveManager, Output, repository, tf_binary, wait_until};

const SOON: Duration = Duration::from_secs(60);

/// So much memory may `tf` take for a message of a megabyte, in kilobytes.
const MEMORY: u64 = 64 << 10;

fn lines(output: &Output) -> Vec<&str> {
    output.stdout.lines().collect()
}

fn rows(output: &Output) -> Vec<Value> {
    output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Installs what a definition says.
fn create(manager: &LiveManager, definition: &str) {
    let file = manager.write("jobs.toml", definition);
    manager.tf(&["create", &file]).expect(0);
}

/// Waits until `tf logs` with these arguments writes `text`.
#[track_caller]
fn wait_for(manager: &LiveManager, arguments: &[&str], text: &str) {
    wait_until(text, SOON, || manager.tf(arguments).stdout.contains(text));
}

/// Runs a command as root where the journal's own files and sockets are.
fn beside_journald(manager: &LiveManager, words: &[&str]) {
    let directory = manager.home().parent().unwrap().to_owned();
    let mut command = Command::new(repository().join("scripts/user-manager"));
    let output = command.arg("exec").arg(directory).args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// `tf logs -f` that writes to a file.
struct Following {
    tf: Child,
    to: PathBuf,
}

impl Following {
    fn start(manager: &LiveManager, arguments: &[&str]) -> Self {
        let to = manager.home().join("followed");
        let mut command = manager.command(tf_binary());
        command.args(["logs", "-f", "-o", "raw"]).args(arguments);
        let tf = command.stdout(fs::File::create(&to).unwrap()).spawn().unwrap();
        Self { tf, to }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.to).unwrap()
    }

    #[track_caller]
    fn wait_for_line(&self, line: &str) {
        wait_until(line, SOON, || self.text().lines().any(|own| own == line));
    }

    /// Ends the `journalctl` that it reads from, and no other.
    fn kill_journalctl(&self) {
        let pid = self.tf.id();
        let of_tf = || fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        wait_until("journalctl runs", SOON, || !of_tf().trim().is_empty());
        for child in of_tf().split_whitespace() {
            assert!(Command::new("kill").args(["-KILL", child]).status().unwrap().success());
        }
    }

    fn interrupt(mut self) -> Option<i32> {
        assert!(Command::new("kill").args(["-INT", &self.tf.id().to_string()]).status().unwrap().success());
        self.tf.wait().unwrap().code()
    }
}

#[test]
fn a_follow_survives_rotated_and_vacuumed_files_and_the_end_of_journalctl() {
    let manager = LiveManager::start();
    let script =
        "n=0; while [ ! -e $HOME/enough ]; do n=$((n+1)); echo line $n; sleep 0.05; done; echo all $n";
    create(
        &manager,
        &format!(
            "[[services]]\nname = \"talks\"\nstart_command = [\"sh\", \"-c\", '{script}']\n[[services]]\nname = \"quiet\"\nstart_command = \"true\"\n"
        ),
    );
    let following = Following::start(&manager, &["talks", "quiet", "-n", "0", "--grep", "^(line|all) "]);
    // Nobody writes before it looks.
    std::thread::sleep(Duration::from_millis(1500));
    manager.tf(&["start", "talks"]).expect(0);
    following.wait_for_line("line 5");
    let newest = |more: u64| {
        let text = following.text();
        let last = text.lines().last().unwrap_or_default();
        let number: u64 = last.rsplit(' ').next().unwrap_or_default().parse().unwrap_or(0);
        format!("line {}", number + more)
    };
    beside_journald(&manager, &["journalctl", "--rotate"]);
    following.wait_for_line(&newest(5));
    beside_journald(&manager, &["journalctl", "--rotate"]);
    beside_journald(&manager, &["journalctl", "--vacuum-files=1", "--vacuum-size=1"]);
    following.wait_for_line(&newest(5));
    following.kill_journalctl();
    following.wait_for_line(&newest(5));
    // While nobody reads, files come and go, and the entry it came to with them.
    following.kill_journalctl();
    beside_journald(&manager, &["journalctl", "--rotate"]);
    following.wait_for_line(&newest(5));
    manager.write("enough", "");
    wait_until("the last line", SOON, || following.text().contains("all "));
    let text = following.text();
    let count: usize = text.lines().last().unwrap().strip_prefix("all ").unwrap().parse().unwrap();
    let wanted: Vec<String> = (1..=count).map(|number| format!("line {number}")).collect();
    let found: Vec<&str> = text.lines().take(text.lines().count() - 1).collect();
    assert_eq!(found, wanted, "each line once and in order");
    assert_eq!(following.interrupt(), Some(130));
}

#[test]
fn a_follow_ends_when_it_is_interrupted_or_nobody_reads_and_tells_of_a_journalctl_that_always_ends() {
    let manager = LiveManager::start();
    create(
        &manager,
        "[[services]]\nname = \"talks\"\nstart_command = [\"sh\", \"-c\", 'while sleep 0.1; do echo on; done']\n",
    );
    manager.tf(&["start", "talks"]).expect(0);
    wait_for(&manager, &["logs", "talks"], "on");
    let nothing = Following::start(&manager, &["talks", "--grep", "nobody says this", "--level", "err"]);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(nothing.text(), "");
    assert_eq!(nothing.interrupt(), Some(130));
    let script = format!("timeout 60 {} logs talks -f | head -n 2", tf_binary().display());
    let output = manager.command("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");

    let programs = manager.home().join("programs");
    fs::create_dir(&programs).unwrap();
    let journalctl = |script: &str| {
        let path = programs.join("journalctl");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        assert!(Command::new("chmod").arg("755").arg(&path).status().unwrap().success());
    };
    let tf = |arguments: &[&str], path: &Path| {
        let output = manager.command(tf_binary()).args(arguments).env("PATH", path).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    journalctl("kill -9 $$");
    let (code, told) = tf(&["logs", "talks", "-f", "--since", "1h"], &programs);
    assert!(
        code == Some(1) && told.contains("the journal: ") && told.contains("signal: 9"),
        "{code:?} {told}"
    );
    journalctl("echo 'Failed to open files: Bad message' >&2; exit 1");
    for arguments in [&["logs", "talks"][..], &["logs", "talks", "-f"]] {
        let (code, told) = tf(arguments, &programs);
        assert!(
            code == Some(1) && told.contains("the journal: ") && told.contains("Failed to open files"),
            "{told}"
        );
    }
    let (code, told) = tf(&["logs", "talks"], &manager.home());
    assert!(code == Some(1) && told.contains("start `journalctl`") && told.contains("PATH"), "{told}");
    manager.tf(&["stop", "talks"]).expect(0);
}

#[test]
fn the_lines_of_a_run_and_of_its_attempts_are_told_apart() {
    let manager = LiveManager::start();
    let warning = r#"{"event":"disk nearly full","level_name":"warning","context":{"free":3}}"#;
    create(
        &manager,
        &format!(
            "[[services]]\nname = \"tries\"\nstart_command = [\"sh\", \"-c\", '''echo try $TASKFLOWS_ATTEMPT; echo '{warning}'; test $TASKFLOWS_ATTEMPT = 2''']\n\
             task = {{ retries = 1, backoff = \"10ms\" }}\n\
             [[services]]\nname = \"plain\"\nstart_command = [\"sh\", \"-c\", \"echo plain words\"]\n"
        ),
    );
    for _ in 0..2 {
        manager.tf(&["start", "tries", "--wait"]).expect(0);
    }
    let history = rows(&manager.tf(&["history", "tries", "-o", "jsonl"]).expect(0));
    let run = history[1]["id"].as_str().unwrap();
    let digits = &run[..8];
    wait_for(&manager, &["logs", "--run", digits, "-o", "raw", "--attempt", "2"], "try 2");
    let first = manager.tf(&["logs", "--run", digits, "--attempt", "1", "--grep", "^try|disk", "-o", "raw"]);
    assert_eq!(lines(&first.expect(0)), ["try 1", warning]);
    let second = manager.tf(&["logs", "--run", digits, "--attempt", "2", "-o", "jsonl"]).expect(0);
    let second: Vec<Value> = rows(&second);
    assert!(second.iter().all(|row| row["run"] == run && row["attempt"] == 2), "{second:?}");
    let told = &second.iter().find(|row| row["message"] == warning).unwrap();
    assert_eq!((&told["priority"], &told["level"]), (&4.into(), &"warning".into()));
    assert_eq!(told["fields"]["context"]["free"], 3);
    let of_run = rows(&manager.tf(&["logs", "--run", digits, "-o", "jsonl"]).expect(0));
    assert!(of_run.iter().all(|row| row["run"] == run));
    assert!(of_run.iter().any(|row| row["origin"] == "systemd"), "what systemd said of it as well");
    assert_eq!(of_run.iter().filter(|row| row["message"] == "try 1").count(), 1);
    let human = manager.tf(&["logs", "--run", digits, "--level", "warning", "--grep", "disk"]).expect(0);
    assert!(human.stdout.contains(" WARNING disk nearly full free=3\n"), "{}", human.stdout);

    // Without `task`, and where journald knows no invocation, the time says which run it was.
    for _ in 0..2 {
        manager.tf(&["start", "plain", "--wait"]).expect(0);
        std::thread::sleep(Duration::from_millis(1100));
    }
    wait_for(&manager, &["logs", "plain"], "plain words");
    let of_plain = rows(&manager.tf(&["logs", "plain", "-o", "jsonl"]).expect(0));
    let newest = of_plain.iter().rfind(|row| row["origin"] == "systemd").unwrap();
    let (id, time) = (newest["run"].as_str().unwrap(), newest["time"].as_str().unwrap());
    let by_id = manager.tf(&["logs", "plain", "--run", id, "-o", "raw"]).expect(0);
    assert!(by_id.stdout.contains("taskflows-plain.service"), "{}", by_id.stdout);
    let since: jiff::Timestamp = time.parse().unwrap();
    let since = since.checked_sub(jiff::SignedDuration::from_millis(500)).unwrap().to_string();
    let by_time = manager.tf(&["logs", "plain", "--run", id, "--since", &since, "-o", "jsonl"]).expect(0);
    let words: Vec<Value> =
        rows(&by_time).into_iter().filter(|row| row["message"] == "plain words").collect();
    assert!(words.len() == 1 && words[0]["run"] == id, "{words:?}");
}

#[test]
fn odd_lines_are_read_searched_and_merged_in_bounded_memory() {
    let manager = LiveManager::start();
    create(
        &manager,
        r#"
[[services]]
name = "odd"
start_command = ["sh", "-c", '''printf 'caf\351 \377\376\n'; printf '\033[31mred\033[0m\n'; echo '{"level":50,"msg":"no route","to":"db"}'; echo '{"level":30,"msg":"fine"}'; echo '<4>mind the gap' ''']

[[services]]
name = "big"
start_command = ["sh", "-c", 'logger --journald=$HOME/text; logger --journald=$HOME/bytes; sleep 0.2']

[[services]]
name = "other"
start_command = ["sh", "-c", "echo another"]
"#,
    );
    let entry = |name: &str, message: Vec<u8>| {
        let fields = [b"SYSLOG_IDENTIFIER=taskflows-big\nMESSAGE=", &message[..], b"\n"].concat();
        fs::write(manager.home().join(name), fields).unwrap();
    };
    entry("text", [&b"text "[..], &vec![b'x'; 1 << 20]].concat());
    entry("bytes", [&b"bytes "[..], &vec![0xff; 1 << 20]].concat());
    for name in ["odd", "big", "other"] {
        manager.tf(&["start", name, "--wait"]).expect(0);
    }
    wait_for(&manager, &["logs", "other"], "another");
    wait_for(&manager, &["logs", "big", "--grep", "^bytes"], "bytes");

    let raw = |more: &[&str]| {
        let arguments = [&["logs", "odd", "-o", "raw"], more].concat();
        manager.tf(&arguments).expect(0).stdout
    };
    let all = raw(&["-n", "100"]);
    assert!(all.contains("caf\u{fffd} \u{fffd}\u{fffd}\n"), "{all}");
    assert!(all.contains("\u{1b}[31mred\u{1b}[0m\n"), "as it was written: {all:?}");
    let people = manager.tf(&["logs", "odd"]).expect(0).stdout;
    assert!(people.contains("\\u{1b}[31mred") && !people.contains('\u{1b}'), "{people:?}");
    assert!(people.contains(" ERROR no route to=db\n") && people.contains(" fine\n"), "{people}");
    assert_eq!(raw(&["--level", "err"]), "{\"level\":50,\"msg\":\"no route\",\"to\":\"db\"}\n");
    assert_eq!(raw(&["--level", "warning", "-n", "1", "--grep", "."]), "mind the gap\n");
    assert_eq!(raw(&["--grep", "caf\u{fffd}", "-n", "1"]).lines().count(), 1);
    let merged = manager.tf(&["logs", "odd", "other", "big", "-o", "jsonl", "--since", "1h"]).expect(0);
    let merged = rows(&merged);
    let times: Vec<&str> = merged.iter().map(|row| row["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let names: Vec<&str> = merged.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert!(["odd", "other", "big"].iter().all(|name| names.contains(name)));

    for (pattern, message) in [("^text", "text xxx"), ("^bytes", "bytes \u{fffd}")] {
        let (peak, text) =
            peak_of(manager.command(tf_binary()).args(["logs", "big", "--grep", pattern, "-o", "raw"]));
        assert!(text.starts_with(message) && text.chars().count() > 1 << 20);
        assert!(peak < MEMORY, "{pattern}: {peak} kB");
        println!("a message of 1 MiB, {pattern}: {peak} kB at most");
    }
}

/// Runs a command that writes more than a pipe holds, and returns the most memory that it had taken by then, in
/// kilobytes, with what it wrote.
fn peak_of(command: &mut Command) -> (u64, String) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut bytes = vec![0; 1];
    output.read_exact(&mut bytes).unwrap();
    // It has read its message, and waits for us.
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak = peak.trim().trim_end_matches(" kB").parse().unwrap();
    output.read_to_end(&mut bytes).unwrap();
    assert!(child.wait().unwrap().success());
    (peak, String::from_utf8(bytes).unwrap())
}

/// journald looks up the unit of a process when it takes its line, which is too late where the process is gone
/// (systemd#2913). The identifier stands in the stream itself.
#[test]
fn the_last_words_of_very_short_runs_are_found() {
    const RUNS: usize = 200;
    let manager = LiveManager::start();
    create(
        &manager,
        "[[services]]\nname = \"brief\"\nstart_command = [\"sh\", \"-c\", \"echo last words; exit\"]\nsystemd = { Unit = { StartLimitIntervalSec = 0 } }\n",
    );
    let script =
        format!("for n in $(seq {RUNS}); do systemctl --user start --wait taskflows-brief || exit 1; done");
    assert!(manager.command("sh").args(["-c", &script]).status().unwrap().success());
    let found = || {
        let found = manager.tf(&["logs", "brief", "--grep", "^last words$", "-n", "1000", "-o", "raw"]);
        found.expect(0).stdout.lines().count()
    };
    wait_until("every run's words", SOON, || found() >= RUNS);
    assert_eq!(found(), RUNS);
    let by_unit = manager
        .command("journalctl")
        .arg(format!("--directory={}", manager.journal_directory().display()))
        .args(["-q", "--output=cat", "_SYSTEMD_USER_UNIT=taskflows-brief.service"])
        .output()
        .unwrap();
    let by_unit =
        String::from_utf8_lossy(&by_unit.stdout).lines().filter(|line| *line == "last words").count();
    println!("of {RUNS} runs the unit alone finds the words of {by_unit}, tf logs those of all");
}

#[test]
fn what_cannot_be_asked_is_told() {
    let manager = LiveManager::start();
    let told = |arguments: &[&str], code: i32| manager.tf(arguments).expect(code).stderr;
    assert!(told(&["logs", "x", "--grep", "("], 2).contains("not a regular expression"));
    assert!(told(&["logs", "x", "--level", "loud"], 2).contains("emerg"));
    assert!(told(&["logs", "x", "--attempt", "1"], 2).contains("--run"));
    assert!(told(&["logs"], 2).contains("SERVICE"));
    assert!(told(&["logs", "--run", "abc"], 2).contains("too short"));
    assert!(told(&["logs", "--run", "abcd"], 4).contains("no run"));
    let mut away = manager.command(tf_binary());
    away.args(["logs", "nobody-here", "--source", "loki"]).env("TASKFLOWS_LOKI_URL", "http://127.0.0.1:1");
    let away = away.output().unwrap();
    let away = String::from_utf8_lossy(&away.stderr).into_owned();
    assert!(away.contains("Loki at http://127.0.0.1:1"), "{away}");
}
