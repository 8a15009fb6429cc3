//! `tf exec` with real processes: exit codes, signals, output, what is left behind, and what is kept of it.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A data directory of its own.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A command line of `tf`, of which its words are given.
    fn tf(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tf"));
        command.args(words).env("TASKFLOWS_DATA_DIR", self.path().join("data")).env_remove("JOURNAL_STREAM");
        command.current_dir(self.path()).stdin(Stdio::null());
        command
    }

    /// Runs `tf exec` with some options and a script for the shell.
    fn sh(&self, options: &[&str], script: &str) -> Output {
        self.tf(&[&["exec"], options, &["--", "sh", "-c", script]].concat()).output().unwrap()
    }

    /// Begins the same, with pipes.
    fn begin(&self, options: &[&str], script: &str) -> Child {
        let mut command = self.tf(&[&["exec"], options, &["--", "sh", "-c", script]].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Returns what is kept of the newest run, as `tf history -o jsonl` writes it.
    fn newest(&self) -> serde_json::Value {
        let output = self.tf(&["history", "-n", "1", "-o", "jsonl"]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Reads a line, by which a script tells that it is ready.
fn line(child: &mut Child) -> String {
    let (out, mut line) = (child.stdout.as_mut().unwrap(), Vec::new());
    let mut byte = [0];
    while out.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    text(&line)
}

/// Returns the processes of which this is a word of the command line.
fn with_word(word: &str) -> Vec<Pid> {
    let has_word = |line: Vec<u8>| text(&line).split('\0').any(|own| own == word);
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| fs::read(entry.path().join("cmdline")).is_ok_and(has_word))
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// Waits until no process has this word in its command line.
#[track_caller]
fn assert_gone(word: &str) {
    let began = Instant::now();
    while !with_word(word).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(5), "{word} is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Ends the processes of a test that are to outlive what started them, and returns how many there were.
fn end(word: &str) -> usize {
    let left = with_word(word);
    for pid in &left {
        // It may have ended by itself.
        let _ = kill_process(*pid, Signal::KILL);
    }
    left.len()
}

#[test]
fn the_exit_code_is_that_of_the_command() {
    let place = Place::new();
    for (options, script, code) in [
        (&[] as &[&str], "exit 0", 0),
        (&[], "exit 3", 3),
        (&["--required"], "exit 255", 255),
        (&[], "kill -9 $$", 137),
        (&[], "kill -TERM $$", 143),
        (&["--timeout", "100ms"], "sleep 31", 124),
        (&["--deadline", "100ms"], "sleep 31", 124),
        (&["--retries", "2", "--backoff", "1ms"], "echo x >> tried; test $(wc -l < tried) = 3", 0),
        (&["--retries", "1", "--backoff", "1ms"], "exit 4", 4),
    ] {
        let output = place.sh(options, script);
        assert_eq!(output.status.code(), Some(code), "{options:?} {script}: {}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "", "{script}");
    }
    for (command, code, told) in
        [("/nowhere/at-all", 127, "could not find"), ("/etc/passwd", 126, "could not execute")]
    {
        let output = place.tf(&["exec", "--retries", "5", "--", command]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{command}");
        assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
        assert_eq!(place.newest()["attempts"], 1, "what is not there is not tried again");
    }
    let output = place.tf(&["exec", "--directory", "/nowhere", "--", "true"]).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("could not enter `/nowhere`"), "{}", text(&output.stderr));
}

#[test]
fn output_and_input_pass_through_unchanged() {
    let place = Place::new();
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let mut child = place.begin(&[], "cat; printf 'err \\377\\000 no end' >&2");
    let mut input = child.stdin.take().unwrap();
    let sent = bytes.clone();
    let writer = std::thread::spawn(move || input.write_all(&sent).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.stdout == bytes && output.stderr == b"err \xff\0 no end" && output.status.success());
}

#[test]
fn a_line_is_passed_on_before_its_end() {
    let place = Place::new();
    let mut child = place.begin(&[], "printf 'name? '; read name; echo \"hello $name\"");
    let mut prompt = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut prompt).unwrap();
    assert_eq!(&prompt, b"name? ");
    child.stdin.take().unwrap().write_all(b"you\n").unwrap();
    assert_eq!(text(&child.wait_with_output().unwrap().stdout), "hello you\n");
}

#[test]
fn both_streams_keep_their_order_where_they_are_one() {
    let place = Place::new();
    let script = "for n in $(seq 500); do echo o$n; echo e$n >&2; done";
    let tf = env!("CARGO_BIN_EXE_tf");
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$1\" exec -- sh -c \"$2\" 2>&1", "sh", tf, script]);
    let output = command.env("TASKFLOWS_DATA_DIR", place.path()).output().unwrap();
    let wanted: String = (1..=500).map(|number| format!("o{number}\ne{number}\n")).collect();
    assert_eq!(text(&output.stdout), wanted);
}

#[test]
fn a_flood_without_an_end_of_line_takes_no_memory_and_is_whole() {
    let place = Place::new();
    let mut child = place.begin(&[], "head -c 100000000 /dev/zero");
    let (mut out, mut chunk, mut read) = (child.stdout.take().unwrap(), vec![0; 1 << 16], 0);
    let mut peak = 0;
    loop {
        let count = out.read(&mut chunk).unwrap();
        if count == 0 {
            break;
        }
        read += count;
        if peak == 0 && read > 95_000_000 {
            let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
            peak = line.trim().trim_end_matches(" kB").parse::<usize>().unwrap();
        }
    }
    assert_eq!((read, child.wait().unwrap().code()), (100_000_000, Some(0)));
    assert!(peak > 0 && peak < 40_000, "{peak} kB");
}

#[test]
fn a_reader_that_goes_away_ends_the_command_as_without_us() {
    let place = Place::new();
    let mut child = place.begin(&[], "exec yes");
    assert_eq!(line(&mut child), "y");
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(141), "{status}");
}

#[test]
fn a_stream_that_was_closed_or_cannot_be_written_ends_nothing() {
    let place = Place::new();
    let tf = env!("CARGO_BIN_EXE_tf");
    for redirection in [">&-", ">&- 2>&-", ">/dev/full"] {
        let line = format!("exec \"$1\" exec -- sh -c 'echo lost; exit 5' {redirection}");
        let mut command = Command::new("sh");
        command.args(["-c", &line, "sh", tf]).env("TASKFLOWS_DATA_DIR", place.path());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(5), "{redirection}");
        let is_told = text(&output.stderr).contains("output is lost");
        assert_eq!(is_told, redirection == ">/dev/full", "{redirection}: {}", text(&output.stderr));
    }
}

#[test]
fn a_reader_that_does_not_read_keeps_no_command_beyond_its_time() {
    let place = Place::new();
    let began = Instant::now();
    let mut child = place.begin(&["--timeout", "300ms", "--kill-after", "300ms"], "exec cat /dev/zero");
    assert_eq!(child.wait().unwrap().code(), Some(124));
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn signals_are_passed_on() {
    let place = Place::new();
    let script = |signal: &str, then: &str| {
        format!("trap 'echo heard; {then}' {signal}; echo ready; while :; do sleep 0.05; done")
    };
    for (signal, name, code) in [
        (Signal::TERM, "TERM", 7),
        (Signal::INT, "INT", 7),
        (Signal::QUIT, "QUIT", 7),
        (Signal::HUP, "HUP", 7),
        (Signal::USR1, "USR1", 7),
        (Signal::USR2, "USR2", 7),
    ] {
        // A task that is stopped is not tried again.
        let retries: &[&str] =
            if name.starts_with("USR") || name == "HUP" { &[] } else { &["--retries", "3"] };
        let mut child = place.begin(retries, &script(name, "exit 7"));
        assert_eq!(line(&mut child), "ready");
        send(&child, signal);
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            (output.status.code(), text(&output.stdout)),
            (Some(code), "heard\n".to_owned()),
            "{name}"
        );
    }
    // What a signal ends that was sent to us ends us by the same: systemd takes that for a good end.
    let mut child = place.begin(&["--retries", "3"], "echo ready; exec sleep 32");
    assert_eq!(line(&mut child), "ready");
    send(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    let kept = place.newest();
    assert_eq!((&kept["outcome"], &kept["reason"]), (&"interrupted".into(), &"stopped by SIGTERM".into()));
}

#[test]
fn who_wants_no_more_waits_for_no_attempt() {
    let place = Place::new();
    let mut child = place.begin(&["--retries", "3", "--backoff", "1h"], "echo tried; exit 1");
    assert_eq!(line(&mut child), "tried");
    // It may still be on its way from the attempt to the wait; either ends.
    std::thread::sleep(Duration::from_millis(100));
    send(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().signal(), Some(15));
}

#[test]
fn what_was_ignored_stays_so() {
    let place = Place::new();
    let tf = env!("CARGO_BIN_EXE_tf");
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$1\" exec -- sh -c 'echo ready; read x; echo over'", "sh", tf]);
    command.env("TASKFLOWS_DATA_DIR", place.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    assert_eq!(line(&mut child), "ready");
    send(&child, Signal::HUP);
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert_eq!((line(&mut child), child.wait().unwrap().code()), ("over".to_owned(), Some(0)));
}

#[test]
fn the_whole_tree_ends_with_what_ignores_it_and_what_fled() {
    let place = Place::new();
    let script = "trap '' TERM; (trap '' TERM; sleep 3111) & setsid sh -c \"trap '' TERM; sleep 3112; :\" & (setsid sleep 3113 &) ; sleep 3114; :";
    let began = Instant::now();
    let output = place.sh(&["--timeout", "300ms", "--kill-after", "300ms"], script);
    assert_eq!(output.status.code(), Some(124));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    for word in ["3111", "3112", "3113", "3114"] {
        assert_gone(word);
    }
}

#[test]
fn what_a_command_leaves_in_its_group_ends_with_it_and_who_detached_himself_stays() {
    let place = Place::new();
    let began = Instant::now();
    let output = place.sh(
        &["--kill-after", "200ms"],
        "sleep 3211 & (trap '' TERM; sleep 3212) & setsid sleep 3213 & sleep 0.3; echo done",
    );
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "done\n".to_owned()));
    assert!(began.elapsed() < Duration::from_secs(8));
    assert_gone("3211");
    assert_gone("3212");
    assert_eq!(end("3213"), 1, "one that detached itself is a daemon");
}

