//! Everything that the document of the API allows, and much that it does not, asked by a program that is not ours: no answer is
//! a failure of the server, and none is another than the document says. The host behind it is one of fakes.
//!
//! `TASKFLOWS_SCHEMATHESIS_EXAMPLES` sets how many requests of each operation are made up, `TASKFLOWS_SCHEMATHESIS_SEED` which.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use taskflows_api::server::{Api, Limits};
use taskflows_api::testing::{MemoryAudit, RoleTokens, host, probes, serve};
use tokio::process::Command;
use tokio::time::timeout;

/// What is looked at in each answer. Who may ask what is the table's own test, in `taskflows-api`.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,negative_data_rejection,\
                      unsupported_method,allow_header_conformance";

/// The time in which all must be asked.
const LIMIT: Duration = Duration::from_secs(170);

/// The program that `scripts/test` installs.
fn program() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"));
    let program = cache.join("taskflows-ci/schemathesis/bin/schemathesis");
    assert!(
        program.exists(),
        "{} is missing: run the tests by scripts/test, or call need_schemathesis of scripts/lib.sh",
        program.display()
    );
    program
}

fn setting(name: &str, usual: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| usual.to_owned())
}

/// Returns the paths of streams, which have no end, and of what is said to fail.
fn endless(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().unwrap();
    let is_endless = |item: &&Value| {
        let responses = item["get"]["responses"].as_object();
        responses.is_some_and(|responses| {
            responses.contains_key("500") || !responses["200"]["content"]["text/event-stream"].is_null()
        })
    };
    paths.iter().filter(|(_, item)| is_endless(item)).map(|(path, _)| path.clone()).collect()
}

async fn check(api: Api) {
    let document = serde_json::to_value(api.document()).unwrap();
    let address = serve(api).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("openapi.json"), document.to_string()).unwrap();
    let mut command = Command::new(program());
    command
        .arg("run")
        .arg("openapi.json")
        .args(["--url", &format!("http://{address}")])
        .args(["--header", "Authorization: Bearer admin"])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", &setting("TASKFLOWS_SCHEMATHESIS_EXAMPLES", "20")])
        .args(["--seed", &setting("TASKFLOWS_SCHEMATHESIS_SEED", "1")])
        .args([
            "--request-timeout",
            "10",
            "--suppress-health-check",
            "all",
            "--warnings",
            "off",
            "--no-color",
        ]);
    for path in endless(&document) {
        command.args(["--exclude-path", &path]);
    }
    command.current_dir(directory.path()).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(LIMIT, command.output()).await.expect("all is asked in time").unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    println!("{told}");
}

#[tokio::test]
async fn the_api_answers_as_its_document_says() {
    check(Api::with(host(), Arc::new(RoleTokens), Arc::new(MemoryAudit::default()), Limits::default())).await;
}

/// The frame alone: what every route has of bodies, queries, paths, roles and errors.
#[tokio::test]
async fn routes_of_every_kind_answer_as_their_document_says() {
    check(probes(Arc::new(RoleTokens), Arc::new(MemoryAudit::default()), Limits::default())).await;
}
