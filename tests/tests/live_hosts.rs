//! Several hosts, each with systemd as its first process, and one `tf` for all of them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};
use taskflows_tests::{LiveHosts, wait_until};

/// Within so long what is to happen happens.
const SOON: Duration = Duration::from_secs(30);

/// One service that is always there, one that tells where it runs, and one that runs each night.
const JOBS: &str = r#"
version = 1

[[services]]
name = "web"
start_command = "sleep infinity"
start_schedule = { start_on = "boot", period = "1d", relative_to = "start" }

[[services]]
name = "tick"
start_command = ["sh", "-c", "while :; do echo tick on `hostname`; sleep 0.3; done"]

[[services]]
name = "nightly"
start_command = "echo done"
start_schedule = "*-*-* 03:00:00 UTC"
"#;

/// Hosts with one secret and an API each; the first one knows the others.
fn fleet(count: usize) -> LiveHosts {
    let hosts = LiveHosts::start(count);
    hosts.tf(1, &["security", "setup"]).expect(0);
    let settings = hosts.shell(1, "cat .services/security.json").expect(0).stdout;
    for host in 1..=count {
        if host > 1 {
            hosts.tf_with(host, &["security", "set-secret", "-"], &settings).expect(0);
        }
        hosts.tf(host, &["api", "start", "--listen", "0.0.0.0:7777"]).expect(0);
    }
    for host in 2..=count {
        let name = format!("h{host}");
        hosts.tf(1, &["server", "add", &name, &name, "--group", "others"]).expect(0);
    }
    hosts
}