#[test]
fn a_run_whose_tf_was_killed_is_interrupted() {
    let place = Place::new();
    let mut child = place.begin(&["--name", "long"], "echo ready; exec sleep 3311");
    assert_eq!(line(&mut child), "ready");
    assert_eq!(place.newest()["outcome"], "running");
    send(&child, Signal::KILL);
    child.wait().unwrap();
    let kept = place.newest();
    assert_eq!((&kept["outcome"], &kept["task"]), (&"interrupted".into(), &"long".into()));
    assert_eq!(end("3311"), 1);
}

#[test]
fn a_broken_store_prevents_no_run() {
    let place = Place::new();
    let data = place.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("state.db"), "no database at all ".repeat(200)).unwrap();
    let output = place.sh(&["--retries", "1", "--backoff", "1ms"], "echo ran; exit 6");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(6), "ran\nran\n".to_owned()));
    let told = text(&output.stderr);
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains("state.db` is damaged"), "{told}");
    let output = place.tf(&["history"]).output().unwrap();
    assert!(
        output.status.code() == Some(1) && text(&output.stderr).contains("state.db"),
        "{}",
        text(&output.stderr)
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_tf"));
    let output = command.args(["exec", "--", "sh", "-c", "exit 6"]).env_clear().output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", text(&output.stderr));
}

