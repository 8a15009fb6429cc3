//! Our Block Kit against the models that Slack's own library checks blocks with, over generated messages.
//!
//! `TASKFLOWS_ORACLE_CASES` sets how many messages are tried, `TASKFLOWS_ORACLE_SEED` which.

#[path = "../../taskflows-alerts/tests/messages/mod.rs"]
mod messages;
mod oracle;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use oracle::{Draw, cases};
use serde_json::{Value, json};
use taskflows_alerts::render;

/// The Python that `scripts/test` put slack_sdk into.
fn python() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"));
    let python = cache.join("taskflows-ci/slack-sdk/bin/python");
    assert!(
        python.exists(),
        "{} is missing: run the tests by scripts/test, which installs slack_sdk there, or call need_slack_sdk of \
         scripts/lib.sh",
        python.display()
    );
    python
}

/// What slack_sdk says of each list of blocks.
fn ask(messages: &[Value]) -> Vec<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/block_kit.py");
    let mut child = Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python starts");
    let mut stdin = child.stdin.take().unwrap();
    let input: String = messages.iter().map(|blocks| format!("{blocks}\n")).collect();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let answers: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), messages.len());
    answers
}

#[test]
fn slack_sdk_accepts_the_blocks_of_every_message() {
    let mut corpus =
        vec![messages::one_line(), messages::failure(), messages::everything(), messages::table(200)];
    corpus.extend(Draw::new().many(&messages::any::message(), cases(500)));
    let blocks: Vec<_> = corpus.iter().map(|message| Value::from(render::slack(message).blocks)).collect();
    let types: std::collections::BTreeSet<_> = blocks
        .iter()
        .flat_map(|blocks| blocks.as_array().unwrap())
        .map(|block| block["type"].to_string())
        .collect();
    assert_eq!(types.len(), 5, "the corpus has blocks of each kind that we write: {types:?}");
    for ((answer, blocks), message) in ask(&blocks).iter().zip(&blocks).zip(&corpus) {
        assert_eq!(answer, "ok", "{blocks:#}\nof {message:#?}");
    }
}

/// The test above is worth something only if slack_sdk refuses.
#[test]
fn slack_sdk_refuses_blocks_that_break_a_limit() {
    let text = |length: usize| json!({ "type": "mrkdwn", "text": "x".repeat(length) });
    let plain = |length: usize| json!({ "type": "plain_text", "text": "x".repeat(length) });
    let table = [
        (json!({ "type": "section", "text": text(3_001) }), "3000"),
        (json!({ "type": "header", "text": plain(151) }), "150"),
        (json!({ "type": "section", "fields": vec![text(1); 11] }), "10"),
        (json!({ "type": "context", "elements": vec![text(1); 11] }), "10"),
        (json!({ "type": "image", "image_url": "x".repeat(3_001), "alt_text": "x" }), "3000"),
        (json!({ "type": "image", "image_url": "x", "alt_text": "x".repeat(2_001) }), "2000"),
        (json!({ "type": "nonsense" }), "not a block"),
        (json!({ "type": "divider", "more": 1 }), "read otherwise"),
    ];
    let blocks: Vec<_> = table.iter().map(|(block, _)| json!([block])).collect();
    for (answer, (block, reason)) in ask(&blocks).iter().zip(&table) {
        assert!(answer.contains(reason), "{answer}: {block}");
    }
}
