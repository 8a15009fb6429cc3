//! A client that is not ours, written from the description of signed requests alone, in Python.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod signed_host;

use std::process::Stdio;

use signed_host::{SECRET, SignedHost};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Asks the server at `address` as if its id were `server_id`; returns each deviation with the status of the answer.
async fn asked(address: &str, server_id: &str) -> Vec<(String, u16)> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/signed_client.py");
    let mut client = Command::new("python3")
        .args([script, address, server_id])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(SECRET.as_bytes()).await.unwrap();
    let output = client.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn what_the_description_says_is_accepted_and_each_deviation_refused() {
    let host = SignedHost::start().await;
    let answers = asked(&host.address.to_string(), &host.server_id).await;
    assert!(answers.len() > 60, "{}", answers.len());
    for (deviation, status) in answers {
        let expected = if deviation.starts_with("none") { 200 } else { 401 };
        assert_eq!(status, expected, "{deviation}");
    }
}

#[tokio::test]
async fn what_is_signed_for_one_server_is_refused_by_another() {
    let (one, other) = (SignedHost::start().await, SignedHost::start().await);
    let answers = asked(&other.address.to_string(), &one.server_id).await;
    assert!(answers.iter().all(|(_, status)| *status == 401), "{answers:?}");
}