#[test]
fn a_command_is_told_of_its_run() {
    let place = Place::new();
    let script = "env | grep -E '^(TASKFLOWS_(RUN|ATT|TASK|SCH)|A=|JOURNAL|WATCH|NOTIFY)' | sort; pwd";
    let mut command = place.tf(&[
        "exec",
        "--service",
        "web",
        "--env",
        "A=b=c",
        "--directory",
        "/usr",
        "--",
        "sh",
        "-c",
        script,
    ]);
    command
        .env("INVOCATION_ID", "0123456789abcdef0123456789abcdef")
        .env("TRIGGER_TIMER_REALTIME_USEC", "1795521600000000");
    command
        .env("JOURNAL_STREAM", "1:2")
        .env("WATCHDOG_PID", "1")
        .env("WATCHDOG_USEC", "9")
        .env("NOTIFY_SOCKET", "/x");
    let output = command.output().unwrap();
    let wanted = "A=b=c\nNOTIFY_SOCKET=/x\nTASKFLOWS_ATTEMPT=1\nTASKFLOWS_RUN_ID=0123456789abcdef0123456789abcdef\n\
                  TASKFLOWS_SCHEDULED_TIME=2026-11-24T12:00:00Z\nTASKFLOWS_TASK=web\nWATCHDOG_USEC=9\n/usr\n";
    assert_eq!(text(&output.stdout), wanted, "{}", text(&output.stderr));
    let kept = place.newest();
    assert_eq!(
        (&kept["id"], &kept["trigger"]),
        (&"0123456789abcdef0123456789abcdef".into(), &"timer".into())
    );
    assert_eq!((&kept["command"], &kept["directory"]), (&serde_json::Value::Null, &serde_json::Value::Null));
}

