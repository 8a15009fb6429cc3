//! Dashboards of definitions on a fake host with a stand-in of Grafana's API.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod host;
#[path = "../../taskflows-logging/tests/support/mod.rs"]
mod support;

use std::sync::Arc;

use clap::Parser;
use host::{Host, check};
use serde_json::json;
use support::grafana::{FakeGrafana, KEY};
use support::server::{Response, nobody};
use taskflows_cli::{Arguments, Asking, Exit, LocalDefiner, Ui, run_on_servers};
use taskflows_core::grafana::Explore;

const FILE: &str = r#"
dashboards = [
    { title = "Worker logs", rows = [[{ service = "web" }, { service = "web", text = "ERROR", period = "5min" }]] },
    { title = "All", services = "*", columns = 2 },
]

[[services]]
name = "web"
start_command = "serve"
"#;

fn host(grafana: &FakeGrafana) -> Host {
    let mut host = Host::new();
    host.write("jobs.toml", FILE);
    host.app.explore = Some(Explore::new(&grafana.url));
    host.app.grafana_api_key = Some(KEY.to_owned());
    host
}

fn saves(grafana: &FakeGrafana) -> usize {
    grafana.state.lock().unwrap().saves
}

#[test]
fn dashboards_are_planned_made_left_alone_and_changed() {
    let grafana = FakeGrafana::start();
    let mut host = host(&grafana);
    host.tf("validate jobs.toml");
    host.tf("plan jobs.toml -o name");
    host.tf("create --dry-run jobs.toml -o name");
    assert_eq!(saves(&grafana), 0, "a plan saves nothing");
    host.tf("create jobs.toml");
    host.tf("create jobs.toml");
    assert_eq!(saves(&grafana), 2, "what is as defined is not saved again");
    host.tf("plan jobs.toml");
    host.write("jobs.toml", &FILE.replace("ERROR", "WARN"));
    host.tf("plan jobs.toml");
    host.tf("create jobs.toml -o json");
    assert_eq!(saves(&grafana), 3);
    assert!(!host.transcript.contains("hunter2"));
    check!(host);
}

#[test]
fn a_file_of_dashboards_alone_says_nothing_of_services() {
    let grafana = FakeGrafana::start();
    let mut host = host(&grafana);
    host.write("boards.toml", "dashboards = [{ title = 'Shared', rows = [{ service = 'web' }] }]\n");
    host.tf("validate boards.toml");
    host.tf("plan boards.toml");
    host.tf("create boards.toml");
    host.tf("create boards.toml");
    host.tf("render boards.toml");
    host.tf("plan boards.toml -o json");
    check!(host);
}

#[test]
fn without_a_grafana_services_are_made_and_what_is_missing_is_told() {
    let mut host = Host::new();
    host.write("jobs.toml", FILE);
    host.tf("plan jobs.toml -o name");
    host.tf("create jobs.toml");
    host.app.explore = Some(Explore::new("http://localhost:3000"));
    host.tf("create jobs.toml");
    check!(host);
}

#[test]
fn a_grafana_that_fails_keeps_no_service_from_being_made() {
    let grafana = FakeGrafana::start();
    let mut host = host(&grafana);
    host.app.explore = Some(Explore::new(&nobody().to_string()));
    host.tf("create --now jobs.toml");
    assert!(host.transcript.contains("! Created web."), "{}", host.transcript);
    assert!(
        host.transcript
            .contains("! note: dashboards were not made: could not reach Grafana at http://127.0.0.1:")
    );
    assert!(host.transcript.ends_with("= Partial\n\n"), "{}", host.transcript);
    host.tf("plan jobs.toml");
    assert!(host.transcript.contains("! note: dashboards were not compared: "), "{}", host.transcript);
    assert!(host.transcript.ends_with("= Partial\n\n"), "{}", host.transcript);
    host.transcript.clear();
    host.app.explore = Some(Explore::new(&grafana.url));
    host.app.grafana_api_key = Some("hunter2".to_owned());
    host.tf("create jobs.toml");
    host.app.grafana_api_key = Some(KEY.to_owned());
    grafana.fail("/api/dashboards/db", Response::json(403, &json!({ "message": "no" })));
    host.tf("create jobs.toml");
    grafana.fail(
        "/api/dashboards/db",
        Response::json(400, &json!({ "message": "Cannot save provisioned dashboard" })),
    );
    host.tf("create jobs.toml");
    assert!(!host.transcript.contains("hunter2"));
    check!(host);
}

