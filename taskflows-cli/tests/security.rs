//! `tf security` and `tf audit`.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod host;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use host::Host;

const SECRET: &str = "canaryCANARYcanaryCANARYcanaryCANARYcanaryC\n";

/// A host whose home directory holds nothing yet.
fn fresh() -> (Host, PathBuf) {
    let mut host = Host::new();
    let directory = host.files.path().join(".services");
    host.app.security_directory = Some(directory.clone());
    (host, directory.join("security.json"))
}

/// Runs a command line and returns what it wrote.
fn told(host: &mut Host, line: &str) -> String {
    host.transcript.clear();
    host.tf(line);
    host.transcript.clone()
}

fn secret(path: &PathBuf) -> String {
    let settings: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    settings["hmac_secret"].as_str().unwrap().to_owned()
}

#[test]
fn setup_makes_a_secret_once() {
    let (mut host, path) = fresh();
    let missing = told(&mut host, "security status");
    assert!(missing.contains("is not there") && missing.contains("tf security setup"), "{missing}");
    assert!(told(&mut host, "security setup --dry-run").contains("Would make a secret"));
    assert!(!path.exists());
    let made = told(&mut host, "security setup");
    let first = secret(&path);
    assert!(made.contains(&format!("Made a secret, {}…", &first[..4])), "{made}");
    assert!(!made.contains(&first) && made.ends_with("= Ok\n\n"), "{made}");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    let again = told(&mut host, "security setup");
    assert!(again.contains("is kept") && secret(&path) == first, "{again}");
    let status = told(&mut host, "security status");
    assert!(status.contains("have to be signed") && status.contains("300 s") && !status.contains(&first));
    let json = told(&mut host, "security status -o json");
    assert!(json.contains("\"signed\": true") && json.contains("\"window_seconds\": 300"), "{json}");
    assert!(!json.contains(&first), "{json}");
}

#[test]
fn a_secret_is_replaced_with_and_without_a_grace() {
    let (mut host, path) = fresh();
    for line in ["security regenerate-secret --grace 24h", "security regenerate-secret --dry-run"] {
        let none = told(&mut host, line);
        assert!(none.contains("no secret yet") && none.contains("tf security setup"), "{none}");
        assert!(none.contains("= NoSuchService") && !path.exists(), "{none}");
    }
    host.tf("security setup");
    let first = secret(&path);
    for line in
        ["security regenerate-secret --grace 31d", "security regenerate-secret --grace 400d --dry-run"]
    {
        let long = told(&mut host, line);
        assert!(long.contains("a grace is at most 30 days") && long.contains("= Usage"), "{long}");
        assert_eq!(secret(&path), first);
    }
    let replaced = told(&mut host, "security regenerate-secret --grace 24h");
    assert!(replaced.contains("The one before is good until Wed 2026-11-25 12:00"), "{replaced}");
    assert_ne!(secret(&path), first);
    let status = told(&mut host, "security status");
    assert!(status.contains(&format!("Before it  {}…", &first[..4])), "{status}");
    assert!(told(&mut host, "security regenerate-secret --dry-run").contains("None before it"));
    let at_once = told(&mut host, "security regenerate-secret");
    assert!(at_once.contains("None before it is good any more"), "{at_once}");
    assert!(!told(&mut host, "security status").contains("Before it"));
}

#[test]
fn a_secret_of_another_host_is_taken_from_standard_input_alone() {
    let (mut host, path) = fresh();
    host.answer = SECRET;
    let taken = told(&mut host, "security set-secret -");
    assert!(taken.contains("The secret is cana… (") && taken.ends_with("= Ok\n\n"), "{taken}");
    assert_eq!(secret(&path), SECRET.trim());
    let argument = told(&mut host, &format!("security set-secret {}", SECRET.trim()));
    assert!(argument.contains("= Usage") && argument.contains("others may have seen it"), "{argument}");
    host.answer = "too short\n";
    let short = told(&mut host, "security set-secret -");
    assert!(short.contains("9 characters, not 32 to 512") && !short.contains("too short"), "{short}");
    assert_eq!(secret(&path), SECRET.trim());
}

