//! What `tf` asks on a terminal. Needs `python3`, whose standard library has terminals.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use taskflows_tests::tf_binary;

/// Sets Ada up on a terminal; `steps` are what is waited for and what is typed then.
fn set_up(home: &Path, steps: &Value) -> Value {
    let mut child = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/prompt.py"))
        .arg(tf_binary())
        .args(["api", "setup-ui", "--username", "ada"])
        .env("HOME", home)
        .env("TASKFLOWS_DATA_DIR", home.join("data"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(steps.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["echoes"], true, "the terminal shows again what is typed: {told}");
    assert!(!told["shown"].as_str().unwrap().contains("horse"), "the password is not shown: {told}");
    told
}

#[test]
fn a_password_is_asked_for_twice_and_never_seen() {
    let home = tempfile::tempdir().unwrap();
    let (first, again) = ("Password of ada: ", "The same again: ");
    let users = home.path().join("data/users.json");
    for (steps, code, words) in [
        (json!([[first, "correct horse battery\r"], [again, "correct horse batery\r"]]), 2, "differ"),
        (json!([[first, "horse\r"]]), 2, "shorter than 12"),
        (json!([[first, "correct horse\u{3}"]]), 130, "nothing was changed"),
        (json!([[first, "correct horse battery\r"], [again, "correct\u{3}"]]), 130, "nothing was changed"),
        (json!([[first, "\u{4}"]]), 1, "could not ask"),
    ] {
        let told = set_up(home.path(), &steps);
        assert_eq!(told["code"], code, "{told}");
        assert!(told["shown"].as_str().unwrap().contains(words), "{told}");
        assert!(!users.exists(), "nothing was changed: {told}");
    }
    let told =
        set_up(home.path(), &json!([[first, "correct horse battery\r"], [again, "correct horse battery\r"]]));
    assert_eq!(told["code"], 0, "{told}");
    assert!(told["shown"].as_str().unwrap().contains("ada may log in, as admin"), "{told}");
    assert!(users.exists());
}
