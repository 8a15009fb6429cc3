//! Definitions of one host that are applied on another, over a server on loopback: both have fakes for systemd.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod host;

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::Parser;
use host::Host;
use taskflows_api::client::{Client, Credentials, RemoteDefiner};
use taskflows_api::ports::{DefineError, Definer};
use taskflows_api::server::Api;
use taskflows_api::testing::{Everybody, host_over, serve};
use taskflows_api::wire::{Applied, Fault, Order};
use taskflows_cli::{AlertGroups, App, Arguments, LocalDefiner, Ordered, Ui, Verb, order_of};
use taskflows_core::effects::{Edits, ServiceError, ServiceManager};
use taskflows_core::testing::FakeServiceManager;
use taskflows_core::{Change, Plan, ServiceName};
use taskflows_security::Role;

const SHARED: &str = r#"
[environments.py]
path = "venv"

[alerts.ops]
send_to = { type = "slack", channel = "ops", bot_token = "${env:REGION}-token" }
"#;

const JOBS: &str = r#"
include = "shared.toml"

[defaults]
env = { LEVEL = "info" }
systemd = { Service = { Nice = 5, ExecStartPre = ["/bin/a", "/bin/b"], CPUSchedulingPolicy = "idle" } }

[[services]]
name = "web"
start_command = "serve --region ${env:REGION} $${env:KEPT}"
environment = "py"
env_file = "web.env"
alerts = ["ops", { send_to = { type = "slack", channel = "web" } }]

[[services]]
name = "nightly"
start_command = "backup"
start_schedule = "*-*-* 02:00 Europe/Berlin"
task = { retries = 2 }
"#;

/// A host whose definitions are applied elsewhere.
struct Laptop(Host);

impl Laptop {
    fn new() -> Self {
        let mut host = Host::new();
        host.app.host_name = "laptop".to_owned();
        host.write("shared.toml", SHARED);
        host.write("jobs.toml", JOBS);
        Self(host)
    }

    fn label(&self, file: &str) -> String {
        format!("laptop:{}", self.0.files.path().canonicalize().unwrap().join(file).display())
    }

    /// Reads files into an order, and what was remarked of them.
    fn ordered(&self, files: &str, options: &[&str], prune: bool) -> (Ordered, String) {
        let path = self.0.files.path().join(files).display().to_string();
        let line = ["tf", "create", &path].into_iter().chain(options.iter().copied());
        let arguments = Arguments::try_parse_from(line).unwrap();
        let Verb::Create(create) = &arguments.verb else { panic!("no create") };
        let (mut out, mut status, mut input) = (Vec::new(), Vec::new(), std::io::empty());
        let mut ui = Ui {
            out: &mut out,
            status: &mut status,
            input: &mut input,
            width: None,
            colour: false,
            interactive: false,
            quiet: false,
        };
        let ordered = order_of(&mut ui, &self.0.app, &create.plan.sources, prune, Edits::Keep);
        (ordered.unwrap_or_else(|error| panic!("{error}")), String::from_utf8(status).unwrap())
    }

    fn order(&self, files: &str, options: &[&str], prune: bool) -> Order {
        self.ordered(files, options, prune).0.order
    }
}

/// The other host.
struct Server {
    app: Arc<App>,
    manager: Arc<FakeServiceManager>,
    definer: RemoteDefiner,
    _files: tempfile::TempDir,
}

impl Server {
    async fn new() -> Self {
        let Host { mut app, manager, files, .. } = Host::new();
        // It has variables of its own, none of which a definition takes.
        app.variable = std::sync::Arc::new(|name| (name == "REGION").then(|| "of the server".to_owned()));
        let app = Arc::new(app);
        let definer = Arc::new(LocalDefiner::new(Arc::clone(&app)));
        let host = taskflows_api::Host { definer, ..host_over(Arc::clone(&manager)) };
        let address = serve(Api::new(host, Arc::new(Everybody(Role::Admin)))).await.unwrap();
        let client = Client::new("web1", &format!("http://{address}"), Credentials::None).unwrap();
        Self { app, manager, definer: RemoteDefiner(client), _files: files }
    }

    async fn names(&self) -> Vec<String> {
        self.manager.names(&[]).await.unwrap().iter().map(ToString::to_string).collect()
    }

    fn groups(&self) -> BTreeMap<String, taskflows_cli::KeptGroup> {
        AlertGroups::new(&self.app.data_directory).list().unwrap()
    }

    async fn apply(&self, order: &Order) -> Applied {
        self.definer.apply(order).await.unwrap_or_else(|error| panic!("{error}"))
    }
}

fn plan(applied: Applied) -> Plan {
    Plan::try_from(applied.plan).unwrap()
}