#[test]
fn of_a_whole_security_json_the_secret_alone_is_taken() {
    let (mut host, path) = fresh();
    host.tf("security setup");
    let before: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    host.answer = r#"{ "enable_hmac": false, "hmac_secret": "canaryCANARYcanaryCANARYcanaryCANARYcanaryC",
        "hmac_window_seconds": 9, "server_id": "0123456789abcdef0123456789abcdef", "something": [1] }"#;
    let taken = told(&mut host, "security set-secret -");
    assert!(taken.contains("The secret is cana… (") && !taken.contains(SECRET.trim()), "{taken}");
    let mut after: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(after["hmac_secret"], SECRET.trim());
    // What makes this host itself, and how strict it is, stays.
    after["hmac_secret"] = before["hmac_secret"].clone();
    assert_eq!(after, before);
    for wrong in [
        r#"{"jwt_secret": "canaryCANARYcanaryCANARYcanaryCANARYcanaryC"}"#,
        r#"{"hmac_secret": ["canaryCANARYcanaryCANARYcanaryCANARYcanaryC"]}"#,
        r#"{"hmac_secret": "canaryCANARYcanaryCANARYcanaryCANARYcanaryC""#,
        r#"{"hmac_secret": "canary"}"#,
    ] {
        host.answer = wrong;
        let refused = told(&mut host, "security set-secret -");
        assert!(refused.contains("= Usage") && !refused.contains("canary"), "{refused}");
        assert_eq!(secret(&path), SECRET.trim());
    }
}

#[test]
fn to_switch_signing_off_is_told_for_what_it_is_and_taken_back() {
    let (mut host, path) = fresh();
    host.tf("security setup");
    let first = secret(&path);
    assert!(told(&mut host, "security disable --dry-run").contains("Would let"));
    let off = told(&mut host, "security disable");
    assert!(off.contains("warning: every program that runs as your user"), "{off}");
    assert!(told(&mut host, "security disable").contains("Nothing changed"));
    assert!(told(&mut host, "security status").contains("need no signature"));
    let on = told(&mut host, "security setup");
    assert!(on.contains("is kept") && on.contains("have to be signed again"), "{on}");
    assert_eq!(secret(&path), first);
}

#[test]
fn a_file_that_others_may_read_is_refused_with_what_to_do() {
    let (mut host, path) = fresh();
    host.tf("security setup");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    for line in ["security status", "security setup", "security regenerate-secret", "security disable"] {
        let refused = told(&mut host, line);
        assert!(refused.contains("= Permission") && refused.contains("chmod go="), "{line}: {refused}");
    }
}

#[test]
fn each_change_is_in_the_audit_log() {
    let (mut host, _) = fresh();
    assert!(told(&mut host, "audit").contains("No such records"));
    host.tf("security setup");
    host.tf("security setup");
    host.tf("security disable");
    let all = told(&mut host, "audit -o jsonl");
    let lines: Vec<&str> = all.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(lines.len(), 4, "a begin and an end of each change, none where nothing changed: {all}");
    assert!(lines[3].contains("\"action\":\"security.disable\"") && lines[3].contains("\"result\":\"done\""));
    assert!(lines[3].contains("\"who\":\"ada\""), "{all}");
    let table = told(&mut host, "audit --action disable -n 1");
    assert!(table.contains("security.disable") && !table.contains("begun"), "{table}");
    assert!(told(&mut host, "audit --failed").contains("No such records"));
    assert!(told(&mut host, "audit --since 1h --who ada").contains("security.setup"));
}

#[test]
fn a_change_that_cannot_be_recorded_is_not_made() {
    let (mut host, path) = fresh();
    host.tf("security setup");
    let first = secret(&path);
    let log = host.app.data_directory.join("audit.jsonl");
    std::fs::remove_file(&log).unwrap();
    std::fs::create_dir(&log).unwrap();
    let refused = told(&mut host, "security regenerate-secret");
    assert!(refused.contains("could not write the audit log") && refused.contains("= Failed"), "{refused}");
    assert_eq!(secret(&path), first);
}