#[test]
fn a_command_runs_again_as_it_ran() {
    let place = Place::new();
    fs::create_dir(place.path().join("below")).unwrap();
    let script = "pwd; echo \"$A $TASKFLOWS_ATTEMPT\"; exit 9";
    let words = [
        "exec",
        "--name",
        "ü x",
        "--retries",
        "1",
        "--backoff",
        "1ms",
        "--env",
        "A=b c",
        "--",
        "sh",
        "-c",
        script,
    ];
    let first = place.tf(&words).current_dir(place.path().join("below")).output().unwrap();
    let id = place.newest()["id"].as_str().unwrap().to_owned();
    for words in [["retry", &id[..6]].as_slice(), &["retry", "--last", "ü x"]] {
        let again = place.tf(words).output().unwrap();
        assert_eq!(
            (again.status.code(), text(&again.stdout)),
            (Some(9), text(&first.stdout)),
            "{}",
            text(&again.stderr)
        );
    }
    let kept = place.newest();
    assert_eq!(
        (&kept["trigger"], &kept["task"], &kept["attempts"]),
        (&"retry".into(), &"ü x".into(), &2.into())
    );
    assert_eq!(place.tf(&["retry", "abc"]).output().unwrap().status.code(), Some(2));
    assert_eq!(place.tf(&["retry", "--last", "nobody"]).output().unwrap().status.code(), Some(4));
}

#[test]
fn the_last_lines_are_kept_with_each_attempt() {
    let place = Place::new();
    place.sh(
        &["--name", "t", "--retries", "1", "--backoff", "1ms"],
        "seq 150; sleep 0.2; echo oops >&2; exit 1",
    );
    let id = place.newest()["id"].as_str().unwrap().to_owned();
    let output = place.tf(&["history", &id, "-o", "json"]).output().unwrap();
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let attempts = run[0]["attempted"].as_array().unwrap();
    assert_eq!(attempts.len(), 2);
    for attempt in attempts {
        let tail = attempt["tail"].as_str().unwrap();
        assert_eq!(tail.lines().count(), 100, "{tail}");
        assert!(tail.contains("oops\n") && tail.contains("150\n") && !tail.contains("\n51\n"), "{tail}");
    }
    let shown = text(&place.tf(&["history", &id]).output().unwrap().stdout);
    assert!(shown.contains("Attempt 2 - failed: exit code 1") && shown.contains("\n  oops\n"), "{shown}");
}
