//! `tf logging check` with a real journal: what it writes there is read back, and a Loki that is a stand-in takes the rest.

#[path = "../../taskflows-logging/tests/support/server.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod server;

use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use server::{Response, nobody, serve};
use taskflows_tests::{LiveManager, repository, tf_binary};

/// Runs the check where the manager's journal is reached, and returns its exit code and its stages.
fn check(manager: &LiveManager, loki: &str) -> (Option<i32>, Vec<Value>) {
    let directory = manager.home().parent().unwrap().to_owned();
    let mut command = Command::new(repository().join("scripts/user-manager"));
    command.arg("exec").arg(directory).arg(tf_binary());
    command.args(["logging", "check", "--timeout", "2s", "-o", "json"]);
    command.env("TASKFLOWS_JOURNAL_DIRECTORY", manager.journal_directory());
    command.env("TASKFLOWS_LOKI_URL", loki).env_remove("TASKFLOWS_FLUENT_BIT");
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let stages = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code(), stages)
}

fn results(stages: &[Value]) -> Vec<(&str, &str)> {
    stages.iter().map(|one| (one["stage"].as_str().unwrap(), one["result"].as_str().unwrap())).collect()
}

#[test]
fn the_marked_line_is_in_the_journal_and_the_stage_that_fails_is_named() {
    let manager = LiveManager::start();
    let lines = Arc::new(Mutex::new(Vec::<String>::new()));
    let loki = serve(move |request| match request.path.split('?').next().unwrap() {
        "/ready" => Response::text(200, "text/plain", "ready"),
        "/loki/api/v1/push" => {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            lines.lock().unwrap().push(body["streams"][0]["values"][0][1].as_str().unwrap().to_owned());
            Response::text(204, "text/plain", "")
        }
        "/loki/api/v1/query_range" => {
            let values: Vec<Value> = lines.lock().unwrap().iter().map(|line| json!(["1", line])).collect();
            Response::json(200, &json!({ "data": { "result": [{ "stream": {}, "values": values }] } }))
        }
        _ => Response::json(200, &json!({ "data": [] })),
    });
    let (code, stages) = check(&manager, &loki.to_string());
    let found = results(&stages);
    for stage in ["journal", "Loki", "push", "push to Loki", "labels"] {
        assert!(found.contains(&(stage, "ok")), "{stage}: {stages:?}");
    }
    assert_eq!(code, Some(0), "{stages:?}");
    let mut journal = manager.command("journalctl");
    journal.arg(format!("--directory={}", manager.journal_directory().display()));
    let output = journal
        .args(["--quiet", "--output=cat", "SYSLOG_IDENTIFIER=taskflows-logging-check"])
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).starts_with("taskflows logging check tfcheck-"),
        "{output:?}"
    );
    let (code, stages) = check(&manager, &nobody().to_string());
    assert_eq!(code, Some(1));
    assert!(
        results(&stages).contains(&("journal", "ok")) && results(&stages).contains(&("Loki", "failed")),
        "{stages:?}"
    );
}
