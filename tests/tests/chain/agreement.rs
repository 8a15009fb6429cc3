//! The journal, Loki and the store tell the same of the same runs.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::Value;
use taskflows_tests::{LiveManager, LokiStandIn, repository, tf_binary, wait_until};

use super::{SOON, bridge, rows};

const DEFINITION: &str = r#"
version = 1

[[services]]
name = "ok"
start_command = ["sh", "-c", "echo fine; echo worse >&2"]

[[services]]
name = "bad"
start_command = ["sh", "-c", "echo words of woe; exit 3"]

[[services]]
name = "killed"
start_command = ["sh", "-c", "echo still here; kill -9 $$"]

[[services]]
name = "tried"
start_command = ["sh", "-c", 'echo try $TASKFLOWS_ATTEMPT; echo "<3>not yet"; test $TASKFLOWS_ATTEMPT = 3']
task = { retries = 2, backoff = "20ms" }

[[services]]
name = "late"
start_command = ["sh", "-c", "echo waiting; exec sleep 3715"]
task = { timeout = "300ms", kill_after = "1s" }

[[services]]
name = "server"
start_command = ["sh", "-c", "echo serving; exec sleep 3716"]

[[services]]
name = "levels"
start_command = ["sh", "-c", '''for n in 0 1 2 3 4 5 6 7; do echo "<$n>of priority $n"; done''']

[[services]]
name = "odd"
start_command = ["sh", "-c", '''
printf 'caf\351 \377\n'
printf 'tab\there "quoted" back\\slash \033[31mred\033[0m gr\303\266\303\237e\n'
echo '{"event":"disk nearly full","level_name":"warning","context":{"free":3}}'
echo '{"level":"error","msg":"no route","to":"db"}'
echo '{"nearly":"json"'
echo '   '
echo '[1,2]' ''']

[[services]]
name = "program"
start_command = ["PROGRAM"]
task = {}

[[services]]
name = "timed"
start_command = ["echo", "tick"]
start_schedule = "*:*:0/2"
"#;

const NAMES: [&str; 10] =
    ["ok", "bad", "killed", "tried", "late", "server", "levels", "odd", "program", "timed"];

/// Runs `tf` beside the manager as a user of a name; in its mount namespace, where its journal is.
fn tf_as_ada(manager: &LiveManager, arguments: &[&str]) {
    let directory = manager.home().parent().map(PathBuf::from).unwrap();
    let mut command = manager.command(repository().join("scripts/user-manager"));
    command.arg("exec").arg(directory).arg(tf_binary()).args(arguments);
    command.env("USER", "ada").env_remove("SUDO_USER").output().unwrap();
}

/// Runs each service until it is over.
fn act(manager: &LiveManager) {
    let definition = DEFINITION.replace("PROGRAM", &super::program().display().to_string());
    let file = manager.write("jobs.toml", &definition);
    manager.tf(&["create", &file]).expect(0);
    let brief = ["ok", "bad", "killed", "tried", "late", "levels", "odd", "program"];
    tf_as_ada(manager, &[&["start", "--wait"][..], &brief].concat());
    tf_as_ada(manager, &["start", "server"]);
    wait_until("it serves", SOON, || manager.tf(&["logs", "server"]).stdout.contains("serving"));
    manager.tf(&["stop", "server"]).expect(0);
    let kept = |arguments: &[&str]| {
        let output = manager.tf(&[&["history", "-n", "200", "-o", "json"], arguments].concat()).expect(0);
        serde_json::from_str::<Vec<Value>>(&output.stdout).unwrap()
    };
    wait_until("the timer has come twice", SOON, || kept(&["timed"]).len() >= 2);
    manager.tf(&["disable", "timed"]).expect(0);
    wait_until("all runs are kept", SOON, || kept(&[]).iter().all(|run| run["outcome"] != "running"));
}

/// What both sources must say alike of a line. Times may differ, since the stand-in rounds them.
fn of_line(row: &Value) -> String {
    let keys = ["name", "origin", "message", "priority", "level", "run", "attempt", "fields"];
    keys.map(|key| row[key].to_string()).join(" ")
}

/// What the sources must say alike of a run: a note has neither its command nor its directory.
fn of_run(run: &Value) -> Value {
    let mut run = run.clone();
    for own in ["command", "directory", "log"] {
        run[own] = Value::Null;
    }
    for attempt in run["attempted"].as_array_mut().into_iter().flatten() {
        attempt["tail"] = Value::Null;
    }
    run
}