#[tokio::test]
async fn what_is_sent_is_what_is_created_here() {
    let (server, mut laptop) = (Server::new().await, Laptop::new());
    let (Ordered { order, dashboards }, told) = laptop.ordered("jobs.toml", &[], false);
    assert!(dashboards.is_empty());
    assert!(
        !told.contains("web.env") && !told.contains("venv"),
        "what is missing here says nothing of there: {told}"
    );
    let applied = server.apply(&order).await;
    let notes = applied.notes.join("\n");
    assert!(!notes.contains("web.env") && notes.contains("Alert group ops: created."), "{notes}");
    assert!(applied.changes_groups);
    // The same files by `tf create` on the host that has them.
    std::thread::scope(|scope| scope.spawn(|| laptop.0.tf("create jobs.toml")).join().unwrap());
    for name in ["web", "nightly"] {
        let name: ServiceName = name.parse().unwrap();
        let there = server.manager.files(&name).await.unwrap();
        let here = laptop.0.manager.files(&name).await.unwrap();
        let there: BTreeMap<String, String> =
            there.files.into_iter().map(|(file, text)| (file, text.replace("laptop:", ""))).collect();
        assert_eq!(there, here.files);
        assert!(there.values().all(|text| !text.contains("of the server")));
    }
    let origins = server.manager.origins(&[]).await.unwrap();
    assert_eq!(origins[0].source, Some(laptop.label("jobs.toml")));
    assert!(plan(server.definer.plan(&order).await.unwrap()).is_empty());
}

