//! Packages of strangers, which depend on one crate alone.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use taskflows_tests::{MailServer, repository};

/// As many packages may the bare crate bring along, itself included.
const BARE: usize = 20;

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(repository()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Builds a package beside what the tests were built with.
fn build(name: &str) -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("consumers");
    let manifest = format!("tests/consumers/{name}/Cargo.toml");
    cargo(&[
        "build",
        "--quiet",
        "--locked",
        "--manifest-path",
        &manifest,
        "--target-dir",
        target.to_str().unwrap(),
    ]);
    target.join("debug").join(name)
}

#[test]
fn a_program_with_one_dependency_sends_a_mail() {
    let program = build("alerts-only");
    let server = MailServer::start();
    let (user, password) = server.credentials();
    let send = |password: &str| {
        let mut command = Command::new(&program);
        command.arg(server.tls_port.to_string()).arg(server.ca_file()).args([
            user,
            password,
            "bob@example.org",
        ]);
        command.output().unwrap()
    };
    let sent = send(password);
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    assert!(server.mails(1)[0].contains("the disk is nearly full"));
    let refused = send("wrong");
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("wrong user or password"), "{told}");
}

#[test]
fn the_bare_crate_of_alerts_stays_light() {
    let tree = cargo(&[
        "tree",
        "--locked",
        "--package",
        "taskflows-alerts",
        "--no-default-features",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let packages: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(packages.contains("taskflows-alerts") && packages.contains("serde"), "{tree}");
    assert!(packages.len() <= BARE, "{} packages: {packages:?}", packages.len());
}
