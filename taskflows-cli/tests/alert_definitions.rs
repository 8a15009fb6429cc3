//! Tasks and alerts of definitions on a fake host: what is kept of groups, and what is told of it.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod host;

use std::collections::BTreeMap;

use host::{Host, check};
use taskflows_cli::AlertGroups;
use taskflows_core::alerting::AlertGroup;

const ALERTS: &str = r#"
[alerts.ops]
send_to = { type = "slack", channel = "ops", bot_token = "${env:REGION}-token" }

[[services]]
name = "web"
start_command = "serve"
alerts = ["ops", { send_to = { type = "slack", channel = "web", bot_token = "${env:REGION}" } }]

[[services]]
name = "sync"
start_command = "rsync"
task = { retries = 3, alerts = "ops" }
"#;

fn kept(host: &Host) -> BTreeMap<String, AlertGroup> {
    AlertGroups::load(&host.app.data_directory).unwrap()
}

fn keys(host: &Host) -> Vec<String> {
    kept(host).into_keys().collect()
}

#[test]
fn groups_are_planned_kept_changed_and_forgotten() {
    let mut host = Host::new();
    host.write("jobs.toml", ALERTS);
    host.tf("validate jobs.toml");
    host.tf("plan jobs.toml -o name");
    host.tf("create --dry-run jobs.toml -o name");
    assert!(!host.app.data_directory.exists(), "a plan keeps nothing");
    host.tf("create jobs.toml");
    assert_eq!(keys(&host), ["ops", "web/1"]);
    let token = kept(&host)["ops"].send_to[0].get("bot_token").cloned();
    assert_eq!(token, Some("eu-token".into()), "variables are values by now");
    host.tf("create jobs.toml");
    host.write("jobs.toml", &ALERTS.replace("channel = \"ops\"", "channel = \"night\""));
    host.tf("plan jobs.toml -o name");
    host.tf("create jobs.toml");
    // A service of another file names the group.
    host.write("more.toml", "[[services]]\nname = 'more'\nstart_command = 'x'\nalerts = 'ops'\n");
    host.tf("create more.toml");
    host.write("jobs.toml", "[[services]]\nname = 'web'\nstart_command = 'serve'\n");
    host.tf("create jobs.toml --prune --yes");
    assert_eq!(keys(&host), ["ops"]);
    host.tf("remove more");
    assert_eq!(keys(&host), ["ops"], "a group that services share stays when one of them goes");
    host.tf("create jobs.toml");
    assert_eq!(keys(&host), Vec::<String>::new());
    assert!(!host.transcript.contains("token"));
    check!(host);
}

#[test]
fn a_name_that_no_group_has_is_told_with_the_nearest_and_changes_nothing() {
    let mut host = Host::new();
    host.write("jobs.toml", ALERTS);
    host.tf("create jobs.toml");
    host.transcript.clear();
    host.write("more.toml", "[[services]]\nname = 'more'\nstart_command = 'x'\nalerts = ['ops', 'osp']\n");
    host.tf("create more.toml");
    host.tf("plan more.toml");
    host.tf("validate more.toml");
    host.tf("create more.toml --exclude more");
    // What another file of the same command defines is known.
    host.write("osp.toml", "[alerts.osp]\nsend_to = { type = 'slack', channel = 'x' }\n[[services]]\nname = 'o'\nstart_command = 'x'\n");
    host.tf("validate more.toml osp.toml");
    host.write("again.toml", "[alerts.osp]\nsend_to = { type = 'slack', channel = 'y' }\n[[services]]\nname = 'p'\nstart_command = 'x'\n");
    host.tf("validate again.toml osp.toml");
    check!(host);
}

#[test]
fn groups_are_as_before_where_services_cannot_be_changed() {
    let mut host = Host::new();
    host.write("jobs.toml", ALERTS);
    host.tf("create jobs.toml");
    let before = kept(&host);
    host.write("jobs.toml", &ALERTS.replace("\"web\", bot", "\"other\", bot").replace("ops", "night"));
    // Somebody else's unit is in the way of one of the services.
    host.write("more.toml", "[[services]]\nname = 'theirs'\nstart_command = 'x'\n");
    host.manager.add_foreign("theirs".parse().unwrap());
    host.tf("create jobs.toml more.toml");
    assert!(host.transcript.contains("X-Taskflows mark"), "{}", host.transcript);
    assert_eq!(kept(&host), before);
    host.tf("create jobs.toml");
    assert_eq!(keys(&host), ["night", "web/1"]);
}

#[test]
fn the_groups_that_are_a_services_alone_go_with_it() {
    let mut host = Host::new();
    host.write("jobs.toml", ALERTS);
    host.tf("create jobs.toml");
    host.tf("remove web");
    assert_eq!(keys(&host), ["ops"]);
}

#[test]
fn the_token_of_a_bot_is_taken_from_who_defines() {
    let text = "[alerts.ops]\nsend_to = { type = 'slack', channel = 'x' }\n[[services]]\nname = 'a'\nstart_command = 'x'\nalerts = 'ops'\n";
    let mut host = Host::new();
    host.write("jobs.toml", text);
    host.tf("create jobs.toml");
    assert!(host.transcript.contains("has no token: set SLACK_BOT_TOKEN"), "{}", host.transcript);
    let token = |host: &Host| kept(host)["ops"].send_to[0].get("bot_token").cloned();
    assert_eq!(token(&host), None);
    host.app.variable = std::sync::Arc::new(|name| (name == "SLACK_BOT_TOKEN").then(|| "xoxb-1".to_owned()));
    host.tf("create jobs.toml");
    assert_eq!(token(&host), Some("xoxb-1".into()));
    // Who has not the variable changes nothing.
    host.app.variable = std::sync::Arc::new(|_| None);
    host.transcript.clear();
    host.tf("create jobs.toml");
    assert_eq!(token(&host), Some("xoxb-1".into()));
    assert!(!host.transcript.contains("lert group"), "{}", host.transcript);
}

#[test]
fn an_edit_keeps_the_groups_of_the_new_text() {
    let mut host = Host::new();
    host.write("jobs.toml", ALERTS);
    host.tf("create jobs.toml");
    host.app.editor =
        Some("sed -i s/night/later/;s/\\\"ops\\\"/\\\"night\\\"/;s/alerts.ops/alerts.night/".to_owned());
    host.tf("edit web --yes");
    assert_eq!(keys(&host), ["night", "web/1"], "{}", host.transcript);
}
