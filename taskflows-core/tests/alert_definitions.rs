//! Tasks and alerts in definition files: one model through three doors, and errors that show their place.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use jiff::tz::{TimeZone, TimeZoneDatabase};
use taskflows_core::alerting::{AlertUse, GroupName};
use taskflows_core::schedule::Zones;
use taskflows_core::{
    AlertGroupUse, Definition, DefinitionError, Format, Source, Surroundings, read_alert_group, read_in,
};

const TOML: &str = include_str!("files/alerts.toml");

fn open(name: &str, text: &str) -> Result<Definition, DefinitionError> {
    let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
    let source = Source::new(name, text, Format::from_path(name).unwrap()).with_base("/jobs".to_owned());
    let variable = |name: &str| (name == "EMAIL_PWD").then(|| "hunter2".to_owned());
    let open = |_: &Source, _: &str| Err("no other file".to_owned());
    read_in(&source, &Surroundings { zones: &zones, variable: &variable, open: &open })
}

fn warnings(definition: &Definition) -> Vec<&str> {
    definition.warnings().iter().map(|warning| warning.message()).collect()
}

#[test]
fn tasks_and_alerts_are_the_same_in_every_format() {
    let toml = open("a.toml", TOML).unwrap_or_else(|error| panic!("{error}"));
    let tree: serde_json::Value = serde_json::to_value(toml::from_str::<toml::Value>(TOML).unwrap()).unwrap();
    // JSON is YAML as well; that block style reads as flow style is the YAML reader's own test.
    for name in ["a.json", "a.yaml"] {
        let other = open(name, &tree.to_string()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((&other.services, &other.alerts), (&toml.services, &toml.alerts), "{name}");
    }
    insta::assert_debug_snapshot!((
        &toml.alerts,
        toml.services.iter().map(|one| (&one.task, &one.alerts)).collect::<Vec<_>>()
    ));
}

#[test]
fn a_group_is_kept_as_it_was_read() {
    for (name, group) in open("a.toml", TOML).unwrap().alerts {
        let source = Source::new("alerts.json", group.to_json().to_string(), Format::Json);
        assert_eq!(read_alert_group(&source).unwrap(), group, "{name}");
    }
}

#[test]
fn secrets_of_alerts_are_taken_from_variables_without_a_warning_and_told_where_they_are_literal() {
    assert_eq!(warnings(&open("a.toml", TOML).unwrap()), Vec::<&str>::new());
    let seed = open("alerts.toml", include_str!("../../examples/alerts.toml")).unwrap();
    assert_eq!(warnings(&seed), Vec::<&str>::new());
    let literal = TOML.replace("${env:EMAIL_PWD:-hunter2}", "hunter2");
    assert_eq!(
        warnings(&open("a.toml", &literal).unwrap()),
        ["whoever may read this file knows the `password`"]
    );
    // Elsewhere a variable of that name still comes to stand in a unit.
    let unit = "[[services]]\nname = 'a'\nstart_command = 'x'\nenv = { alerts = '${env:EMAIL_PWD}' }";
    assert_eq!(warnings(&open("a.toml", unit).unwrap()).len(), 1);
}

#[test]
fn nothing_shows_a_secret() {
    let definition = open("a.toml", TOML).unwrap();
    let shown = format!("{definition:?}");
    for secret in ["hunter2", "xoxb-1", "hooks.example.org", "R0UT3"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[test]
fn the_alerts_of_a_service_take_the_place_of_those_of_the_defaults() {
    let definition = open("a.toml", TOML).unwrap();
    let keys = |index: usize| definition.services[index].alert_mark().unwrap().groups;
    assert_eq!(keys(0), ["ops", "mail"]);
    assert_eq!(keys(1), ["ops"]);
    assert_eq!(keys(2), ["mail", "watch/1"]);
    assert!(matches!(definition.services[2].alerts[1], AlertUse::Inline(_)));
    let within = "[defaults]\ntask = { retries = 2, alerts = 'ops' }\n[alerts.ops]\nsend_to = { type = 'slack', channel = 'x' }\n\
                  [alerts.web]\nsend_to = { type = 'slack', channel = 'y' }\n\
                  [[services]]\nname = 'a'\nstart_command = 'x'\nalerts = 'web'\n";
    let read = open("a.toml", within).unwrap();
    assert_eq!(read.services[0].alert_mark().unwrap().groups, ["web"]);
    assert_eq!(read.services[0].task.as_ref().unwrap().policy.retries, 2);
}

#[test]
fn a_name_that_no_group_has_is_looked_for_on_the_host() {
    let text = "[alerts.ops]\nsend_to = { type = 'slack', channel = 'x' }\nfallback = 'mial'\n\
                [[services]]\nname = 'a'\nstart_command = 'x'\nalerts = ['ops', 'pagr', { send_to = { type = 'slack', channel = 'x' }, fallback = 'pager' }]\n";
    let definition = open("a.toml", text).unwrap();
    let known: Vec<GroupName> = ["mail", "pager"].map(|name| name.parse().unwrap()).to_vec();
    let error = AlertGroupUse::check(definition.alert_uses(), &known).unwrap_err();
    insta::assert_snapshot!(error.render(false));
    let all: Vec<GroupName> = ["mial", "pagr", "pager"].map(|name| name.parse().unwrap()).to_vec();
    assert!(AlertGroupUse::check(definition.alert_uses(), &all).is_ok());
}

#[test]
fn a_slip_is_shown_with_its_place_and_the_nearest_word() {
    let group = |body: &str| format!("[alerts.ops]\n{body}\n[[services]]\nname = 'a'\nstart_command = 'x'\n");
    let to = "send_to = { type = 'slack', channel = 'x' }";
    let service = |body: &str| format!("[[services]]\nname = 'a'\nstart_command = 'x'\n{body}\n");
    let cases = [
        group("send_on = 'failed'"),
        group("send_to = []"),
        group("send_to = 'ops'"),
        group("send_to = { type = 'slak', channel = 'x' }"),
        group("send_to = { channel = 'x' }"),
        group("send_to = { type = 'slack' }"),
        group("send_to = { type = 'slack', chanel = 'x' }"),
        group(
            "send_to = { type = 'email', addr = 'a', password = '', receiver_addr = ['a@b', 'c'], smtp_port = 0, tls = 'startls' }",
        ),
        group("send_to = { type = 'email', addr = 'a@b' }"),
        group("send_to = { type = 'webhook', url = 'example.org', headers = { 'a b' = 'x' } }"),
        group(
            "send_to = { type = 'alertmanager', url = 'https://a', labels = { 'a-b' = 'x' }, allow_http = 'ja' }",
        ),
        group("send_to = { type = 'discord', webhook_url = '${env:EMAIL_PWD}' }"),
        group("send_to = { type = 'command', command = 'page me' }"),
        group("send_to = { type = 'command', command = ['./page'] }"),
        group(&format!("{to}\nsend_on = ['failed', 'mised']")),
        group(&format!("{to}\nquiet_hours = '22-7'")),
        group(&format!("{to}\nquiet_hours = '22:00-07:00 Europe/Berln'")),
        group(&format!("{to}\nescalate = [{{ after = 0, send_to = [] }}]")),
        group(&format!("{to}\nfallback = 'ops'")),
        group(&format!("{to}\nremind_evry = '1h'")),
        service("alerts = 5"),
        service("alerts = 'a b'"),
        service("alerts = ['ops', 'ops']"),
        service("alerts = 'ops'\ntask = { alerts = 'ops' }"),
        service("alert_on_missed_run = true"),
        service("task = { retrys = 3 }"),
        service("task = { retries = -1 }"),
        service("task = { timeout = 0 }"),
        service("task = { backoff = '10s..' }"),
        service("task = { backoff = { initial = '1h', max = '1min' } }"),
        service("task = { backoff = { max = '1min' } }"),
        service("task = { kill_after = '2min' }\ncgroup_config = { timeout_stop = '1min' }"),
        service("task = 3"),
    ];
    let told =
        cases.iter().map(|text| format!("{text}\n{}\n", open("a.toml", text).expect_err(text).render(false)));
    let told = told.collect::<Vec<_>>().join(&format!("\n{}\n", "-".repeat(72)));
    assert!(!told.contains("hunter2"));
    insta::assert_snapshot!(told);
}

#[test]
fn what_only_a_task_tells_is_warned_of_where_there_is_none() {
    let group =
        "[alerts.ops]\nsend_to = { type = 'slack', channel = 'x' }\nsend_on = ['start', 'error', 'failed']\n";
    let service = "[[services]]\nname = 'a'\nstart_command = 'x'\n";
    let inline =
        "alerts = ['ops', { send_to = { type = 'slack', channel = 'y' }, send_on = ['start', 'skipped'] }]";
    let definition = open("a.toml", &format!("{group}{service}{inline}\n")).unwrap();
    insta::assert_snapshot!(definition.render_warnings(false).unwrap());
    for quiet in ["alerts = 'ops'\ntask = {}", "task = { alerts = 'ops' }", "alerts = 'of-the-host'"] {
        let definition = open("a.toml", &format!("{group}{service}{quiet}\n")).unwrap();
        assert_eq!(warnings(&definition), [""; 0], "{quiet}");
    }
}