#[test]
fn the_journal_and_what_the_kit_makes_of_it_tell_the_same_of_every_line_and_every_run() {
    let (manager, server) = (LiveManager::start(), LokiStandIn::start());
    act(&manager);
    // What a run wrote last is in the journal a moment later.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let count = bridge::bring(&manager, &server);
    println!("{count} entries of services were brought to the stand-in");
    let tf = |arguments: &[&str]| rows(&mut manager.command(tf_binary()), &server, arguments);
    let lines = |source: &str, more: &[&str]| {
        tf(&[&["logs"][..], &NAMES, &["-n", "5000", "--source", source], more].concat())
    };
    wait_until("all entries are there", SOON, || lines("loki", &[]).len() >= count);
    lines_agree(&lines);
    runs_agree(&tf);
    // The lines of a task within the run of `tf exec` are found by either.
    let inner = tf(&["history", "copy-files", "--source", "loki"])[0]["id"].as_str().unwrap().to_owned();
    let of_inner = lines("loki", &["--run", &inner]);
    assert_eq!(of_inner.iter().filter(|row| row["fields"]["logger"] == "shop.copy").count(), 4);
    assert!(of_inner.iter().all(|row| row["run"] == *inner), "{of_inner:#?}");
}

fn sorted(rows: &[Value]) -> Vec<String> {
    let mut all: Vec<String> = rows.iter().map(of_line).collect();
    all.sort();
    all
}

fn lines_agree(lines: &dyn Fn(&str, &[&str]) -> Vec<Value>) {
    let (journal, loki) = (lines("journal", &[]), lines("loki", &[]));
    let (told, of_loki) = (sorted(&journal), sorted(&loki));
    let short = |line: &String| line.chars().take(300).collect::<String>();
    let missing: Vec<_> = told.iter().filter(|line| !of_loki.contains(line)).map(short).collect();
    let added: Vec<_> = of_loki.iter().filter(|line| !told.contains(line)).map(short).collect();
    assert!(missing.is_empty() && added.is_empty(), "journal: {missing:#?}\nLoki: {added:#?}");
    assert_eq!(told.len(), of_loki.len());
    println!("{} lines are the same from both", told.len());
    for text in ["fine", "try 2", "not yet", "of priority 5", "caf\u{fffd} \u{fffd}", "tick"] {
        assert!(loki.iter().any(|row| row["message"] == text), "{text}");
    }
    let times: Vec<Timestamp> =
        loki.iter().map(|row| row["time"].as_str().unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted());
    for more in
        [&["--level", "err"][..], &["--level", "notice"], &["--grep", "\"quoted\""], &["--attempt", "2"]]
    {
        let more = match more {
            // An attempt is of a run.
            ["--attempt", ..] => {
                let run = journal.iter().find(|row| row["message"] == "try 2").unwrap();
                [&["--run", run["run"].as_str().unwrap()], more].concat()
            }
            _ => more.to_vec(),
        };
        let found = sorted(&lines("loki", &more));
        assert!(!found.is_empty() && found == sorted(&lines("journal", &more)), "{more:?}: {found:#?}");
    }
}

fn runs_agree(tf: &dyn Fn(&[&str]) -> Vec<Value>) {
    let runs = |source: &str, more: &[&str]| -> Vec<Value> {
        let all = tf(&[&["history", "-n", "200", "--source", source], more].concat());
        all.iter().map(of_run).collect()
    };
    let store = runs("store", &[]);
    for (task, outcome, reason, attempts) in [
        ("ok", "ok", None, 1),
        ("bad", "failed", Some("exit code 3"), 1),
        ("killed", "failed", Some("killed by SIGKILL"), 1),
        ("tried", "ok", None, 3),
        ("late", "failed", Some("timed out"), 1),
        ("server", "ok", Some("stopped by SIGTERM"), 1),
    ] {
        let own: Vec<_> = store.iter().filter(|run| run["task"] == task).collect();
        assert_eq!(own.len(), 1, "{task}: {own:#?}");
        let told = (own[0]["outcome"].as_str(), own[0]["reason"].as_str(), own[0]["attempts"].as_u64());
        assert_eq!(told, (Some(outcome), reason, Some(attempts)), "{task}");
    }
    assert!(store.iter().filter(|run| run["trigger"] == "timer").count() >= 2);
    assert_eq!(runs("journal", &[]), store);
    // The program that is a service's command has a task of its own; its notes are lines of JSON on standard output,
    // which the journal does not look into.
    let (own, of_loki): (Vec<_>, Vec<_>) =
        runs("loki", &[]).into_iter().partition(|run| run["task"] == "copy-files");
    assert_eq!(of_loki, store);
    assert_eq!(
        (own.len(), &own[0]["outcome"], &own[0]["attempts"]),
        (1, &"ok".into(), &2.into()),
        "{own:#?}"
    );
    for task in ["ok", "bad", "killed", "tried", "late"] {
        let id = store.iter().find(|run| run["task"] == task).unwrap()["id"].as_str().unwrap();
        let [of_store, of_journal, of_loki] = ["store", "journal", "loki"].map(|source| runs(source, &[id]));
        assert_eq!(of_journal, of_store, "{task}");
        assert_eq!(of_loki, of_store, "{task}");
    }
    for more in [&["--failed"][..], &["tried", "bad"], &["timed", "--since", "1h"]] {
        assert_eq!(runs("loki", more), runs("store", more), "{more:?}");
    }
    println!("{} runs are the same from the store, the journal and Loki", store.len());
}
