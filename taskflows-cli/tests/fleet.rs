//! One command on several servers: fakes answer for them, one of which may be gone, hang, or refuse.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod host;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use clap::Parser;
use host::{DEFINITION, Host, check};
use taskflows_cli::{Arguments, Asking, CliError, Closed, Exit, LocalDefiner, Ui, Way, run_on_servers};

/// How a server is reached.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    There,
    /// Nobody listens.
    Refused,
    /// It takes a request and never answers.
    Hangs,
    /// This host has no key for it.
    NoKey,
}

struct FakeWay(Mutex<State>);

#[async_trait]
impl Way for FakeWay {
    async fn open(&self, _: bool) -> Result<(), Closed> {
        let state = *self.0.lock().unwrap();
        match state {
            State::Refused => Err(Closed::Silent("connection refused".to_owned())),
            State::Hangs => std::future::pending().await,
            State::There | State::NoKey => Ok(()),
        }
    }

    fn trouble(&self) -> Option<String> {
        None
    }
}

/// Servers, and what their answers were.
struct Fleet {
    local: Host,
    servers: Vec<(String, Host, State)>,
    /// The patterns that are for some servers alone.
    meant: Vec<(&'static str, Vec<&'static str>)>,
    answer: &'static str,
    interactive: bool,
    input: String,
    transcript: String,
}

impl Fleet {
    /// Hosts with the services of [`DEFINITION`].
    fn new(names: &[&str]) -> Self {
        Self::of(names, Host::with_services)
    }

    fn of(names: &[&str], host: impl Fn() -> Host) -> Self {
        let server = |name: &&str| {
            let mut host = host();
            // As the API of that server does it, without the network between.
            host.app.definer = Some(Arc::new(LocalDefiner::new(Arc::new(host.app.clone()))));
            host.app.server = Some((*name).to_owned());
            ((*name).to_owned(), host, State::There)
        };
        let mut local = Host::new();
        local.app.host_name = "laptop".to_owned();
        Self {
            local,
            servers: names.iter().map(server).collect(),
            meant: Vec::new(),
            answer: "",
            interactive: false,
            input: String::new(),
            transcript: String::new(),
        }
    }

    fn host(&mut self, name: &str) -> &mut Host {
        &mut self.servers.iter_mut().find(|(own, ..)| own == name).unwrap().1
    }

    fn set(&mut self, name: &str, state: State) {
        self.servers.iter_mut().find(|(own, ..)| own == name).unwrap().2 = state;
    }

    /// Removes all services of a server but some.
    fn leave(&mut self, name: &str, services: &[&str]) {
        for service in ["broken", "nightly-backup", "web"] {
            if !services.contains(&service) {
                self.host(name).tf(&format!("remove {service}"));
            }
        }
    }