fn rows(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

fn of_servers(rows: &[Value]) -> BTreeSet<&str> {
    rows.iter().map(|row| row["server"].as_str().unwrap()).collect()
}

#[test]
fn services_are_back_after_a_power_cut() {
    let hosts = LiveHosts::start(2);
    hosts.write(1, "jobs.toml", JOBS);
    hosts.tf(1, &["create", "jobs.toml"]).expect(0);
    let next = hosts.tf(1, &["next", "nightly", "-o", "json"]).expect(0).stdout;
    hosts.power_cycle(1);
    wait_until("web runs again", SOON, || hosts.tf(1, &["status", "web"]).code == 0);
    assert_eq!(hosts.tf(1, &["next", "nightly", "-o", "json"]).expect(0).stdout, next);
    assert_eq!(hosts.tf(2, &["list", "-o", "name"]).expect(0).stdout, "", "each host has its own");
}

#[test]
fn three_hosts_are_one_fleet() {
    let hosts = fleet(3);
    let listed = rows(&hosts.tf(1, &["server", "list", "-o", "json"]).expect(0).stdout);
    let ids: BTreeSet<&str> = listed.iter().filter_map(|row| row["server_id"].as_str()).collect();
    assert_eq!((listed.len(), ids.len()), (3, 3), "each registered, each with an id of its own: {listed:?}");
    assert_eq!(hosts.tf(2, &["server", "list", "-o", "name"]).expect(0).stdout, "h2\n", "by itself");

    hosts.write(1, "jobs.toml", JOBS);
    let told = hosts.tf(1, &["create", "jobs.toml", "-s", "@all", "--now"]).expect(0).stderr;
    assert!(told.contains("h1, h2, h3: Plan: 3 to create."), "{told}");
    assert!(hosts.tf(1, &["plan", "jobs.toml", "-s", "@all"]).expect(0).stdout.is_empty());
    // What is created here is as if it had been created alone: nothing is left to do.
    hosts.tf(1, &["plan", "jobs.toml", "-s", "local"]).expect(0);
    let listed = rows(&hosts.tf(1, &["list", "web", "-o", "json"]).expect(0).stdout);
    assert_eq!(of_servers(&listed), BTreeSet::from(["h1", "h2", "h3"]));
    assert!(listed.iter().all(|row| row["state"] == "running"), "{listed:?}");

    let followed = hosts.command(1, "timeout").args(["-s", "INT", "4", "tf", "logs", "-f", "tick"]).output();
    let followed = String::from_utf8(followed.unwrap().stdout).unwrap();
    for host in ["h1", "h2", "h3"] {
        let own = followed.lines().filter(|line| line.starts_with(host));
        let own: Vec<&str> = own.filter(|line| line.ends_with(&format!("tick on {host}"))).collect();
        assert!(own.len() > 5, "{host}: {followed}");
    }

    hosts.tf(1, &["stop", "tick", "-s", "@others"]).expect(0);
    let listed = rows(&hosts.tf(1, &["list", "tick", "-o", "json"]).expect(0).stdout);
    let running = listed.iter().filter(|row| row["state"] == "running").cloned().collect::<Vec<_>>();
    assert_eq!(of_servers(&running), BTreeSet::from(["h1"]));

    hosts.unplug(3);
    let began = Instant::now();
    let told = hosts.tf(1, &["list", "web", "-o", "json"]).expect(6);
    println!("one unplugged: {:?}, {}", began.elapsed(), told.stderr.trim());
    assert!(began.elapsed() < Duration::from_secs(15));
    assert_eq!(of_servers(&rows(&told.stdout)), BTreeSet::from(["h1", "h2"]));
    assert!(told.stderr.contains("1 of 3 servers did not answer: h3 ("), "{}", told.stderr);
    hosts.plug(3);
    wait_until("h3 answers again", SOON, || hosts.tf(1, &["list", "web"]).code == 0);

    let next = hosts.tf(1, &["next", "nightly", "-s", "h2", "-o", "json"]).expect(0).stdout;
    hosts.power_cycle(2);
    wait_until("web runs again on h2", SOON, || hosts.tf(1, &["status", "web", "-s", "h2"]).code == 0);
    assert_eq!(hosts.tf(1, &["next", "nightly", "-s", "h2", "-o", "json"]).expect(0).stdout, next);

    let told = hosts.tf(1, &["remove", "web", "tick", "nightly", "-s", "@all", "--yes"]).expect(0).stderr;
    assert!(told.contains("h1, h2, h3: Removed 3 services."), "{told}");
    for host in 1..=3 {
        let left = hosts.tf(host, &["list", "--all", "-s", "local", "-o", "name"]).expect(0).stdout;
        assert_eq!(left.trim(), "srv-api", "h{host}");
    }
}

#[test]
fn a_secret_is_rotated_while_commands_run() {
    let hosts = fleet(3);
    let (is_over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let told = hosts.tf(1, &["list", "-s", "@all"]);
                    is_over.fetch_or(told.code != 0, Ordering::Relaxed);
                    told.expect(0);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let some_more = || {
            let until = asked.load(Ordering::Relaxed) + 6;
            wait_until("commands run", SOON, || {
                asked.load(Ordering::Relaxed) >= until || is_over.load(Ordering::Relaxed)
            });
        };
        some_more();
        hosts.tf(1, &["security", "regenerate-secret", "--grace", "1h"]).expect(0);
        some_more();
        let settings = hosts.shell(1, "cat .services/security.json").expect(0).stdout;
        for host in [2, 3] {
            hosts.tf_with(host, &["security", "set-secret", "-", "--grace", "1h"], &settings).expect(0);
            some_more();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    println!("{} commands while the secret changed", asked.load(Ordering::Relaxed));
    // Without a grace the one before is worth nothing at once.
    hosts.tf(3, &["security", "regenerate-secret"]).expect(0);
    let told = hosts.tf(1, &["list", "-s", "@all"]).expect(6).stderr;
    assert!(told.contains("h3"), "{told}");
}

/// Signs a request as the description of the API says.
fn signed(secret: &str, server_id: &str, nonce: &str) -> [String; 3] {
    let time = jiff::Timestamp::now().as_second().to_string();
    let body = hex::encode(Sha256::digest(b""));
    let text = ["TF1", &time, nonce, server_id, "GET", "/api/services", "", &body].join("\n");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    [format!("X-HMAC-Signature: {signature}"), format!("X-Timestamp: {time}"), format!("X-Nonce: {nonce}")]
}

#[test]
fn a_request_for_one_host_is_worthless_on_the_others() {
    let hosts = fleet(3);
    let settings = hosts.shell(1, "cat .services/security.json").expect(0).stdout;
    let settings: Value = serde_json::from_str(&settings).unwrap();
    let secret = settings["hmac_secret"].as_str().unwrap();
    let known = rows(&hosts.tf(1, &["server", "list", "-o", "json"]).expect(0).stdout);
    let ids: Vec<&str> = known.iter().map(|row| row["server_id"].as_str().unwrap()).collect();
    let ask = |host: usize, headers: &[String; 3]| {
        let url = format!("http://h{host}:7777/api/services");
        let mut words = vec!["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", &url];
        headers.iter().for_each(|header| words.extend(["-H", header]));
        hosts.root(1, &words).expect(0).stdout
    };
    for (own, id) in ids.iter().enumerate() {
        let headers = signed(secret, id, &format!("0123456789abcdef0123456789abcde{own}"));
        for host in 1..=3 {
            let expected = if host == own + 1 { "200" } else { "401" };
            assert_eq!(ask(host, &headers), expected, "signed for h{} and sent to h{host}", own + 1);
        }
        assert_eq!(ask(own + 1, &headers), "401", "it is good once");
    }
}

#[test]
fn a_copied_file_makes_no_two_hosts_of_one_id() {
    let hosts = LiveHosts::start(2);
    hosts.tf(1, &["security", "setup"]).expect(0);
    let settings = hosts.shell(1, "cat .services/security.json").expect(0).stdout;
    hosts.shell(2, "mkdir -m 700 .services && umask 077 && touch .services/security.json").expect(0);
    hosts.write(2, ".services/security.json", &settings);
    let told = hosts.tf(2, &["api", "start"]).expect(0).stderr;
    assert!(told.contains("another machine"), "{told}");
    assert!(!hosts.tf(2, &["api", "start"]).expect(0).stderr.contains("another machine"), "it is told once");
    let id = |host| {
        let text = hosts.shell(host, "cat .services/security.json").expect(0).stdout;
        serde_json::from_str::<Value>(&text).unwrap()["server_id"].as_str().unwrap().to_owned()
    };
    assert_ne!(id(1), id(2));
}