#[test]
fn somebody_elses_dashboard_is_written_over_only_by_force() {
    let grafana = FakeGrafana::start();
    let mut host = host(&grafana);
    host.tf("create jobs.toml");
    for (dashboard, _) in grafana.state.lock().unwrap().dashboards.values_mut() {
        dashboard["tags"] = json!([]);
    }
    host.transcript.clear();
    host.tf("plan jobs.toml");
    host.tf("create jobs.toml");
    host.tf("create --force jobs.toml");
    host.tf("create jobs.toml");
    check!(host);
}

#[test]
fn two_files_define_no_dashboard_of_one_title() {
    let mut host = Host::new();
    let one = |service: &str| {
        format!(
            "include = 'shared/*.toml'\ndashboards = [{{ title = 'Own', rows = [{{ service = '{service}' }}] }}]\n[[services]]\nname = '{service}'\nstart_command = 'x'\n"
        )
    };
    std::fs::create_dir(host.files.path().join("shared")).unwrap();
    host.write("shared/boards.toml", "dashboards = [{ title = 'Shared', rows = [{ service = 'web' }] }]\n");
    host.write("a.toml", &one("a"));
    host.write("b.toml", &one("b"));
    host.tf("validate a.toml b.toml");
    host.write("b.toml", &one("b").replace("Own", "Other"));
    host.tf("validate a.toml b.toml");
    check!(host);
}

#[test]
fn a_check_of_nothing_says_what_to_set() {
    let mut host = Host::new();
    host.tf("logging check");
    host.tf("logging check -o json --timeout 5s");
    check!(host);
}

#[test]
fn on_other_servers_services_are_made_there_and_dashboards_once_from_here() {
    let grafana = FakeGrafana::start();
    let mut here = host(&grafana);
    here.app.host_name = "laptop".to_owned();
    let servers = ["web1", "web2"].map(|name| {
        let mut host = Host::new();
        host.app.definer = Some(Arc::new(LocalDefiner::new(Arc::new(host.app.clone()))));
        host.app.server = Some(name.to_owned());
        (name, host)
    });
    let asking: Vec<Asking<'_>> = servers
        .iter()
        .map(|(name, host)| Asking { name: (*name).to_owned(), app: Ok(&host.app), way: None, meant: None })
        .collect();
    let file = here.files.path().join("jobs.toml").display().to_string();
    let tf = |verb: &str| {
        let arguments = Arguments::try_parse_from(["tf", verb, &file]).unwrap();
        let (mut out, mut status, mut input) = (Vec::new(), Vec::new(), std::io::empty());
        let mut ui = Ui {
            out: &mut out,
            status: &mut status,
            input: &mut input,
            width: Some(80),
            colour: false,
            interactive: false,
            quiet: false,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let exit = runtime.block_on(run_on_servers(&mut ui, &here.app, &asking, &arguments));
        (exit, String::from_utf8(out).unwrap() + &String::from_utf8(status).unwrap())
    };
    let (exit, told) = tf("plan");
    assert!(exit == Exit::Pending && saves(&grafana) == 0, "{told}");
    let (exit, told) = tf("create");
    assert!(exit == Exit::Ok && saves(&grafana) == 2, "{told}");
    assert_eq!(told.matches("Worker logs").count(), 1, "{told}");
    for (name, host) in &servers {
        let names = wait_for(host.app.services.names(&[]));
        assert_eq!(names.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>(), ["web"], "{name}");
    }
    let (exit, told) = tf("create");
    assert!(exit == Exit::Ok && saves(&grafana) == 2, "{told}");
}

fn wait_for<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
