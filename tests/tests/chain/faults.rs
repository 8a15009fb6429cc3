//! A server that goes away while it is read, and much of everything.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use taskflows_core::Outcome;
use taskflows_core::task::{RunId, RunNote, RunRecord, Trigger};
use taskflows_tests::{LokiStandIn, tf_binary, wait_until};
use tempfile::TempDir;

use super::{SOON, rows};

/// So much memory may `tf` take while it follows, in kilobytes. A page of 5000 lines of 400 bytes is 2 MB as it comes.
const MEMORY: u64 = 64 << 10;

fn now() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap()
}

/// `tf logs -f` that writes to a file.
struct Following {
    tf: Child,
    to: PathBuf,
    _data: TempDir,
}

impl Following {
    fn start(server: &LokiStandIn, arguments: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let to = data.path().join("followed");
        let mut command = Command::new(tf_binary());
        command.env("TASKFLOWS_DATA_DIR", data.path()).env("TASKFLOWS_LOKI_URL", server.url());
        command.args(["logs", "-f", "--source", "loki", "-o", "raw"]).args(arguments);
        let tf = command.stdout(File::create(&to).unwrap()).spawn().unwrap();
        Self { tf, to, _data: data }
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(&self.to).unwrap().lines().map(str::to_owned).collect()
    }

    #[track_caller]
    fn wait_for_line(&self, line: &str) {
        wait_until(line, Duration::from_secs(120), || self.lines().iter().any(|own| own == line));
    }

    /// Returns the most memory that it has taken, in kilobytes.
    fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.tf.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn interrupt(mut self) -> Option<i32> {
        assert!(Command::new("kill").args(["-INT", &self.tf.id().to_string()]).status().unwrap().success());
        self.tf.wait().unwrap().code()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.tf.kill();
        let _ = self.tf.wait();
    }
}

#[test]
fn a_follow_outlives_a_server_that_goes_away_in_bounded_memory() {
    const MANY: i64 = 20_000;
    let mut server = LokiStandIn::start();
    let first = now() - 30_000_000_000;
    let old: Vec<_> = (0..10).map(|n| (first + n * 1_000_000, format!("old {n}"))).collect();
    server.push("followed", &old);
    let following = Following::start(&server, &["followed", "-n", "3"]);
    following.wait_for_line("old 9");
    server.push("followed", &[(now(), "before".to_owned())]);
    following.wait_for_line("before");
    let small = following.peak();
    server.stop();
    std::thread::sleep(Duration::from_secs(8));
    server.resume();
    // Written while it was away, as those who could not push it then do afterwards.
    server.push("followed", &[(now() - 5_000_000_000, "meanwhile".to_owned()), (now(), "after".to_owned())]);
    following.wait_for_line("meanwhile");
    following.wait_for_line("after");
    let line = |n: i64| format!("line {n} {}", "x".repeat(400));
    for some in (0..MANY).collect::<Vec<_>>().chunks(2000) {
        let from = now();
        let lines: Vec<_> = some.iter().map(|n| (from + n % 2000 * 1_000, line(*n))).collect();
        server.push("followed", &lines);
    }
    following.wait_for_line(&line(MANY - 1));
    wait_until("all lines", SOON, || following.lines().len() as i64 >= MANY + 6);
    let peak = following.peak();
    println!("tf logs -f: {small} kB, and {peak} kB after {MANY} lines and a server that went away");
    assert!(peak < MEMORY, "{peak} kB");
    let mut lines = following.lines();
    let head: Vec<String> = lines.drain(..6).collect();
    assert_eq!(head[..4], ["old 7", "old 8", "old 9", "before"]);
    let mut meanwhile = head[4..].to_vec();
    meanwhile.sort();
    assert_eq!(meanwhile, ["after", "meanwhile"]);
    // Each once; the stand-in rounds times, so that near ones may be told in another order.
    lines.sort();
    let mut wanted: Vec<String> = (0..MANY).map(line).collect();
    wanted.sort();
    assert!(lines == wanted, "{} lines instead of {}", lines.len(), wanted.len());
    assert_eq!(following.interrupt(), Some(130));
}

/// The notes of a run, as lines.
fn notes(n: u32, first: Timestamp) -> [(i64, String); 2] {
    let started = first + SignedDuration::from_millis(i64::from(n) * 100);
    let run = RunRecord {
        id: RunId::from_bits(u128::from(n) << 64 | 1),
        task: "nightly".to_owned(),
        service: "nightly".parse().ok(),
        scheduled: None,
        started,
        ended: Some(started + SignedDuration::from_millis(50)),
        outcome: Outcome::Succeeded,
        attempts: 1,
        max_attempts: 1,
        error: None,
        trigger: Trigger::Timer,
        command: None,
        options: Vec::new(),
        directory: None,
        process: None,
    };
    let line = |at: Timestamp, note: RunNote<'_>| {
        let fields = note.fields().into_iter().map(|(name, value)| (name.to_lowercase(), value.into()));
        let own = [("event".to_owned(), "a note".into()), ("format".to_owned(), "text".into())];
        let line = Value::Object(own.into_iter().chain(fields).collect::<Map<_, _>>());
        (i64::try_from(at.as_nanosecond()).unwrap(), line.to_string())
    };
    [line(run.started, RunNote::Started(&run)), line(run.ended.unwrap(), RunNote::Finished(&run, None))]
}

#[test]
fn ten_thousand_runs_and_ten_thousand_lines_are_read_back_whole() {
    const MANY: u32 = 10_000;
    let (server, data) = (LokiStandIn::start(), tempfile::tempdir().unwrap());
    let first = Timestamp::from_second(Timestamp::now().as_second() - 3600).unwrap();
    let all: Vec<_> = (0..MANY).flat_map(|n| notes(n, first)).collect();
    all.chunks(2000).for_each(|some| server.push("nightly", some));
    let line = |n: i64| format!(r#"{{"event":"line {n}","level_name":"info","pad":"{}"}}"#, "x".repeat(300));
    let from = now() - 600_000_000_000;
    let lines: Vec<_> = (0..i64::from(MANY)).map(|n| (from + n * 5_000_000, line(n))).collect();
    lines.chunks(2000).for_each(|some| server.push("many", some));
    let tf = |arguments: &[&str]| {
        let began = Instant::now();
        let mut command = Command::new(tf_binary());
        command.env("TASKFLOWS_DATA_DIR", data.path());
        let rows = rows(&mut command, &server, &[arguments, &["--source", "loki", "-n", "10000"]].concat());
        (rows, began.elapsed())
    };
    wait_until("all runs are there", SOON, || tf(&["history", "nightly"]).0.len() == MANY as usize);
    let (runs, took) = tf(&["history", "nightly"]);
    println!("{} runs through tf history --source loki: {took:?}", runs.len());
    assert!(runs.iter().all(|run| run["outcome"] == "ok" && run["took_seconds"] == 0.05));
    let started: Vec<Timestamp> =
        runs.iter().map(|run| run["started"].as_str().unwrap().parse().unwrap()).collect();
    assert!(started.is_sorted_by(|newer, older| newer > older), "the newest first");
    assert!(took < Duration::from_secs(30), "{took:?}");

    wait_until("all lines are there", SOON, || tf(&["logs", "many"]).0.len() == MANY as usize);
    let (found, took) = tf(&["logs", "many"]);
    println!("{} lines through tf logs --source loki: {took:?}", found.len());
    assert!(found.iter().zip(&lines).all(|(row, (_, line))| row["message"] == **line));
    assert!(took < Duration::from_secs(30), "{took:?}");
}
