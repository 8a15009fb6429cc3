//! Several hosts, each with systemd as its first process.

use std::time::Duration;

use taskflows_tests::{LiveHosts, wait_until};

/// Within so long what is to happen happens.
const SOON: Duration = Duration::from_secs(30);

/// One service that is always there, and one that runs each night.
const JOBS: &str = r#"
version = 1

[[services]]
name = "web"
start_command = "sleep infinity"
start_schedule = { start_on = "boot", period = "1d", relative_to = "start" }

[[services]]
name = "nightly"
start_command = "echo done"
start_schedule = "*-*-* 03:00:00 UTC"
"#;

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