/// Who sends a definition learns nothing of the files of the server, and nothing waits for a pipe that it names.
#[tokio::test]
async fn no_file_that_a_definition_names_is_looked_at() {
    let server = Server::new().await;
    let files = tempfile::tempdir().unwrap();
    let at = |name: &str| files.path().join(name).display().to_string();
    std::fs::write(at("wrong"), "no variable\n\"").unwrap();
    std::fs::create_dir(at("directory")).unwrap();
    std::os::unix::fs::symlink("/etc/shadow", at("link")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    let socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    socket.set_nonblocking(true).unwrap();
    let order = |path: &str| Order {
        definition: serde_json::json!({ "services": [
            { "name": "web", "start_command": [path], "env_file": path, "working_directory": path,
              "credentials": { "key": path }, "environment": { "path": path } },
            { "name": "uv", "start_command": "x", "environment": { "project": path } },
            { "name": "box", "start_command": "x", "environment":
                { "image": { "path": path, "tag": "t" }, "engine_host": format!("unix://{path}"), "env_file": path } },
        ] }),
        ..Order::default()
    };
    let missing = at("missing");
    let plain =
        |applied: Applied, path: &str| serde_json::to_string(&applied).unwrap().replace(path, &missing);
    let expected = plain(server.definer.plan(&order(&missing)).await.unwrap(), &missing);
    for path in ["wrong", "directory", "link", "pipe", "socket", "missing/x"]
        .map(at)
        .iter()
        .chain([&"/etc/shadow".to_owned()])
    {
        let told = plain(
            server.definer.plan(&order(path)).await.unwrap_or_else(|error| panic!("{path}: {error}")),
            path,
        );
        assert_eq!(told, expected, "{path}");
        server.apply(&order(path)).await;
        server.definer.remove(&["web", "uv", "box"].map(|name| name.parse().unwrap())).await.unwrap();
    }
    assert_eq!(socket.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody called");
}

#[tokio::test]
async fn the_groups_and_their_secrets_are_kept_there() {
    let (server, laptop) = (Server::new().await, Laptop::new());
    let order = laptop.order("jobs.toml", &[], false);
    let planned = server.definer.plan(&order).await.unwrap();
    assert_eq!(planned.told, ["Alert group ops: to create.", "Alert group web/1: to create."]);
    assert!(server.groups().is_empty(), "a plan keeps nothing");
    server.apply(&order).await;
    let groups = server.groups();
    assert_eq!(groups.keys().collect::<Vec<_>>(), ["ops", "web/1"]);
    assert_eq!(groups["ops"].group.send_to[0].get("bot_token"), Some(&"eu-token".into()));
    assert_eq!(groups["ops"].source, Some(laptop.label("shared.toml")));
    let again = server.apply(&order).await;
    assert!(!again.changes_groups && plan(again).is_empty());
    server.definer.remove(&["web".parse().unwrap()]).await.unwrap();
    assert_eq!(server.groups().into_keys().collect::<Vec<_>>(), ["ops"]);
    assert_eq!(server.names().await, ["nightly"]);
}

#[tokio::test]
async fn what_fails_on_the_way_leaves_all_as_it_was() {
    let (server, laptop) = (Server::new().await, Laptop::new());
    let order = laptop.order("jobs.toml", &[], false);
    server.manager.add_foreign("nightly".parse().unwrap());
    for error in
        [server.definer.plan(&order).await.unwrap_err(), server.definer.apply(&order).await.unwrap_err()]
    {
        assert!(matches!(error, DefineError::Services(ServiceError::NotOurs { .. })), "{error:?}");
    }
    assert!(server.names().await.is_empty() && server.groups().is_empty());
}

#[tokio::test]
async fn what_is_gone_from_the_same_files_goes_and_nothing_else() {
    let (server, laptop) = (Server::new().await, Laptop::new());
    let one = |name: &str| format!("[[services]]\nname = \"{name}\"\nstart_command = \"x\"\n");
    std::fs::create_dir(laptop.0.files.path().join("all")).unwrap();
    laptop.0.write("all/a.toml", &(one("a1") + &one("a2")));
    laptop.0.write("all/b.toml", &one("b"));
    server.apply(&laptop.order("all", &[], false)).await;
    // Of the server itself, from a file of the same path, and from no file at all.
    for (name, source) in [("own", Some(laptop.label("all/a.toml").replace("laptop:", ""))), ("typed", None)]
    {
        let mut own = taskflows_core::Service::builder(name).start_command("x").build().unwrap();
        own.source = source.map(|source| source.parse().unwrap());
        server.manager.install(taskflows_core::effects::Wanted::services(&[own])).await.unwrap();
    }
    // Of another host that has a file of the same path.
    let mut other = laptop.order("all", &["--include", "b"], false);
    other.definition = serde_json::json!({ "services": [{ "name": "theirs", "start_command": "x" }] });
    other.sources = [("theirs".to_owned(), laptop.label("all/b.toml").replace("laptop", "desk"))].into();
    server.apply(&other).await;
    laptop.0.write("all/a.toml", &one("a1"));
    let told = server.definer.plan(&laptop.order("all", &[], false)).await.unwrap();
    assert!(
        told.notes[0].contains("1 service came from the same source and is gone from it: a2"),
        "{told:?}"
    );
    std::fs::rename(laptop.0.files.path().join("all/b.toml"), laptop.0.files.path().join("all/.b.toml"))
        .unwrap();
    laptop.0.write("all/.b.toml", &one("b"));
    // One that was left out is not gone, nor one that nobody asks about.
    for (options, gone) in [(["--exclude", "a*"], ["b"].as_slice()), (["--include", "a1"], &[])] {
        let removed = plan(server.definer.plan(&laptop.order("all", &options, true)).await.unwrap());
        let removed = removed.steps.iter().filter(|step| matches!(step.change, Change::Remove(_)));
        assert_eq!(removed.map(|step| step.name.as_str()).collect::<Vec<_>>(), gone, "{options:?}");
    }
    server.apply(&laptop.order("all", &[], true)).await;
    assert_eq!(server.names().await, ["a1", "own", "theirs", "typed"]);
}

#[tokio::test]
async fn what_the_host_lacks_is_told_with_its_place() {
    let (server, laptop) = (Server::new().await, Laptop::new());
    let refused = async |text: &str| {
        laptop.0.write("x.toml", text);
        let order = laptop.order("x.toml", &[], false);
        let error = server.definer.apply(&order).await.unwrap_err();
        let DefineError::Definition(fault) = error else { panic!("{error:?}") };
        let Fault { report, flaws } = *fault;
        (report, flaws.len())
    };
    let one = |rest: &str| format!("[[services]]\nname = \"web\"\nstart_command = \"x\"\n{rest}\n");
    let (report, flaws) = refused(&one("environment = \"pyy\"")).await;
    assert!(report.contains("there is no environment `pyy`") && flaws == 1, "{report}");
    let (report, flaws) = refused(&one("alerts = \"nobody\"")).await;
    assert!(report.contains("there is no alert group `nobody`") && flaws == 1, "{report}");
    let (report, _) = refused("services = []").await;
    assert!(report.contains("the files define no service"), "{report}");
    assert!(server.names().await.is_empty());
}

#[tokio::test]
async fn an_order_that_says_what_cannot_be_is_refused() {
    let (server, laptop) = (Server::new().await, Laptop::new());
    let good = laptop.order("jobs.toml", &[], false);
    let refused = async |change: &dyn Fn(&mut Order), told: &str| {
        let mut order = good.clone();
        change(&mut order);
        let error = server.definer.apply(&order).await.unwrap_err();
        assert!(matches!(error, DefineError::Definition(_)), "{error:?}");
        assert!(error.to_string().contains(told), "{error}");
    };
    refused(&|order| order.definition["include"] = "a.toml".into(), "includes no file").await;
    refused(&|order| order.definition["services"][0]["working_directory"] = "x".into(), "absolute").await;
    refused(&|order| order.definition["services"][0]["nme"] = "x".into(), "unknown key `nme`").await;
    let dashboards = serde_json::json!([{ "title": "a", "services": ["web"] }]);
    refused(&|order| order.definition["dashboards"] = dashboards.clone(), "dashboard").await;
    refused(&|order| drop(order.sources.insert("nobody".into(), "x:/y".into())), "`nobody`").await;
    refused(&|order| drop(order.sources.insert("web".into(), "x\n[Service]".into())), "control character")
        .await;
    // A path without a host is a file of the server itself.
    refused(&|order| drop(order.sources.insert("web".into(), "/srv/a.toml".into())), "without its host")
        .await;
    refused(&|order| drop(order.group_sources.insert("ops".into(), ":/x".into())), "without its host").await;
    refused(&|order| order.scope.files.push("/srv/a:b.toml".into()), "without its host").await;
    refused(&|order| drop(order.scope.directories.insert("/srv".into(), Vec::new())), "without its host")
        .await;
    refused(&|order| order.scope.include.push("a[".into()), "pattern").await;
    refused(&|order| order.scope.left_out.push("../x".into()), "service name").await;
    assert!(server.names().await.is_empty() && server.groups().is_empty());
}