    /// Runs a command line on all servers, in time that does not pass by itself, and returns how long it took.
    fn tf(&mut self, line: &str) -> (Exit, Duration) {
        let directory = self.servers[0].1.files.path().display().to_string();
        let words = shell_words::split(line).unwrap();
        let in_place = |word: String| match word.ends_with(".toml") {
            true => format!("{directory}/{word}"),
            false => word,
        };
        let arguments = Arguments::try_parse_from(
            std::iter::once("tf".to_owned()).chain(words.into_iter().map(in_place)),
        )
        .unwrap_or_else(|error| panic!("{error}"));
        let no_key = CliError::new(Exit::Permission, "there is no key");
        let asking: Vec<Asking<'_>> =
            self.servers
                .iter()
                .map(|(name, host, state)| Asking {
                    name: name.clone(),
                    app: if *state == State::NoKey { Err(no_key.clone()) } else { Ok(&host.app) },
                    way: Some(Arc::new(FakeWay(Mutex::new(*state)))),
                    meant: self.meant.iter().find(|(own, _)| own == name).map(|(_, patterns)| {
                        patterns.iter().map(|pattern| pattern.parse().unwrap()).collect()
                    }),
                })
                .collect();
        let input = format!("{}{}", self.input, self.answer);
        let (mut out, mut status, mut input) = (Vec::new(), Vec::new(), input.as_bytes());
        let mut ui = Ui {
            out: &mut out,
            status: &mut status,
            input: &mut input,
            width: Some(80),
            colour: false,
            interactive: self.interactive,
            quiet: arguments.global.quiet,
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let (exit, took) = runtime.block_on(async {
            let began = tokio::time::Instant::now();
            let exit = run_on_servers(&mut ui, &self.local.app, &asking, &arguments).await;
            (exit, began.elapsed())
        });
        writeln!(self.transcript, "$ tf {line}").unwrap();
        for (sign, text) in [("|", out), ("!", status)] {
            let text = anstream::adapter::strip_bytes(&text).into_vec();
            let mut text = String::from_utf8(text).unwrap();
            for (_, host, _) in &self.servers {
                text = text.replace(&host.files.path().display().to_string(), "[dir]");
            }
            for line in text.lines() {
                writeln!(self.transcript, "{}", format!("{sign} {line}").trim_end()).unwrap();
            }
        }
        writeln!(self.transcript, "= {exit:?}\n").unwrap();
        (exit, took)
    }

    fn installed(&mut self, name: &str) -> usize {
        let host = self.host(name);
        host.transcript.clear();
        host.tf("list -o name");
        host.transcript.lines().filter(|line| line.starts_with('|')).count()
    }
}

const FIVE: [&str; 5] = ["db1", "web1", "web2", "web3", "web4"];

#[test]
fn tables_of_several_servers_are_one_and_fit_eighty_columns() {
    let mut fleet = Fleet::new(&["web1", "web2.example.com"]);
    fleet.leave("web2.example.com", &["web"]);
    fleet.host("web1").tf("start web");
    fleet.tf("list");
    fleet.tf("list web -o json");
    fleet.tf("list -o name");
    fleet.tf("list nightly-backup -o name");
    fleet.tf("list web -o yaml");
    fleet.tf("status");
    fleet.tf("next -n 1");
    let is_fitting = |line: &str| line.chars().count() <= 82;
    assert!(fleet.transcript.lines().filter(|line| line.starts_with('|')).all(is_fitting));
    check!(fleet);
}

#[test]
fn one_of_five_that_is_gone_costs_its_deadline_and_a_line() {
    let mut fleet = Fleet::new(&FIVE);
    fleet.set("web3", State::Refused);
    let (exit, took) = fleet.tf("list web");
    assert_eq!((exit.code(), took), (6, Duration::ZERO));
    fleet.set("web3", State::Hangs);
    let (exit, took) = fleet.tf("list web -o jsonl");
    // Once for what it has, and it is not asked again.
    assert_eq!((exit.code(), took), (6, Duration::from_secs(10)));
    let (exit, took) = fleet.tf("list -o name");
    assert_eq!((exit.code(), took), (6, Duration::from_secs(10)));
    fleet.set("web3", State::NoKey);
    fleet.set("web4", State::Refused);
    fleet.tf("stop web");
    check!(fleet);
}

#[test]
fn none_that_answers_is_unreachable() {
    let mut fleet = Fleet::new(&["web1", "web2", "web3"]);
    fleet.set("web1", State::Hangs);
    fleet.set("web2", State::Refused);
    fleet.set("web3", State::Refused);
    let (exit, took) = fleet.tf("list -o json");
    assert_eq!((exit.code(), took), (9, Duration::from_secs(10)));
    let (exit, took) = fleet.tf("start web");
    assert_eq!((exit.code(), took), (9, Duration::from_secs(10)));
    fleet.tf("create jobs.toml");
    check!(fleet);
}

#[test]
fn a_name_that_one_server_has_is_enough() {
    let mut fleet = Fleet::new(&["web1", "web2"]);
    fleet.leave("web1", &["web"]);
    fleet.leave("web2", &["nightly-backup"]);
    fleet.tf("list web nightly-backup");
    fleet.tf("start web");
    fleet.tf("stop 'w*' nightly-backup");
    fleet.tf("list wbe");
    fleet.tf("stop 'x-*'");
    fleet.tf("show web -o name");
    fleet.tf("status web");
    check!(fleet);
}

#[test]
fn what_went_wrong_is_told_with_the_server() {
    let mut fleet = Fleet::new(&["web1", "web2"]);
    fleet.leave("web2", &["web"]);
    fleet.tf("start broken");
    fleet.tf("start web broken -o json");
    fleet.tf("start web --dry-run");
    check!(fleet);
}

#[test]
fn logs_are_merged_in_the_order_of_time() {
    let mut fleet = Fleet::new(&["db1", "web10"]);
    for (second, text) in [(0, "first"), (4, "third\n  of two lines"), (8, "fifth")] {
        fleet.host("web10").log("web", second, text);
    }
    for (second, text) in [(2, "second"), (6, "fourth")] {
        fleet.host("db1").log("web", second, text);
    }
    fleet.tf("logs web");
    fleet.tf("logs web -n 2");
    fleet.tf("logs web -n 3 -o json");
    fleet.tf("logs web -o raw");
    fleet.tf("logs web -f");
    fleet.tf("logs web -f -o jsonl");
    fleet.set("db1", State::Refused);
    fleet.tf("logs web -f");
    check!(fleet);
}

#[test]
fn what_a_pattern_removes_is_asked_about_once_for_all() {
    let mut fleet = Fleet::new(&["web1", "web2", "web3"]);
    fleet.leave("web2", &["web"]);
    fleet.tf("remove '*'");
    fleet.tf("remove '*' --dry-run");
    fleet.interactive = true;
    fleet.answer = "n\n";
    fleet.tf("remove '*'");
    assert_eq!(fleet.installed("web1"), 3);
    fleet.answer = "y\n";
    fleet.set("web3", State::Refused);
    fleet.tf("remove '*'");
    for (name, left) in [("web1", 0), ("web2", 0), ("web3", 3)] {
        assert_eq!(fleet.installed(name), left, "{name}");
    }
    check!(fleet);
}

#[test]
fn create_plans_on_all_before_it_changes_any() {
    let mut fleet = Fleet::of(&["web1", "web2", "web3"], Host::new);
    fleet.set("web1", State::Refused);
    fleet.set("web3", State::Refused);
    fleet.tf("create jobs.toml");
    fleet.set("web1", State::There);
    fleet.set("web3", State::There);
    fleet.tf("plan jobs.toml");
    fleet.set("web3", State::Refused);
    fleet.tf("create jobs.toml");
    fleet.set("web3", State::There);
    for (name, count) in [("web1", 3), ("web2", 3), ("web3", 0)] {
        assert_eq!(fleet.installed(name), count, "{name}");
    }
    fleet.tf("create jobs.toml -o name");
    fleet.tf("create jobs.toml");
    check!(fleet);
}

#[test]
fn a_server_that_refuses_keeps_all_from_being_changed() {
    let mut fleet = Fleet::of(&["web1", "web2"], Host::new);
    fleet.set("web2", State::NoKey);
    fleet.tf("create jobs.toml");
    fleet.host("web1").write("jobs.toml", "[[services]]\nname = \"web\"\nstart_comand = \"x\"\n");
    fleet.set("web2", State::There);
    fleet.tf("create jobs.toml");
    assert_eq!((fleet.installed("web1"), fleet.installed("web2")), (0, 0));
    check!(fleet);
}

#[test]
fn definitions_on_stdin_reach_every_server() {
    let mut fleet = Fleet::of(&["web1", "web2"], Host::new);
    fleet.input = DEFINITION.to_owned();
    let (exit, _) = fleet.tf("create -");
    assert_eq!(exit, Exit::Ok);
    assert_eq!((fleet.installed("web1"), fleet.installed("web2")), (3, 3));
}

#[test]
fn the_same_failure_everywhere_keeps_its_exit_code() {
    let mut fleet = Fleet::new(&["web1", "web2"]);
    fleet.set("web1", State::NoKey);
    fleet.set("web2", State::NoKey);
    assert_eq!(fleet.tf("list").0, Exit::Permission);
    fleet.set("web2", State::There);
    assert_eq!(fleet.tf("list").0, Exit::Partial);
    check!(fleet);
}

/// The service that answers for a server, and others.
const WITH_API: &str = "version = 1\n[[services]]\nname = \"srv-api\"\nstart_command = \"tf api\"\n";

#[test]
fn what_answers_for_a_server_is_meant_where_it_is_named_alone() {
    let mut fleet = Fleet::new(&["web1", "web2"]);
    for name in ["web1", "web2"] {
        fleet.host(name).write("api.toml", WITH_API);
        fleet.host(name).tf("create api.toml");
    }
    fleet.tf("list -o name");
    fleet.tf("list --all -o name");
    fleet.tf("list 'srv-*' -o name");
    fleet.tf("status -o name");
    fleet.tf("restart '*' -o name");
    fleet.tf("remove '*' --yes");
    fleet.tf("list srv-api -o name");
    fleet.tf("remove '*' --yes");
    check!(fleet);
}

#[test]
fn a_service_of_one_server_is_looked_for_there_alone() {
    let mut fleet = Fleet::new(&["web1", "web2"]);
    fleet.meant = vec![("web1", vec!["web"]), ("web2", vec!["broken"])];
    fleet.tf("list web1/web web2/broken -o name");
    fleet.tf("remove web1/web web2/broken");
    fleet.meant = vec![("web1", vec!["nightly-backup"]), ("web2", vec![])];
    fleet.tf("stop web1/nightly-backup -o name");
    fleet.tf("remove web1/nightly-backup");
    assert_eq!((fleet.installed("web1"), fleet.installed("web2")), (1, 2));
    check!(fleet);
}

#[test]
fn what_is_gone_from_the_definitions_is_asked_about_once_for_all() {
    let mut fleet = Fleet::of(&["web1", "web2", "web3"], Host::new);
    fleet.tf("create jobs.toml -s @all");
    let left = DEFINITION.replace("[[services]]\nname = \"broken\"\nstart_command = \"false\"\n", "");
    fleet.host("web1").write("jobs.toml", &left.replace("sleep infinity", "sleep 1d"));
    fleet.transcript.clear();
    // Nobody is there to answer.
    fleet.tf("create jobs.toml --prune");
    fleet.interactive = true;
    fleet.answer = "n\n";
    fleet.tf("create jobs.toml --prune");
    assert_eq!([fleet.installed("web1"), fleet.installed("web2"), fleet.installed("web3")], [3, 3, 3]);
    fleet.answer = "y\n";
    fleet.set("web3", State::Refused);
    fleet.tf("create jobs.toml --prune");
    assert_eq!([fleet.installed("web1"), fleet.installed("web2"), fleet.installed("web3")], [2, 2, 3]);
    fleet.set("web3", State::There);
    fleet.answer = "";
    fleet.tf("create jobs.toml --prune --yes");
    assert_eq!(fleet.installed("web3"), 2);
    check!(fleet);
}

#[test]
fn long_names_of_servers_leave_room_for_the_rest() {
    let mut fleet =
        Fleet::new(&["web1.eu-central-1.compute.example.com", "web2.eu-central-1.compute.example.com"]);
    fleet.tf("status");
    let mut fleet =
        Fleet { transcript: fleet.transcript, ..Fleet::new(&["ip-10-0-12-34-of-rack-7", "web1"]) };
    fleet.host("web1").tf("start web");
    fleet.tf("status");
    fleet.tf("list web -o wide");
    assert_eq!(
        fleet.transcript.matches(" nightly-backup ").count(),
        4,
        "names are whole: {}",
        fleet.transcript
    );
    check!(fleet);
}

#[test]
fn units_that_are_alike_are_shown_once() {
    let mut fleet = Fleet::of(&["web1", "web2", "web3"], Host::new);
    fleet.tf("create jobs.toml");
    fleet.set("web3", State::Refused);
    fleet.transcript.clear();
    fleet.tf("show web");
    check!(fleet);
}
